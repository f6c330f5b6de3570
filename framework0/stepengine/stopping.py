"""Telling a machine to stand still, from another thread or from a handler of signals."""

from __future__ import annotations

from queue import Empty, SimpleQueue


class Stop:
    """A one-way switch that somebody may be waiting for."""

    __slots__ = ("_woken", "asked")

    def __init__(self) -> None:
        self.asked = False
        # Of all ways to wake a thread, this one may also be used by a handler in that very thread.
        self._woken: SimpleQueue[None] = SimpleQueue()

    def ask(self) -> None:
        """Turn it, for good."""
        self.asked = True
        self._woken.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait until it is turned, at most that long; tell whether it is."""
        if not self.asked:
            try:
                self._woken.get(timeout=max(0.0, seconds))
            except Empty:
                return self.asked
        return True
