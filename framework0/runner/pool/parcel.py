"""A parcel: a value that is no plain data, packed to travel between the processes of a run.

Its structure is a pickle (protocol 5), its large buffers (arrays, Arrow tables, bytes) lie beside it in
a :class:`~framework0.segments.Segment`. Packing copies a buffer once, opening not at all:
whoever opens a parcel gets memory that cannot be changed, as arrays that lie in files cannot be either.
A buffer that is passed on is passed on as it is; the runner itself never needs to look inside.

Pickles travel only between a runner and the workers it started, over sockets nobody else holds, and
within one run. None is ever read from a file.
"""

from __future__ import annotations

import io
import pickle

from framework0.recipe import Sealed
from framework0.segments import Segment, address_of, share

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Sequence
    from typing import Any, Final

    Place = tuple[int, int]

OUTSIDE: Final = 64 * 1024
"""Bytes from which a buffer, or a pickle, goes into shared memory instead of through the socket."""


class CannotTravel(Exception):
    """A value cannot be pickled; the text says which and why."""


class Parcel(Sealed):
    """A packed value. ``kind`` names its type, ``size`` is the bytes of its buffers and structure."""

    __slots__ = ("kind", "pickle", "places", "segment", "size")

    def __init__(
        self, kind: str, structure: bytes | None, places: Sequence[Place], segment: Segment | None
    ) -> None:
        self.kind = kind
        self.pickle = structure
        self.places = tuple((offset, length) for offset, length in places)
        self.segment = segment
        self.size = sum(length for _, length in places) + len(structure or b"")

    def __repr__(self) -> str:
        return f"<a {self.kind} of {self.size:,} bytes, packed>"

    def open(self) -> Any:
        """Return the value, a new one each time; raises what its classes raise when they are unpickled."""
        return self.opened()[0]

    def opened(self) -> tuple[Any, mmap.mmap | None]:
        """Return the value and the memory its buffers lie in."""
        if self.segment is None:
            # Made by this run, on the far side of a socket that nobody else holds.
            return pickle.loads(self.pickle or b""), None  # noqa: S301
        memory = self.segment.map()
        view = memoryview(memory)
        buffers = [view[offset : offset + length] for offset, length in self.places]
        structure = buffers.pop() if self.pickle is None else self.pickle
        # As above.
        return pickle.loads(structure, buffers=buffers), memory  # noqa: S301

    def told(self) -> tuple[Any, ...]:
        """Return all of it but the segment as plain data, for :func:`from_told`."""
        return (self.kind, self.pickle, self.places)


def from_told(told: Sequence[Any], segment: Segment | None) -> Parcel:
    """Return the parcel that the other side has described."""
    kind, structure, places = told
    return Parcel(kind, structure, places, segment)


class Opened:
    """The parcels among the arguments of one job, opened, for their contents to be recognised again."""

    def __init__(self) -> None:
        self._memories: list[tuple[int, int, mmap.mmap, Parcel]] = []

    def open(self, parcel: Parcel) -> Any:
        """Open a parcel and remember where its buffers lie."""
        value, memory = parcel.opened()
        if memory is not None:
            begin = address_of(memory)
            self._memories.append((begin, begin + len(memory), memory, parcel))
        return value

    def reused(self, buffers: Sequence[memoryview]) -> tuple[Segment, list[Place]] | None:
        """Return the segment in which all of ``buffers`` lie, and where; None if there is none."""
        for begin, end, memory, parcel in self._memories:
            places = []
            for buffer in buffers:
                address = address_of(buffer)
                if not begin <= address <= end - len(buffer):
                    break
                places.append((address - begin, len(buffer)))
            else:
                assert memory
                assert parcel.segment is not None
                return parcel.segment, places
        return None


def pack(value: Any, opened: Opened | None = None) -> Parcel:
    """Return ``value`` packed; buffers that came in a parcel of ``opened`` are not copied.

    Raises :class:`CannotTravel`, OSError (no memory), and what the value's own methods raise.
    """
    buffers: list[memoryview] = []
    structure = pickled(value, buffers)
    kind = _name_of(type(value))
    if buffers and opened is not None:
        found = opened.reused(buffers)
        if found is not None and len(structure) < OUTSIDE:
            segment, places = found
            return Parcel(kind, structure, places, segment)
    if len(structure) >= OUTSIDE:
        segment, places = share([*buffers, structure])
        return Parcel(kind, None, places, segment)
    if not buffers:
        return Parcel(kind, structure, (), None)
    segment, places = share(buffers)
    return Parcel(kind, structure, places, segment)


def pickled(value: Any, buffers: list[memoryview]) -> bytes:
    """Return the pickle of ``value``, its large buffers put aside; raises :class:`CannotTravel`."""

    def aside(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < OUTSIDE:
            return True
        buffers.append(raw)
        return False

    kind = type(value)
    if kind in (bytes, bytearray) and len(value) >= OUTSIDE:
        # Pickle itself would copy these into the pickle.
        value = _Whole(value)
    try:
        return pickle.dumps(value, protocol=5, buffer_callback=aside)
    # The value's own code decides what it raises; PicklingError is only one of many.
    except Exception as error:
        raise CannotTravel(f"{_name_of(kind)} cannot be pickled: {error}") from error


class _Whole:
    """Bytes that are pickled as a buffer beside the pickle."""

    def __init__(self, content: bytes | bytearray) -> None:
        self._content = content

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        return type(self._content), (pickle.PickleBuffer(self._content),)


def _name_of(kind: type) -> str:
    name = kind.__qualname__
    return name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"


class ArgumentPickler(pickle.Pickler):
    """Pickles arguments in which parcels may stand anywhere; ``parcels`` are those it met, in order."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=5)
        self.parcels: list[Parcel] = []

    def persistent_id(self, value: Any) -> int | None:
        """Leave parcels, and what is packed on its own, out of the pickle."""
        kind = type(value)
        if kind is not Parcel:
            if kind in _PLAIN or kind in _CONTAINERS:
                return None
            value = pack(value)
        self.parcels.append(value)
        return len(self.parcels) - 1


_PLAIN = frozenset({type(None), bool, int, float, str})
_CONTAINERS = frozenset({dict, list, tuple})


def pack_arguments(arguments: Any) -> tuple[bytes, list[Parcel]]:
    """Return the pickle of arguments and the parcels that belong into it.

    Everything that is not plain data is a parcel of its own. Raises :class:`CannotTravel`.
    """
    file = io.BytesIO()
    pickler = ArgumentPickler(file)
    pickler.dump(arguments)
    return file.getvalue(), pickler.parcels


class _ArgumentUnpickler(pickle.Unpickler):
    def __init__(self, structure: bytes, values: Sequence[Any]) -> None:
        super().__init__(io.BytesIO(structure))
        self._values = values

    def persistent_load(self, number: int) -> Any:
        return self._values[number]


def unpack_arguments(structure: bytes, values: Sequence[Any]) -> Any:
    """Return the arguments, with ``values`` where their parcels stood."""
    return _ArgumentUnpickler(structure, values).load()
