"""The real clock of a machine."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class SystemClock:
    """Durations from the monotonic clock, stamps for people from the wall clock."""

    def now(self) -> float:
        """Return epoch seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return time.monotonic()

    def wait(self, seconds: float, stop: Callable[[float], bool]) -> bool:
        """Wait that long, or until ``stop``; tell whether it was stopped."""
        return stop(max(0.0, seconds))
