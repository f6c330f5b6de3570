"""Reading a value as a type: what is JSON in the context comes out as what the caller works with.

Understood are the JSON types, ``None``, unions, ``Literal``, lists, tuples, dicts, dataclasses and
``TypedDict``, whatever they hold; of text, dates and times (ISO 8601), paths, ``Decimal``, ``UUID``
and enumerations by value. An int is no bool, and a float may be stored as a whole number.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import types
import typing
import uuid
from typing import Any

from framework0.context.values import format_path
from framework0.errors import ContextError, TypeMismatch

if typing.TYPE_CHECKING:
    from collections.abc import Callable

    Parts = tuple[Any, ...]

_SHOWN = 40
# How what is asked for is stored.
_STORED_AS: dict[Any, tuple[type, ...]] = {
    types.NoneType: (types.NoneType,),
    bool: (bool,),
    int: (int,),
    float: (float, int),
    str: (str,),
    list: (list,),
    tuple: (list,),
    dict: (dict,),
}
_OF_TEXT: dict[Any, Callable[[str], Any]] = {
    dt.datetime: dt.datetime.fromisoformat,
    dt.date: dt.date.fromisoformat,
    dt.time: dt.time.fromisoformat,
    decimal.Decimal: decimal.Decimal,
    pathlib.Path: pathlib.Path,
    uuid.UUID: uuid.UUID,
}


class _Mismatch(Exception):
    def __init__(self, value: Any, wanted: Any, reason: str = "") -> None:
        super().__init__(reason)
        self.value = value
        self.wanted = wanted
        self.segments: list[Any] = []


def read_as(value: Any, wanted: Any, key: str) -> Any:
    """Return ``value`` (a copy, from the key ``key``) as the type ``wanted``.

    Raises :class:`~framework0.errors.TypeMismatch`, which says what is stored, where, and what was
    asked for; ContextError when ``wanted`` is no type that can be read.
    """
    try:
        return _convert(value, wanted)
    except _Mismatch as mismatch:
        path = format_path(mismatch.segments[::-1])
        where = f"the value of {key!r}, at {path}," if path else f"the value of {key!r}"
        reason = f" ({mismatch})" if str(mismatch) else ""
        raise TypeMismatch(
            f"{where} is {describe(mismatch.value)}, and {type_name(mismatch.wanted)} was asked "
            f"for{reason}: store what is meant, or read it as what it is",
            path=path,
        ) from mismatch.__cause__


def describe(value: Any) -> str:
    """Say what a JSON value is, in a few words."""
    if isinstance(value, bool) or value is None:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return f"the number {value!r:.40}"
    if isinstance(value, str):
        return f"the text {value!r}" if len(value) <= _SHOWN else f"the text {value[:_SHOWN]!r}…"
    if isinstance(value, dict):
        return f"an object with {', '.join(map(repr, list(value)[:3]))}" if value else "{}"
    return f"a list of {len(value):,}" if isinstance(value, list) else f"a {type(value).__name__}"


def type_name(wanted: Any) -> str:
    """Write a type as people write it."""
    if wanted is None or wanted is types.NoneType:
        return "None"
    if isinstance(wanted, type) and typing.get_origin(wanted) is None:
        return wanted.__name__
    return str(wanted).replace("typing.", "")


def _convert(value: Any, wanted: Any) -> Any:
    if wanted is Any or wanted is object:
        return value
    origin = typing.get_origin(wanted)
    if origin is not None:
        return _generic(value, wanted, origin, typing.get_args(wanted))
    kind = types.NoneType if wanted is None else wanted
    if not isinstance(kind, type):
        raise _unknown(wanted)
    if kind in _STORED_AS:
        _checked(value, wanted, fits=type(value) in _STORED_AS[kind])
        return kind(value) if kind in (float, tuple) else value
    if kind in _OF_TEXT:
        return _made(_OF_TEXT[kind], _checked(value, wanted, fits=type(value) is str), wanted)
    return _class(value, kind)


def _class(value: Any, wanted: type) -> Any:
    if typing.is_typeddict(wanted):
        return _typed_dict(value, wanted)
    if dataclasses.is_dataclass(wanted):
        return _dataclass(value, wanted)
    if issubclass(wanted, enum.Enum):
        return _made(wanted, value, wanted)
    # Arrays, tables and bytes that a run keeps as artifacts come out as themselves.
    return _checked(value, wanted, fits=isinstance(value, wanted))


def _generic(value: Any, wanted: Any, origin: Any, parts: Parts) -> Any:
    reader = _GENERIC.get(origin)
    if reader is not None:
        return reader(value, wanted, parts)
    if isinstance(origin, type) and issubclass(origin, dict | typing.Mapping):
        _checked(value, wanted, fits=type(value) is dict)
        return {name: _within(name, item, parts[1]) for name, item in value.items()}
    if isinstance(origin, type) and issubclass(list, origin):
        _checked(value, wanted, fits=type(value) is list)
        return [_within(index, item, parts[0]) for index, item in enumerate(value)]
    raise _unknown(wanted)


def _unknown(wanted: Any) -> ContextError:
    return ContextError(
        f"{wanted!r:.80} is no type that a value can be read as; give a class, a dataclass, a "
        "TypedDict, or one of them in list[…], dict[str, …], tuple[…] or a union"
    )


def _first(value: Any, wanted: Any, parts: Parts) -> Any:
    del wanted
    return _convert(value, parts[0])


def _union(value: Any, wanted: Any, parts: Parts) -> Any:
    inner = None
    for part in parts:
        try:
            return _convert(value, part)
        except _Mismatch as mismatch:
            # Deep inside one of several is more telling than "none of them".
            if len(mismatch.segments) > len(inner.segments if inner else ()):
                inner = mismatch
    raise inner or _Mismatch(value, wanted)


def _literal(value: Any, wanted: Any, parts: Parts) -> Any:
    fits = any(type(value) is type(part) and value == part for part in parts)
    return _checked(value, wanted, fits=fits)


def _tuple(value: Any, wanted: Any, parts: Parts) -> tuple[Any, ...]:
    _checked(value, wanted, fits=type(value) is list)
    if parts[-1:] == (...,):
        parts = (parts[0],) * len(value)
    _checked(value, wanted, fits=len(value) == len(parts))
    pairs = zip(value, parts, strict=True)
    return tuple(_within(index, item, part) for index, (item, part) in enumerate(pairs))


_GENERIC: dict[Any, Callable[[Any, Any, Parts], Any]] = {
    typing.Annotated: _first,
    typing.Required: _first,
    typing.NotRequired: _first,
    typing.Union: _union,
    types.UnionType: _union,
    typing.Literal: _literal,
    tuple: _tuple,
}


def _typed_dict(value: Any, wanted: Any) -> dict[str, Any]:
    _checked(value, wanted, fits=type(value) is dict)
    hints = typing.get_type_hints(wanted, include_extras=True)
    for name, hint in hints.items():
        # A class under `from __future__ import annotations` does not know itself what it requires.
        origin = typing.get_origin(hint)
        required = name in wanted.__required_keys__ or origin is typing.Required
        if required and origin is not typing.NotRequired and name not in value:
            raise _Mismatch(value, wanted, f"{name!r} is missing")
    return {
        name: _within(name, item, hints[name]) if name in hints else item
        for name, item in value.items()
    }


def _dataclass(value: Any, wanted: Any) -> Any:
    _checked(value, wanted, fits=type(value) is dict)
    fields = {field.name: field for field in dataclasses.fields(wanted) if field.init}
    unknown = sorted(value.keys() - fields.keys())
    if unknown:
        raise _Mismatch(value, wanted, f"it has no field {unknown[0]!r}")
    missing = [
        name
        for name, field in fields.items()
        if name not in value
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise _Mismatch(value, wanted, f"{missing[0]!r} is missing")
    hints = typing.get_type_hints(wanted)
    members = {name: _within(name, item, hints[name]) for name, item in value.items()}
    return _made(lambda given: wanted(**given), members, wanted)


def _within(segment: str | int, value: Any, wanted: Any) -> Any:
    try:
        return _convert(value, wanted)
    except _Mismatch as mismatch:
        mismatch.segments.append(segment)
        raise


def _checked(value: Any, wanted: Any, *, fits: bool) -> Any:
    if not fits:
        raise _Mismatch(value, wanted)
    return value


def _made(make: Callable[[Any], Any], value: Any, wanted: Any) -> Any:
    try:
        return make(value)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise _Mismatch(value, wanted, str(error)) from error
