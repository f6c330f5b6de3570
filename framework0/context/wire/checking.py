"""Is this value one of the messages that a client may send? The tables of ``messages`` decide.

A field that is not known is refused, not ignored: a misspelled ``expect`` must not turn a guarded write
into one that overwrites.
"""

from __future__ import annotations

import re

from framework0.context.limits import KEY_CHARACTERS, OPERATION_CHARACTERS
from framework0.context.patterns import check_key, matcher
from framework0.context.wire.limits import (
    ID_MOST,
    INTEGER_HIGH,
    NAME_CHARACTERS,
    TOKEN_CHARACTERS,
)
from framework0.context.wire.messages import (
    AUTHOR_FIELDS,
    CLIENT,
    FULL_CHANGE_FIELDS,
    KINDS,
    WRITE_FIELDS,
)
from framework0.errors import ContextError
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from framework0.context.wire.messages import Field

    Check = Callable[[Any], bool]

_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LONGEST_MOMENT = 512


class Wrong(Exception):
    """A message is refused: a code of ``ERRORS``, words, and further fields of the error."""

    def __init__(self, code: str, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.facts = facts


class Shape(NamedTuple):
    """What an object's fields may be, ready for use."""

    name: str
    checks: dict[str, Callable[[Any], bool]]
    kinds: dict[str, str]
    needed: tuple[str, ...]
    role: str = ""


def check_fields(shape: Shape, fields: dict[str, Any]) -> None:
    """Prove that ``fields`` are those of ``shape``; raises :class:`Wrong`."""
    checks = shape.checks
    for name, value in fields.items():
        check = checks.get(name)
        if check is None:
            raise _unknown(shape, name)
        if not check(value):
            raise _wrong(shape, name, value)
    for name in shape.needed:
        if name not in fields:
            raise Wrong(
                "bad_message",
                f"{shape.name} lacks {name!r}: {KINDS[shape.kinds[name]]}",
                field=name,
            )


def is_whole(value: Any, low: int = 0, high: int = INTEGER_HIGH) -> bool:
    """Whether it is an integer from ``low`` to ``high``; true and false are none."""
    return type(value) is int and low <= value <= high


def is_name(value: Any, most: int = NAME_CHARACTERS) -> bool:
    """Whether it is printable text of 1 to ``most`` characters."""
    return type(value) is str and 0 < len(value) <= most and value.isprintable()


def is_number(value: Any) -> bool:
    """Whether it is a number; true and false are none."""
    return type(value) is int or type(value) is float


def is_key(value: Any) -> bool:
    """Whether it can be a key of a context; raises :class:`Wrong` with words of its own if not."""
    if type(value) is str and 0 < len(value) <= KEY_CHARACTERS and value.isprintable():
        return True
    try:
        check_key(value)
    except ContextError as error:
        raise Wrong("bad_key", str(error)) from None
    return True


def is_pattern(value: Any) -> bool:
    """Whether it can be a pattern; raises :class:`Wrong` with words of its own if not."""
    try:
        if type(value) is not str:
            return False
        if len(value) > KEY_CHARACTERS:
            raise Wrong("bad_pattern", f"a pattern has at most {KEY_CHARACTERS} characters")
        matcher(value)
    except ContextError as error:
        raise Wrong("bad_pattern", str(error)) from None
    return True


def _is_moment(value: Any) -> bool:
    if type(value) is dict:
        return list(value) == ["time"] and is_number(value["time"])
    return is_whole(value) or is_name(value, _LONGEST_MOMENT)


def _is_expected(value: Any) -> bool:
    return type(value) is dict and all(
        is_key(key) and is_whole(version) for key, version in value.items()
    )


def _is_author(value: Any) -> bool:
    if type(value) is not dict:
        return False
    check_fields(_AUTHOR, value)
    return True


def _is_list_of(shape: Shape) -> Check:
    def check(value: Any) -> bool:
        if type(value) is not list:
            return False
        for item in value:
            if type(item) is not dict:
                return False
            check_fields(shape, item)
        return True

    return check


def _is_writes(value: Any) -> bool:
    if not _is_list_of(_WRITE)(value):
        return False
    for write in value:
        if write.get("removed"):
            if "value" in write or "ttl" in write:
                raise Wrong(
                    "bad_message",
                    f"a write removes {write['key']!r} and has a value or ttl too: leave one out",
                    field="removed",
                )
        elif "value" not in write:
            raise Wrong(
                "bad_message",
                f"a write of {write['key']!r} has no value (null is one) and is no removal",
                field="value",
            )
    return True


_CHECKS: dict[str, Check] = {
    "id": lambda value: type(value) is int and 0 <= value <= ID_MOST,
    "text": is_name,
    "name": is_name,
    "token": lambda value: type(value) is str and len(value) <= TOKEN_CHARACTERS,
    "namespace": lambda value: type(value) is str and _NAMESPACE.fullmatch(value) is not None,
    "key": is_key,
    "pattern": is_pattern,
    "value": lambda _: True,
    "flag": lambda value: type(value) is bool,
    "version": is_whole,
    "count": lambda value: is_whole(value, 1),
    "number": is_number,
    "seconds": lambda value: is_number(value) and value > 0,
    "moment": _is_moment,
    "operation": lambda value: is_name(value, OPERATION_CHARACTERS),
    "author": _is_author,
    "expected": _is_expected,
    "writes": _is_writes,
}


def _shape(name: str, fields: Iterable[Field], role: str = "") -> Shape:
    fields = tuple(fields)
    return Shape(
        name,
        {field.name: _CHECKS[field.kind] for field in fields},
        {field.name: field.kind for field in fields},
        tuple(field.name for field in fields if field.needed),
        role,
    )


_AUTHOR = _shape("`by`", AUTHOR_FIELDS)
_WRITE = _shape("a write", WRITE_FIELDS)
FULL_CHANGE = _shape("a change", FULL_CHANGE_FIELDS)
_CHECKS["full_changes"] = _is_list_of(FULL_CHANGE)

SHAPES = {
    message.type: _shape(f"`{message.type}`", message.fields, message.role)
    for message in CLIENT.values()
}
"""What each message of a client may hold, beside its ``type``."""


def _unknown(shape: Shape, name: str) -> Wrong:
    from difflib import get_close_matches

    near = get_close_matches(name, shape.checks, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(shape.checks)}"
    return Wrong("bad_message", f"{shape.name} has no field {name[:80]!a}{hint}", field=name[:80])


def _wrong(shape: Shape, name: str, value: Any) -> Wrong:
    what = KINDS[shape.kinds[name]]
    return Wrong(
        "bad_message", f"`{name}` of {shape.name} is {what}, not {value!a:.80}", field=name
    )
