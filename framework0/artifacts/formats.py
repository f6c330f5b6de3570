"""How kept values look on disk. Nothing here ever pickles, so nothing ever runs what a file holds.

=========  ==========================================================  ============================
format     the file                                                    what loading returns
=========  ==========================================================  ============================
``json``   UTF-8 JSON without spaces, keys in the value's own order    a fresh value each time
``tree``   the same, holding references to other artifacts             a fresh value, its arrays shared
``npy``    NumPy's format (NEP 1), no Python objects in it             a read-only array, mapped if large
``arrow``  Arrow IPC file, not compressed                              a ``pyarrow.Table``, mapped
``bytes``  the bytes                                                   ``bytes``
=========  ==========================================================  ============================

NumPy and pyarrow are only asked when the user's code has them loaded already, or to load a file.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from framework0.artifacts.reference import Artifact
from framework0.errors import ArtifactError, ValueRefused

if TYPE_CHECKING:
    Part = bytes | memoryview

FORMATS: Final = ("json", "tree", "npy", "arrow", "bytes")

MAP_FROM: Final = 64 * 1024
"""Bytes from which an array is mapped and not read: below, the map costs more than the copy."""

_CONTAINERS: Final = frozenset({Artifact, list, dict})

_EXTRAS: Final = {"numpy": "arrays", "pyarrow": "tables"}


def format_of(value: Any) -> str | None:
    """Return the format in which a value that is no JSON can be kept, None when in none.

    Raises :class:`~framework0.errors.ValueRefused` for what only looks as if it could.
    """
    kind = type(value)
    if kind in (bytes, bytearray, memoryview):
        return "bytes"
    if _is_a(value, "numpy", "ndarray"):
        _refuse_odd_array(value)
        return "npy"
    return "arrow" if _is_a(value, "pyarrow", "Table") else None


def _is_a(value: Any, module: str, name: str) -> bool:
    """Say whether a value is of a class of a library, which is then loaded already."""
    found = getattr(sys.modules.get(module), name, None)
    return found is not None and isinstance(value, found)


def _refuse_odd_array(array: Any) -> None:
    numpy = sys.modules["numpy"]
    kind = type(array)
    if kind not in (numpy.ndarray, numpy.memmap):
        raise ValueRefused(
            f"the value is a {kind.__module__}.{kind.__qualname__}, of which a file would keep only "
            "the plain array: store its parts as plain arrays"
        )
    if array.dtype.hasobject:
        raise ValueRefused(
            "the value is an array of Python objects (dtype object), which only pickle could write "
            "and which is never unpickled: give it a dtype of numbers, text or dates"
        )


def encode(kind: str, value: Any) -> list[Part]:
    """Return the content of the file, in parts; arrays and bytes are not copied.

    Raises :class:`~framework0.errors.ValueRefused` for what is not JSON in a ``json`` or ``tree``.
    """
    if kind == "npy":
        return _encode_array(value)
    if kind == "arrow":
        return [_encode_table(value)]
    if kind == "bytes":
        return [memoryview(value).cast("B") if memoryview(value).contiguous else bytes(value)]
    return [encode_json(value)]


def encode_json(value: Any) -> bytes:
    """Return a JSON value, which may hold references, as it stands in a file."""
    try:
        return _ENCODE(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueRefused(f"the value is not JSON: {error}") from error


def _reference(value: Any) -> Any:
    if isinstance(value, Artifact):
        return value.to_json()
    raise TypeError(f"a {type(value).__name__} is not JSON")


_ENCODE: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_reference
).encode


def _encode_array(array: Any) -> list[Part]:
    from io import BytesIO

    numpy = sys.modules["numpy"]
    form = numpy.lib.format
    if array.dtype.names is not None or array.dtype.itemsize == 0 or array.size == 0:
        # Headers of records can need a later version of the format; NumPy chooses it by itself.
        whole = BytesIO()
        form.write_array(whole, array, allow_pickle=False)
        return [whole.getbuffer()]
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        array = numpy.ascontiguousarray(array)
    header = BytesIO()
    form.write_array_header_1_0(header, form.header_data_from_array_1_0(array))
    # The header says Fortran's order only when it is not also C's.
    lines = array if array.flags.c_contiguous else array.T
    # Dates and the like have no buffer of their own; their bytes have.
    return [header.getbuffer(), lines.reshape(-1).view(numpy.uint8).data]


def _encode_table(table: Any) -> Part:
    arrow = sys.modules["pyarrow"]
    import pyarrow.ipc

    sink = arrow.BufferOutputStream()
    with pyarrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return memoryview(sink.getvalue())


def decode(kind: str, path: str) -> Any:
    """Return the value in the file at ``path``, whose content has been verified.

    Raises :class:`~framework0.errors.ArtifactError` when the format needs a library that is missing.
    """
    if kind == "npy":
        return _decode_array(path)
    if kind == "arrow":
        return _decode_table(path)
    if kind not in FORMATS:
        raise ArtifactError(
            f"{path} has the format {kind!r}, which this version does not know: update framework0"
        )
    with open(path, "rb") as file:
        content = file.read()
    return content if kind == "bytes" else json.loads(content)


def _decode_array(path: str) -> Any:
    import os

    numpy = _library("numpy", "a NumPy array", path)
    large = os.stat(path).st_size >= MAP_FROM
    try:
        array = numpy.load(path, mmap_mode="r" if large else None, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ArtifactError(f"{path} is not what NumPy writes: {error}") from error
    if large:
        array = array.view(numpy.ndarray)
    array.flags.writeable = False
    return array


def _decode_table(path: str) -> Any:
    arrow = _library("pyarrow", "an Arrow table", path)
    import pyarrow.ipc

    try:
        with pyarrow.ipc.open_file(arrow.memory_map(path)) as reader:
            return reader.read_all()
    except arrow.ArrowInvalid as error:
        raise ArtifactError(f"{path} is not what Arrow writes: {error}") from error


def _library(name: str, what: str, path: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise ArtifactError(
            f"{path} holds {what}, and {name} cannot be imported here ({error}): "
            f"pip install 'framework0[{_EXTRAS[name]}]'"
        ) from error


def holds_references(value: Any) -> bool:
    """Say whether a JSON value has a reference in it, so that it is a ``tree``."""
    kind = type(value)
    if kind is Artifact:
        return True
    if kind is list:
        return any(type(item) in _CONTAINERS and holds_references(item) for item in value)
    if kind is dict:
        return any(type(item) in _CONTAINERS and holds_references(item) for item in value.values())
    return False
