"""A store of context changes in memory that can be told to fail, as a disk or a server does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework0.context import MemoryStore
from framework0.errors import ContextError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from framework0.context import Author, Change, Request, Write


class FakeStore(MemoryStore):
    """Implements :class:`framework0.context.Store`; all of it is in memory.

    Each of the ``troubles`` is raised by one call of :meth:`apply`, in order, in place of doing what
    was asked; None lets that call through. ``applied`` counts the calls that were let through.
    """

    def __init__(self, troubles: Sequence[Exception | None] = (), **limits: Any) -> None:
        super().__init__(**limits)
        self.troubles = list(troubles)
        self.applied = 0

    def apply(
        self,
        writes: Sequence[Write],
        author: Author,
        at: float,
        expected: Mapping[str, int] | None = None,
        expected_version: int | None = None,
        operation: str | None = None,
    ) -> tuple[Change, ...]:
        """Make all ``writes``, or raise the next trouble and make none."""
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None:
            raise trouble
        made = super().apply(writes, author, at, expected, expected_version, operation)
        self.applied += 1
        return made

    def apply_all(self, requests: Sequence[Request]) -> list[tuple[Change, ...] | ContextError]:
        """Do what each request asks, a trouble for each one too; only ContextErrors are answers."""
        answers: list[tuple[Change, ...] | ContextError] = []
        for request in requests:
            try:
                answers.append(self.apply(*request))
            except ContextError as error:
                answers.append(error)
        return answers
