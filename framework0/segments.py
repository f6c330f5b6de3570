"""Segments: memory that processes share. It has no name, so it is gone with its last holder.

On Linux it is a ``memfd``, sealed once it is written, so that not even its maker can change or cut it
while others read; elsewhere, and where a sandbox forbids that, a file that was unlinked before anything
was written. What a ``kill -9`` leaves of either is nothing: the kernel counts who has it open or mapped,
and descriptors that travel through a socket are counted as well.
"""

from __future__ import annotations

import array
import errno
import mmap
import os
import socket
import weakref
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Final

    Buffer = bytes | bytearray | memoryview

HELD: Final = 256
"""Segments one process keeps open; the oldest beyond that become private memory, because a process
may have only so many open files (often 1,024)."""

ALIGNMENT: Final = 64
"""Bytes; what array libraries like their data to begin at."""

MOST_DESCRIPTORS: Final = 64
"""Descriptors that come with one message at most (the kernel's own limit is 253)."""

_AT_ONCE: Final = 1 << 30
"""Bytes in one write; the kernel takes less than 2 GiB at a time."""

# Where Linux keeps files in memory.
# A file there is unlinked before it is written to.
_MEMORY_FILES: Final = "/dev/shm"  # noqa: S108

# Linux's own numbers (fcntl.h): cannot be sealed further, cut, enlarged, written.
_ADD_SEALS: Final = 1033
_GET_SEALS: Final = 1034
_SEALS: Final = 0x1 | 0x2 | 0x4 | 0x8

# Whether this system seals memory, once that was tried.
_seals: bool | None = None

_SPACE: Final = socket.CMSG_SPACE(MOST_DESCRIPTORS * 4) if hasattr(socket, "CMSG_SPACE") else 0


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

    def sealed(self) -> bool:
        """Tell whether nobody can change or cut it, which a file cannot promise."""
        return _is_sealed(self.fileno())

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


def filled(size: int, fill: Callable[[memoryview], object]) -> Segment:
    """Return a new segment of ``size`` bytes that ``fill`` has written, without any copy.

    Raises BufferError when ``fill`` has kept the memory it was given, which nobody may change afterward,
    and OSError when there is not enough memory.
    """
    descriptor = _new()
    try:
        os.ftruncate(descriptor, max(size, 1))
        memory = mmap.mmap(descriptor, max(size, 1))
        with memoryview(memory) as whole, whole[:size] as part:
            fill(part)
        memory.close()
        _seal(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return Segment(descriptor, max(size, 1))


def send(end: socket.socket, data: bytes, beside: Sequence[Segment], flags: int = 0) -> None:
    """Send one message with the descriptors of ``beside``."""
    if beside:
        descriptors = array.array("i", [segment.fileno() for segment in beside])
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
        sent = end.sendmsg([data], ancillary, flags)
        if sent < len(data):
            end.sendall(data[sent:])
    elif flags:
        end.send(data, flags)
    else:
        end.sendall(data)


def receive(end: socket.socket, size: int, flags: int = 0) -> tuple[bytes, list[int]]:
    """Receive what is there, and the descriptors beside it, closed in programs that are started."""
    data, ancillary, _, _ = end.recvmsg(size, _SPACE, flags | socket.MSG_CMSG_CLOEXEC)
    if not ancillary:
        return data, []
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
    return data, list(descriptors)


def segments_of(descriptors: Sequence[int]) -> list[Segment]:
    """Return the segments that came as ``descriptors``."""
    return [Segment(each, os.fstat(each).st_size) for each in descriptors]


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
        _seal(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def address_of(memory: mmap.mmap | memoryview) -> int:
    """Return where in this process's memory a buffer begins; Python itself does not tell."""
    import ctypes

    # The first field of Py_buffer (Include/cpython/pybuffer.h), with more room than the rest needs.
    buffer = (ctypes.c_void_p * 16)()
    python = ctypes.pythonapi
    python.PyObject_GetBuffer(ctypes.py_object(memory), ctypes.byref(buffer), 0)
    address = buffer[0] or 0
    python.PyBuffer_Release(ctypes.byref(buffer))
    return address


def can_seal() -> bool:
    """Tell whether memory made in this process is sealed, so that others can be asked for the same."""
    global _seals  # noqa: PLW0603
    if _seals is None:
        _seals = share([b""])[0].sealed()
    return _seals


def _new() -> int:
    if hasattr(os, "memfd_create"):
        try:
            return os.memfd_create("framework0", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        except OSError as error:
            # A sandbox may refuse what the kernel knows.
            if error.errno not in (errno.ENOSYS, errno.EPERM):
                raise
    return _unlinked_file()


def _unlinked_file() -> int:
    import tempfile

    folder = _MEMORY_FILES if os.access(_MEMORY_FILES, os.W_OK) else None
    with tempfile.TemporaryFile(prefix="framework0-", dir=folder) as file:
        return os.dup(file.fileno())


def _seal(descriptor: int) -> None:
    """Have the kernel refuse every change from now on, where it can."""
    import fcntl

    try:
        fcntl.fcntl(descriptor, _ADD_SEALS, _SEALS)
    except OSError as error:
        # A file cannot be sealed; on other systems the call is not known.
        if error.errno not in (errno.EINVAL, errno.EPERM):
            raise


def _is_sealed(descriptor: int) -> bool:
    import fcntl

    try:
        return fcntl.fcntl(descriptor, _GET_SEALS) & _SEALS == _SEALS
    except OSError:
        # A file has no seals.
        return False
