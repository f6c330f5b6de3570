"""Waiting for one thing to happen, in a thread or on an event loop; ringing wakes who waits."""

from __future__ import annotations

from _thread import TIMEOUT_MAX, allocate_lock
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future


class ThreadBell:
    """Rung once, from any thread; one thread waits for it."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the waiting thread; to be called once."""
        self._lock.release()

    def wait(self, until: float | None) -> bool:
        """Wait until it rings or the monotonic clock says ``until``; False if time ran out."""
        if until is None:
            return self._lock.acquire()
        return self._lock.acquire(timeout=min(max(until - monotonic(), 0.0), TIMEOUT_MAX))


class LoopBell:
    """Rung once, from any thread; one task of the running event loop waits for it."""

    __slots__ = ("_future", "_loop")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._future: Future[None] = loop.create_future()

    def ring(self) -> None:
        """Wake the waiting task; harmless when its loop has ended."""
        try:
            self._loop.call_soon_threadsafe(self._set)
        except RuntimeError:
            # The loop is closed, and with it whoever waited.
            return

    async def wait(self, until: float | None) -> bool:
        """Wait until it rings or the monotonic clock says ``until``; False if time ran out."""
        import asyncio

        if until is None:
            await self._future
            return True
        try:
            await asyncio.wait_for(self._future, max(until - monotonic(), 0.0))
        except TimeoutError:
            return False
        return True

    def _set(self) -> None:
        if not self._future.done():
            self._future.set_result(None)


def deadline(timeout: float | None) -> float | None:
    """Return when the monotonic clock will say that ``timeout`` seconds have passed."""
    return None if timeout is None else monotonic() + timeout
