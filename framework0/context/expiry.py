"""Values that end by themselves: whose time is over, and a thread that sees to it when nobody asks.

A store keeps one :class:`Expiry` from its first value with a time to live on. What has ended is found
out in two ways that cannot disagree: each call of the store asks :meth:`Expiry.over` before it
answers, and a thread wakes up at the next deadline so that watchers are told in time.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from math import isfinite
from threading import Condition, Thread
from time import monotonic
from weakref import WeakMethod

from framework0.context.limits import TTL_SECONDS
from framework0.errors import ContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Deadlines that were moved or dropped stay in the heap until there are this many times as many.
_STALE_TIMES = 2
_STALE_FLOOR = 64


def check_ttl(ttl: Any, key: str = "") -> float:
    """Return ``ttl`` as seconds; raises ContextError when it is no time to live."""
    if (
        isinstance(ttl, int | float)
        and not isinstance(ttl, bool)
        and isfinite(ttl)
        and 0 < ttl <= TTL_SECONDS
    ):
        return float(ttl)
    of = f" of {key!r}" if key else ""
    raise ContextError(
        f"the time to live{of} is {ttl!r:.80}; give seconds above 0 and up to "
        f"{TTL_SECONDS:,.0f}, or leave it out for a value that stays"
    )


class Deadlines:
    """Which key ends when, by a clock that is never set back (seconds). For one thread at a time."""

    def __init__(self) -> None:
        self._end: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._end)

    def set(self, key: str, end: float) -> None:
        """Let ``key`` end at ``end`` and not when it would have ended before."""
        self._end[key] = end
        heappush(self._heap, (end, key))
        if len(self._heap) > _STALE_FLOOR + _STALE_TIMES * len(self._end):
            self._heap = [(end, key) for key, end in self._end.items()]
            heapify(self._heap)

    def drop(self, key: str) -> None:
        """Let ``key`` stay: it was removed, or set for good."""
        self._end.pop(key, None)

    def next(self) -> float | None:
        """Return when the next key ends, None when none does."""
        heap = self._heap
        while heap and self._end.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def over(self, now: float) -> list[str]:
        """Return the keys whose time is over at ``now``, the earliest first, and forget them."""
        keys = []
        while (end := self.next()) is not None and end <= now:
            key = heappop(self._heap)[1]
            del self._end[key]
            keys.append(key)
        return keys


class Expiry:
    """The deadlines of one store, and a thread that lives while there are some.

    ``expire`` removes what is over and returns in how many seconds it must be called again, None when
    nothing is left; it is held weakly, so a store that is forgotten ends its thread. All but the
    thread is called with the store's lock held, and ``expire`` takes that lock itself.
    """

    def __init__(
        self, expire: Callable[[], float | None], clock: Callable[[], float] = monotonic
    ) -> None:
        self.deadlines = Deadlines()
        self._clock = clock
        self._expire = WeakMethod(expire, lambda _: self.stop())
        self._changed = Condition()
        self._running = False
        self._stopped = False
        self._earlier = False

    def later(self, key: str, seconds: float) -> None:
        """Let ``key`` end in so many seconds."""
        before = self.deadlines.next()
        end = self._clock() + seconds
        self.deadlines.set(key, end)
        if before is None or end < before:
            self._wake()

    def over(self) -> list[str]:
        """Return the keys whose time is over, the earliest first, and forget them."""
        return self.deadlines.over(self._clock())

    def pause(self) -> float | None:
        """Return the seconds until the next key ends, None when none does."""
        end = self.deadlines.next()
        return None if end is None else max(0.0, end - self._clock())

    def stop(self) -> None:
        """End the thread: nothing is removed any more but by a call of the store."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _wake(self) -> None:
        """Look again when the next key ends: earlier than was known."""
        with self._changed:
            self._earlier = True
            if self._running or self._stopped:
                self._changed.notify()
                return
            self._running = True
        # Daemon: a value that ends in a year must not keep the process alive.
        Thread(target=self._run, name="framework0-context-expiry", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._earlier = False
            expire = self._expire()
            pause = None if expire is None else expire()
            # Only the store's owners keep it alive, not this thread.
            del expire
            with self._changed:
                if self._stopped or (pause is None and not self._earlier):
                    self._running = False
                    return
                if not self._earlier:
                    self._changed.wait(pause)
