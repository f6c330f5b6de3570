"""A large array that nobody else holds is moved into shared memory, piece by piece, instead of copied.

So it is never in memory twice, and a step may return an array that fills more than half of what there is.
NumPy itself gives the end of an array's memory back, and refuses while anybody else holds the array, or a
view of it (`numpy.ndarray.resize <https://numpy.org/doc/stable/reference/generated/numpy.ndarray.resize.html>`_).
"""

from __future__ import annotations

import sys

from framework0.runner.pool.parcel import Parcel, pickled
from framework0.segments import filled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

LARGE: Final = 16 << 20
"""Bytes from which an array is moved; a smaller one may be in memory twice for a moment."""

PIECE: Final = 4 << 20
"""Bytes moved at a time."""

NUMBERS: Final = "biufc"
"""Kinds of elements that are nothing but their bytes."""


def moved(box: list[Any]) -> Parcel | None:
    """Return the array that is alone in ``box`` as a parcel, and leave the box empty.

    None, with the box as it was, for what is no such array, or is held by somebody else. The caller must
    not hold it either. Raises OSError when there is no memory; the array is lost then.
    """
    # Without NumPy, or while another thread is importing it, there are no arrays.
    array = getattr(sys.modules.get("numpy"), "ndarray", None)
    if array is None or type(box[0]) is not array or not _is_whole(box[0]):
        return None
    buffers: list[memoryview] = []
    structure, size = pickled(box[0], buffers), box[0].nbytes
    buffers.clear()
    try:
        segment = filled(size, lambda memory: _move(box, memory))
    except ValueError:
        return None
    return Parcel("numpy.ndarray", structure, [(0, size)], segment)


def _is_whole(array: Any) -> bool:
    if array.nbytes < LARGE or array.dtype.kind not in NUMBERS:
        return False
    return bool(array.flags.owndata and array.flags.c_contiguous)


def _move(box: list[Any], memory: memoryview) -> None:
    resize = type(box[0]).resize
    size, end = box[0].itemsize, box[0].nbytes
    while end:
        count = max(0, end - PIECE) // size
        begin = count * size
        memory[begin:end] = memoryview(box[0]).cast("B")[begin:end]
        # NumPy allows two to hold the array: the box, and the call. A debugger would be a third, were
        # this a call like others.
        list(map(resize, box, (count,)))
        end = begin
    box.clear()
