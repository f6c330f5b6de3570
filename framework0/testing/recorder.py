"""A journal that remembers as long as it lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from framework0.context import Change
    from framework0.runner import AttemptRecord


class MemoryRecorder:
    """Implements :class:`framework0.runner.Recorder` in memory: everything is durable at once.

    ``attempts``, ``decisions`` and ``changes`` are what a history would hold; ``started`` counts the
    attempts begun by node. ``on_durable`` is called with each record. ``refuse_after`` records the
    next append raises ``error``, as a full disk would.
    """

    def __init__(self, error: Exception | None = None, refuse_after: int | None = None) -> None:
        self.attempts: list[AttemptRecord] = []
        self.decisions: dict[tuple[int, str], Any] = {}
        self.changes: list[Change] = []
        self.started: dict[int, int] = {}
        self.nodes = 0
        self.state = "running"
        self.on_durable: Callable[[Sequence[AttemptRecord]], None] | None = None
        self._error = error
        self._refuse_after = refuse_after

    def mark_started(self, node: int) -> int:
        """Count one more attempt of ``node``."""
        self.started[node] = self.started.get(node, 0) + 1
        return self.started[node]

    def extend(self, nodes: int) -> None:
        """Note that there are ``nodes`` nodes now."""
        self.nodes = nodes

    def append(self, record: AttemptRecord, changes: Sequence[Change]) -> None:
        """Remember an attempt and its context changes."""
        if self._error is not None and len(self.attempts) == self._refuse_after:
            raise self._error
        self.attempts.append(record)
        self.changes.extend(changes)
        if self.on_durable is not None:
            self.on_durable([record])

    def decide(
        self, node: int, kind: str, value: Any, then: Callable[[], None] | None = None
    ) -> None:
        """Remember a decision, and call ``then``."""
        self.decisions[node, kind] = value
        if then is not None:
            then()

    def flush(self) -> None:
        """Nothing waits: what was appended is kept."""

    def ending(self, state: str) -> None:
        """Nothing waits: the end is remembered by :meth:`finish`."""

    def finish(self, state: str) -> None:
        """Remember how the run ended."""
        self.state = state
