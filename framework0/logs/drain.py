"""A pipe whose far end a thread empties into a log, so that what children write can be masked."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSE_SECONDS: Final = 1.0
"""How long closing waits for the pipe's end: a grandchild may hold it open for ever."""

_CHUNK: Final = 64 * 1024


class Drain:
    """Reads a pipe until every writer has closed it, handing each chunk to ``sink``."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self._read, self._write = os.pipe()
        self._sink = sink
        # Bytes that have left the pipe, and bytes that the sink has taken.
        self._taken_out = 0
        self._handed_on = 0
        self._taking = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._pump, name="step-log", daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        """Return the end that is written to."""
        return self._write

    def close(self) -> None:
        """Close our own end and wait until the rest is read, for the pipe's end at most ``CLOSE_SECONDS``.

        What was written before is read however long that takes: on a busy machine a second is short.
        """
        written = self._written()
        os.close(self._write)
        self._thread.join(CLOSE_SECONDS)
        while self._thread.is_alive() and self._handed_on < written:
            self._thread.join(CLOSE_SECONDS)

    def _written(self) -> int:
        """Return how many bytes were written so far, as far as the system tells."""
        try:
            from fcntl import ioctl
            from termios import FIONREAD
        except ImportError:
            return 0
        with self._taking:
            if self._ended:
                return self._handed_on
            waiting = int.from_bytes(ioctl(self._read, FIONREAD, bytes(4)), "little")
            return self._taken_out + waiting

    def _pump(self) -> None:
        wait = _waiting_for(self._read)
        with os.fdopen(self._read, "rb", buffering=0) as pipe:
            while chunk := self._take(pipe.fileno(), wait):
                self._sink(chunk)
                self._handed_on += len(chunk)
            with self._taking:
                self._ended = True

    def _take(self, descriptor: int, wait: Callable[[], object]) -> bytes:
        """Wait for something to read, and read it; nothing is both out of the pipe and not counted."""
        wait()
        with self._taking:
            chunk = os.read(descriptor, _CHUNK)
            self._taken_out += len(chunk)
            return chunk


def _waiting_for(descriptor: int) -> Callable[[], object]:
    """Return what waits until there is something to read; where there is no poll, reading itself waits."""
    import select

    if not hasattr(select, "poll"):
        return lambda: None
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return poll.poll
