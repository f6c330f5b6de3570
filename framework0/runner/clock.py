"""The real clock of a run."""

from __future__ import annotations

import time
from queue import Empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue


class SystemClock:
    """Durations from the monotonic clock, stamps for people from the wall clock."""

    def __init__(self) -> None:
        self.monotonic = time.monotonic

    def now(self, _time_ns: Callable[[], int] = time.time_ns) -> float:
        """Return epoch seconds, to the microsecond: finer ones cost the journal more than they tell."""
        return _time_ns() // 1000 / 1_000_000

    def take(
        self, queue: SimpleQueue[Callable[[], None]], seconds: float
    ) -> Callable[[], None] | None:
        """Return the next action of ``queue``, or None after ``seconds``."""
        try:
            return queue.get(timeout=max(0.0, seconds))
        except Empty:
            return None
