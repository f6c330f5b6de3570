"""Waiting for descriptors and for the end of children at once, without polling."""

from __future__ import annotations

import os
import select
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType


class Wakeup:
    """Makes SIGCHLD readable on a pipe, so that one ``poll`` waits for everything.

    One per process, in its main thread; a forked child makes its own.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        signal.signal(signal.SIGCHLD, _woken)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def wait(self, seconds: float | None, files: tuple[Any, ...] = ()) -> list[int]:
        """Wait until one of ``files`` is readable or a child ended; return the readable descriptors."""
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        for file in files:
            poll.register(file, select.POLLIN)
        # Milliseconds, rounded up: waking early would be a busy loop.
        ready = [fd for fd, _ in poll.poll(None if seconds is None else int(seconds * 1000) + 1)]
        if self._read in ready:
            ready.remove(self._read)
            self._drain()
        return ready

    def _drain(self) -> None:
        try:
            while os.read(self._read, 4096):
                continue
        except BlockingIOError:
            return

    def close(self) -> None:
        """Undo it, in a child that goes on as something else."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self._read)
        os.close(self._write)


def _woken(_number: int, _frame: FrameType | None) -> None:
    """Have Python write to the wake-up pipe; that is all a signal needs here."""
