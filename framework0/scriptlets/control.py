"""What a runner hands to one attempt of a scriptlet: who it is, and how it is told to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Flag(Protocol):
    """Anything like :class:`threading.Event`, as far as asking it goes."""

    def is_set(self) -> bool:
        """Tell whether it was set."""


class Control:
    """One attempt as its scriptlet sees it. Everything is optional: by hand, ``Control()`` will do."""

    __slots__ = ("attempt", "cancelled", "progress", "run_id", "step")

    def __init__(
        self,
        *,
        cancelled: Flag | None = None,
        progress: Callable[[int, int], None] | None = None,
        attempt: int = 1,
        run_id: str = "",
        step: str = "",
    ) -> None:
        self.cancelled = cancelled
        self.progress = progress
        self.attempt = attempt
        self.run_id = run_id
        self.step = step

    def is_cancelled(self) -> bool:
        """Tell whether the attempt was told to stop."""
        return self.cancelled is not None and self.cancelled.is_set()


BY_HAND = Control()
"""Shared by every scriptlet that no runner controls."""
