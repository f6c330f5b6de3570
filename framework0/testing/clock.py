"""A clock that stands still until something is waited for."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue

FIRST_STAMP = 1_700_000_000.0
"""Epoch seconds at which the fake wall clock begins; any fixed moment would do."""


class FakeClock:
    """Implements :class:`framework0.runner.Clock` and that of the step engine; not for several threads.

    Waiting moves the time straight to the next thing that happens: an appointment made with
    :meth:`at`, or the end of the wait. ``jump`` moves the wall clock alone, as a person or NTP does.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._jumped = 0.0
        self._appointments: list[tuple[float, int, Callable[[], None]]] = []
        self._made = 0

    def monotonic(self) -> float:
        """Return the seconds since the clock was made."""
        return self.seconds

    def now(self) -> float:
        """Return epoch seconds."""
        return FIRST_STAMP + self.seconds + self._jumped

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back."""
        self._jumped += seconds

    def at(self, moment: float, action: Callable[[], None]) -> None:
        """Call ``action`` when the clock reaches ``moment``, in the thread that waits."""
        self._made += 1
        heappush(self._appointments, (moment, self._made, action))

    def take(
        self, queue: SimpleQueue[Callable[[], None]], seconds: float
    ) -> Callable[[], None] | None:
        """Return the next action of ``queue``, keeping appointments until there is one."""
        end = self.seconds + max(0.0, seconds)
        while queue.empty():
            if not self._appointments or self._appointments[0][0] > end:
                self.seconds = end
                return None
            moment, _, action = heappop(self._appointments)
            self.seconds = max(self.seconds, moment)
            action()
        return queue.get_nowait()

    def wait(self, seconds: float, stop: Callable[[float], bool]) -> bool:
        """Move the time on, keeping appointments; tell whether one of them has stopped the wait."""
        end = self.seconds + max(0.0, seconds)
        while not stop(0.0) and self._appointments and self._appointments[0][0] <= end:
            moment, _, action = heappop(self._appointments)
            self.seconds = max(self.seconds, moment)
            action()
        if stop(0.0):
            return True
        self.seconds = end
        return False
