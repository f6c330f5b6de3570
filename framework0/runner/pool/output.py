"""What the jobs of one worker print, and what their children print: one file, read piece by piece.

The worker's standard output and errors lead to this file for as long as it lives, so a job costs
nothing as long as it prints nothing, and all writers keep one order. Each outcome says how far the
file had got when its job was over; up to there it belongs to that job's log.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

_CHUNK: Final = 1 << 20

_FREED: Final = 16 << 20
"""Bytes already copied that are given back to the disk at a time, while a job goes on printing."""

_KEEP_SIZE, _PUNCH_HOLE = 1, 2
"""From <linux/falloc.h>."""


class Output:
    """The file, and how far it has been copied into logs. ``folder`` is on the disk of the logs."""

    def __init__(self, folder: str | None) -> None:
        self.descriptor = _unnamed(folder)
        self._done = 0
        self._freed = 0

    def size(self) -> int:
        """Return how many bytes were printed so far."""
        return os.fstat(self.descriptor).st_size

    def copy(self, log: Any, end: int) -> None:
        """Append what was printed up to ``end`` to ``log``; None drops it."""
        while self._done < end:
            part = os.pread(self.descriptor, min(_CHUNK, end - self._done), self._done)
            if not part:
                # Somebody made the file shorter: it was the job's own output.
                self._done = end
                return
            self._done += len(part)
            if log is not None:
                log.take(part)
        if self._done - self._freed > _FREED:
            self._free()

    def close(self) -> None:
        """Give the file back; a second call does nothing."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _free(self) -> None:
        import ctypes

        punch = ctypes.CDLL(None).fallocate
        punch.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
        # Where the file system cannot, the space is given back when the worker ends.
        punch(self.descriptor, _KEEP_SIZE | _PUNCH_HOLE, 0, self._done)
        self._freed = self._done


def _unnamed(folder: str | None) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
    if folder is not None:
        try:
            os.makedirs(folder, 0o700, exist_ok=True)
            return os.open(folder, flags | os.O_TMPFILE, 0o600)
        # A file system without unnamed files, or one that is full: memory will do for short texts.
        except OSError:
            pass
    import fcntl

    descriptor = os.memfd_create("framework0-output", os.MFD_CLOEXEC)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_APPEND)
    return descriptor
