"""What differs between two versions of one large value, so that only that is sent.

A patch is a list of edits, done one after another. The path of an edit leads to a part of the value:
keys of objects and indexes of arrays.

    ["=", path, value]           the part becomes this value (a key may be new)
    ["-", path]                  the key is removed
    ["~", path, start, count, put]   of an array or a text: ``count`` items (characters) from
                                 ``start`` on are replaced by those of ``put``

Pure, and linear in the size of the two values: what is the same object or equal is left out at once;
of arrays and texts of different length, what is equal at both ends is left out.
"""

from __future__ import annotations

from framework0.context.values import same
from framework0.context.wire.codec import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# More edits than this are about as long as the value itself.
MOST_EDITS = 5_000
# Deeper parts are replaced as a whole.
_DEPTH = 16
_STEP = 256
_CONTAINERS = frozenset({dict, list})
_PARTED = frozenset({dict, list, str})


class Patch:
    """The edits that make a new value of the one before; they stand in a change for its value."""

    __slots__ = ("edits",)

    def __init__(self, edits: list[Any]) -> None:
        self.edits = edits


class _TooMany(Exception):
    """There are so many edits that sending the value is as good."""


def difference(old: Any, new: Any) -> list[Any] | None:
    """Return the edits that make ``new`` of ``old``; None when it is not worth it."""
    if type(old) is not type(new) or type(new) not in _PARTED:
        return None
    edits: list[Any] = []
    try:
        _compare(old, new, [], edits)
    except _TooMany:
        return None
    return edits


def patched(old: Any, edits: Any) -> Any:
    """Return the value that ``edits`` make of ``old``, which stays as it is.

    Raises :class:`~framework0.context.wire.codec.Malformed` when they do not fit.
    """
    # Copied: what was not touched is shared with nobody but `old`, and both are never changed.
    holder = [old]
    owned: set[int] = set()
    try:
        for edit in edits:
            _edit(holder, owned, *edit)
    except (TypeError, KeyError, IndexError, ValueError, AttributeError) as error:
        raise Malformed("malformed", f"a patch does not fit the value before ({error})") from None
    return holder[0]


def _compare(old: Any, new: Any, path: list[Any], edits: list[Any]) -> None:
    kind = type(new)
    if kind is not type(old) or kind not in _PARTED or len(path) >= _DEPTH:
        if not same(old, new):
            _add(edits, ["=", path, new])
    elif kind is dict:
        _compare_objects(old, new, path, edits)
    elif kind is list and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            if not _equal(one, other):
                _compare(one, other, [*path, index], edits)
    else:
        _splice(old, new, path, edits)


def _compare_objects(
    old: dict[str, Any], new: dict[str, Any], path: list[Any], edits: list[Any]
) -> None:
    for key in old:
        if key not in new:
            _add(edits, ["-", [*path, key]])
    for key, value in new.items():
        if key not in old:
            _add(edits, ["=", [*path, key], value])
        elif not _equal(old[key], value):
            _compare(old[key], value, [*path, key], edits)


def _equal(one: Any, other: Any) -> bool:
    """Whether two parts are the same JSON; most parts are, and that is seen by loops in C."""
    if one is other:
        return True
    if one != other or type(one) is not type(other):
        return False
    if type(one) is dict:
        # With their keys in another order, the values do not stand beside each other.
        if list(one) != list(other):
            return False
        one, other = one.values(), other.values()
    elif type(one) is not list:
        return True
    kinds = list(map(type, one))
    # Equal so far, but maybe with true where 1 was: then the edits will tell.
    return kinds == list(map(type, other)) and (
        _CONTAINERS.isdisjoint(kinds)
        or all(
            _equal(part, counterpart)
            for part, counterpart in zip(one, other, strict=True)
            if type(part) in _CONTAINERS
        )
    )


def _splice(old: Any, new: Any, path: list[Any], edits: list[Any]) -> None:
    shorter = min(len(old), len(new))
    start = _shared_length(old, new, shorter, from_end=False)
    end = _shared_length(old, new, shorter - start, from_end=True)
    if start or end or not shorter:
        if len(old) == len(new) == start:
            return
        _add(edits, ["~", path, start, len(old) - start - end, new[start : len(new) - end]])
    else:
        _add(edits, ["=", path, new])


def _shared_length(old: Any, new: Any, most: int, *, from_end: bool) -> int:
    """Return how many items (characters) are equal at the start or the end."""
    here = 0
    while here < most:
        step = min(_STEP, most - here)
        if from_end:
            one = old[len(old) - here - step : len(old) - here]
            other = new[len(new) - here - step : len(new) - here]
        else:
            one, other = old[here : here + step], new[here : here + step]
        if not same(one, other):
            break
        here += step
    while here < most:
        at = -1 - here if from_end else here
        if not same(old[at], new[at]):
            break
        here += 1
    return here


def _add(edits: list[Any], edit: list[Any]) -> None:
    if len(edits) >= MOST_EDITS:
        raise _TooMany
    edits.append(edit)


def _edit(holder: list[Any], owned: set[int], sign: str, path: list[Any], *rest: Any) -> None:
    parent: Any = holder
    name: Any = 0
    for segment in path:
        parent = _own(parent, name, owned)
        name = segment
    if type(parent) is list and (type(name) is not int or not 0 <= name < len(parent)):
        raise IndexError(f"no part {name!r:.40}")
    if sign == "=":
        (parent[name],) = rest
    elif sign == "-":
        del parent[name]
    elif sign == "~":
        start, count, put = rest
        part = parent[name]
        if type(part) is not type(put) or not 0 <= start <= start + count <= len(part):
            raise ValueError("a splice beyond the part")
        parent[name] = part[:start] + put + part[start + count :]
    else:
        raise ValueError(f"no edit {sign!r:.10}")


def _own(parent: Any, name: Any, owned: set[int]) -> Any:
    """Return the part, copied at its first edit, so that the value before stays as it is."""
    if type(parent) is list and (type(name) is not int or not 0 <= name < len(parent)):
        raise IndexError(f"no part {name!r:.40}")
    part = parent[name]
    if id(part) not in owned:
        part = part.copy()
        parent[name] = part
        owned.add(id(part))
    return part
