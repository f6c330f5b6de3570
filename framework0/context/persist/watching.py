"""A thread that looks for what other processes commit, while somebody watches.

Looking is reading one number from shared memory, a hundred times a second; see
:mod:`framework0.context.persist.counter`.
"""

from __future__ import annotations

from threading import Event, Thread
from weakref import WeakMethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

LOOK_SECONDS: Final = 0.01
"""How long another process's commit stays unnoticed by those who only watch, at most."""


class Lookout:
    """Calls ``look`` (held weakly) again and again, until it says False or the lookout is ended."""

    def __init__(self, look: Callable[[], bool], seconds: float = LOOK_SECONDS) -> None:
        self._look = WeakMethod(look)
        self._seconds = seconds
        self._ended = Event()
        # Daemon: watching alone must not keep the process alive.
        self._thread = Thread(target=self._run, name="framework0-context-watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more; does not wait."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            look = self._look()
            # Only its owners keep the store alive, not this thread.
            if look is None or not look():
                return
            del look
