"""A segment: memory that processes share. It has no name, so it is gone with its last holder.

On Linux it is a ``memfd``; elsewhere a file that was unlinked before anything was written. What a
``kill -9`` leaves of either is nothing: the kernel counts who has it open or mapped.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    Buffer = bytes | bytearray | memoryview

HELD: Final = 256
"""Segments one process keeps open; the oldest beyond that become private memory, because a process
may have only so many open files (often 1,024)."""

ALIGNMENT: Final = 64
"""Bytes; what array libraries like their data to begin at."""

_AT_ONCE: Final = 1 << 30
"""Bytes in one write; the kernel takes less than 2 GiB at a time."""


class Segment:
    """Some bytes of shared memory, written once. ``size`` is in bytes.

    It lives as long as this object, a mapping, or another process that was sent its descriptor.
    """

    __slots__ = ("__weakref__", "_data", "_descriptor", "size")

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._data: bytes | None = None
        self.size = size
        _held.append(weakref.ref(self))
        if len(_held) > HELD:
            _thin_out()

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def fileno(self) -> int:
        """Return the descriptor to pass on, for as long as this object lives."""
        if self._descriptor < 0:
            assert self._data is not None
            self._descriptor = _filled([self._data])
            self._data = None
        return self._descriptor

    def map(self) -> mmap.mmap:
        """Return the content as memory that nobody can change."""
        return mmap.mmap(self.fileno(), self.size, prot=mmap.PROT_READ)

    def fold(self) -> None:
        """Give the descriptor back and keep the content in this process alone."""
        if self._descriptor >= 0:
            with mmap.mmap(self._descriptor, self.size, prot=mmap.PROT_READ) as content:
                self._data = content[:]
            os.close(self._descriptor)
            self._descriptor = -1


_held: deque[weakref.ref[Segment]] = deque()


def _thin_out() -> None:
    living = [each for each in _held if each() is not None]
    _held.clear()
    _held.extend(living)
    while len(_held) > HELD:
        oldest = _held.popleft()()
        if oldest is not None:
            oldest.fold()


def share(parts: Iterable[Buffer]) -> tuple[Segment, list[tuple[int, int]]]:
    """Copy ``parts`` into a new segment, once; return it and where each part is (offset, length).

    Raises OSError when there is not enough memory.
    """
    parts = [memoryview(part).cast("B") for part in parts]
    places, offset = [], 0
    for part in parts:
        places.append((offset, len(part)))
        offset += -(-len(part) // ALIGNMENT) * ALIGNMENT
    return Segment(_filled(parts), max(offset, 1)), places


def _filled(parts: Iterable[Buffer]) -> int:
    descriptor = _new()
    try:
        offset = 0
        for part in parts:
            rest = memoryview(part)
            place = offset
            while rest:
                written = os.pwrite(descriptor, rest[:_AT_ONCE], place)
                place += written
                rest = rest[written:]
            offset += -(-len(part) // ALIGNMENT) * ALIGNMENT
        os.ftruncate(descriptor, max(offset, 1))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _new() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("framework0", os.MFD_CLOEXEC)
    import tempfile

    with tempfile.TemporaryFile(prefix="framework0-") as file:
        return os.dup(file.fileno())
