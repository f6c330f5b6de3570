"""Arrays and bytes in memory that other processes can see: copied in once, never copied again.

Nobody can change what has been shared, not even who made it, so it needs no lock. It lives as long as
anybody holds it, in whatever process, and ends with the last of them, killed or not (see
:mod:`framework0.segments`).
"""

from __future__ import annotations

import sys
from weakref import WeakKeyDictionary

from framework0.errors import BusError, ValueRefused
from framework0.segments import Segment, address_of, filled
from framework0.segments import share as in_segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable, Sequence
    from typing import Any

# The memories that were opened here, to recognize them when they are passed on.
_opened: WeakKeyDictionary[mmap.mmap, Segment] = WeakKeyDictionary()


class Shared:
    """One array, or some bytes, in a segment; :func:`share` makes it. ``nbytes`` is its size.

    ``header`` describes an array, None stands for bytes.
    """

    __slots__ = ("_offset", "header", "nbytes", "segment")

    def __init__(
        self, segment: Segment, offset: int, nbytes: int, header: list[Any] | None
    ) -> None:
        self.segment = segment
        self.header = header
        self.nbytes = nbytes
        self._offset = offset

    def __repr__(self) -> str:
        kind = "bytes" if self.header is None else "an array"
        return f"<{kind} in shared memory, {self.nbytes:,} bytes>"

    def open(self) -> Any:
        """Return the array, or a memoryview of the bytes: the shared memory itself, to be read only.

        Raises BusError when it is not what it says, or an array where NumPy is missing.
        """
        memory = self.segment.map()
        _opened[memory] = self.segment
        if self.header is None:
            return memoryview(memory)[self._offset : self._offset + self.nbytes]
        try:
            from framework0.context.bus.arrays import array_in
        except ImportError:
            raise BusError(
                "an array came from another process, and NumPy is not installed here: "
                "pip install 'framework0[arrays]'"
            ) from None
        return array_in(memory, self._offset, self.nbytes, self.header)

    def told(self) -> list[Any]:
        """Return all of it but the segment as JSON, for :func:`from_told`."""
        return [self._offset, self.nbytes, self.header]

    @classmethod
    def filled(cls, shape: Sequence[int], dtype: Any, fill: Callable[[Any], object]) -> Shared:
        """Return an array of that shape that ``fill(array)`` writes where it lies: not one copy.

        Raises BusError when ``fill`` keeps the array, which nobody can change afterward, ValueRefused
        for Python objects, and OSError when there is not enough memory.
        """
        from framework0.context.bus.arrays import header_for, writable

        header, size = header_for(shape, dtype)
        try:
            segment = filled(size, lambda memory: fill(writable(memory, shape, dtype)))
        except BufferError:
            raise BusError(
                "the array was kept by the function that fills it, and what is shared is changed by "
                "nobody: open() what filled() returns"
            ) from None
        return cls(segment, 0, size, header)


def share(value: Any) -> Shared:
    """Return an array or bytes in shared memory; what lies there already is not copied.

    Raises ValueRefused for anything else, and for arrays of Python objects; OSError when there is not
    enough memory.
    """
    if isinstance(value, Shared):
        return value
    if _is_array(value):
        from framework0.context.bus.arrays import bytes_of, header_of, plain, root_of

        array = plain(value)
        return _placed(root_of(array), bytes_of(array), header_of(array))
    if isinstance(value, bytes | bytearray | memoryview):
        view = memoryview(value)
        flat = view.cast("B") if view.c_contiguous and view.nbytes else memoryview(view.tobytes())
        return _placed(view.obj, flat, None)
    raise ValueRefused(
        f"a {type(value).__module__}.{type(value).__qualname__} cannot be shared between processes: "
        "share arrays of NumPy, bytes, and JSON around them"
    )


def from_told(told: Any, segment: Segment) -> Shared:
    """Return what another process has described; raises BusError when that cannot be."""
    match told:
        case [int(offset), int(nbytes), (list() | None) as header]:
            if 0 <= offset <= offset + nbytes <= segment.size:
                return Shared(segment, offset, nbytes, header)
    raise BusError("what came from the other process does not lie in the memory that came with it")


def can_be_shared(value: Any) -> bool:
    """Tell whether :func:`share` takes values of this kind."""
    return isinstance(value, Shared | bytes | bytearray | memoryview) or _is_array(value)


def _is_array(value: Any) -> bool:
    # Without NumPy, or while another thread is importing it, there are no arrays.
    numpy = sys.modules.get("numpy")
    return type(value) in (getattr(numpy, "ndarray", None), getattr(numpy, "memmap", None))


def _placed(root: Any, flat: memoryview, header: list[Any] | None) -> Shared:
    """Return bytes in shared memory: where they lie, if ``root`` was opened here, else a copy."""
    try:
        segment = _opened.get(root)
    # Most of what holds memory cannot be referred to weakly, or has no hash.
    except TypeError:
        segment = None
    if segment is None or not flat.nbytes:
        segment, [(offset, _)] = in_segment([flat])
    else:
        offset = address_of(flat) - address_of(root)
    return Shared(segment, offset, flat.nbytes, header)
