"""A number in memory that a worker and the runner share: the serial of the job the worker has begun.

A job that a worker took from its queue in the very moment in which it was killed has not begun. Only what
the worker wrote down after taking it tells the difference, and memory outlives its writer at no cost.
"""

from __future__ import annotations

import mmap
import os
import struct

_NUMBER = struct.Struct("Q")


class Counter:
    """The number. ``descriptor`` is what the other side needs to see the same one."""

    def __init__(self, descriptor: int | None = None) -> None:
        if descriptor is None:
            descriptor = os.memfd_create("framework0-begun", os.MFD_CLOEXEC)
            os.ftruncate(descriptor, _NUMBER.size)
        self.descriptor = descriptor
        try:
            self._memory = mmap.mmap(descriptor, _NUMBER.size)
        except OSError:
            os.close(descriptor)
            raise

    def write(self, number: int) -> None:
        """Set it."""
        _NUMBER.pack_into(self._memory, 0, number)

    def read(self) -> int:
        """Return it; 0 at first."""
        number: int = _NUMBER.unpack_from(self._memory)[0]
        return number

    def close(self) -> None:
        """Give it back; a second call does nothing."""
        if self.descriptor >= 0:
            self._memory.close()
            os.close(self.descriptor)
            self.descriptor = -1
