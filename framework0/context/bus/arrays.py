"""How an array is described to another process: by its dtype, shape and order, never by a pickle.

A dtype is written as in NumPy's own files (`NEP 1 <https://numpy.org/neps/nep-0001-npy-format.html>`_).
Loaded only when there is an array, and NumPy with it.
"""

from __future__ import annotations

import numpy as np

from framework0.errors import BusError, ValueRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Sequence
    from typing import Any


_format = np.lib.format


def plain(array: Any) -> Any:
    """Return the array so that its bytes lie in one piece; raises ValueRefused for Python objects."""
    _refuse_objects(array.dtype)
    if array.flags.c_contiguous or array.flags.f_contiguous:
        return array
    return np.ascontiguousarray(array)


def header_of(array: Any) -> list[Any]:
    """Return the description of an array that lies in one piece."""
    return [_format.dtype_to_descr(array.dtype), array.shape, "CF"[not array.flags.c_contiguous]]


def header_for(shape: Sequence[int], dtype: Any) -> tuple[list[Any], int]:
    """Return the description of an array to come and its bytes; raises ValueRefused for objects."""
    kind = np.dtype(dtype)
    _refuse_objects(kind)
    size = kind.itemsize
    for length in shape:
        size *= length
    return [_format.dtype_to_descr(kind), tuple(shape), "C"], size


def writable(memory: memoryview, shape: Sequence[int], dtype: Any) -> Any:
    """Return the array that is to be written into ``memory``, which cannot be given back before it."""
    if not memory.nbytes:
        return np.empty(shape, dtype)
    # An array made by its constructor would not hold the memory, only point into it.
    return np.frombuffer(memory, np.uint8).view(dtype).reshape(shape)


def bytes_of(array: Any) -> memoryview:
    """Return the bytes of an array that lies in one piece."""
    lines = array if array.flags.c_contiguous else array.T
    if not array.nbytes:
        return memoryview(b"")
    # Dates and the like have no buffer of their own; their bytes have.
    view: memoryview = lines.reshape(-1).view(np.uint8).data
    return view


def root_of(array: Any) -> Any:
    """Return whose memory it is that an array shows."""
    root = array
    while isinstance(root, np.ndarray):
        root = root.base
    return root.obj if isinstance(root, memoryview) else root


def array_in(memory: mmap.mmap, offset: int, nbytes: int, header: Any) -> Any:
    """Return the array that lies in shared memory; raises BusError when it is none."""
    try:
        descr, shape, order = header
        dtype = _format.descr_to_dtype(_with_tuples(descr))
        _refuse_objects(dtype)
        array = np.ndarray(shape, dtype, buffer=memory, offset=offset, order=order)
    # NumPy says in many ways that a description is none.
    except (ValueRefused, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BusError(f"what came from the other process is no array: {error}") from error
    if array.nbytes > nbytes:
        raise BusError(
            f"what came from the other process is no array: {array.nbytes:,} bytes are described, "
            f"{nbytes:,} are there"
        )
    return array


def _with_tuples(descr: Any) -> Any:
    """Return a description of a dtype with the tuples that JSON made lists of."""
    if not isinstance(descr, list):
        return descr
    fields = []
    for name, kind, *shape in descr:
        # A field may have a title beside its name.
        named = tuple(name) if isinstance(name, list) else name
        fields.append((named, _with_tuples(kind), *map(tuple, shape)))
    return fields


def _refuse_objects(dtype: Any) -> None:
    if dtype.hasobject:
        raise ValueRefused(
            "an array of Python objects (dtype object) cannot be shared between processes: give it a "
            "dtype of numbers, text or dates"
        )
