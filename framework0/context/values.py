"""JSON values on their way into the context (checked and copied) and out of it (copied).

A value is JSON when it is None, a bool, an int, a finite float, text without lone surrogates, a
list or tuple of values, or a dict from text to values. Subclasses of these are stored as the plain
type; everything else is refused with the path that leads to it.

Whole lists of one plain type are checked by C loops (``map``, ``min``, ``join``): that is what
makes a column of a million numbers bearable. Only when such a check fails are items looked at one
by one, to find the path.
"""

from __future__ import annotations

from math import isfinite

from framework0.context.limits import VALUE_LIMITS
from framework0.errors import ValueRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

    from framework0.artifacts import Artifact
    from framework0.context.limits import ValueLimits

    Hold = Callable[[Any], Artifact | None]

NOTHING = type(None)
SCALARS = frozenset({NOTHING, bool, int, float, str})
_FLAGS = frozenset({NOTHING, bool})
_WHOLE = frozenset({int, bool})
_TEXT = frozenset({str})
_REAL = frozenset({float})
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_BITS_PER_DIGIT = 3.3219280948873626
_PATH_SHOWN = 120
# Of JSON: a number with its comma, or the signs around a key.
_ITEM_BYTES = 12
# As in framework0.artifacts, which most runs never load.
MARK = "$artifact"

# What to store instead, by the name of the type: these modules may not even be installed.
_INSTEAD = {
    "datetime": "its isoformat()",
    "date": "its isoformat()",
    "time": "its isoformat()",
    "Timestamp": "its isoformat()",
    "timedelta": "its total_seconds()",
    "Decimal": "str() of it",
    "Fraction": "str() of it",
    "UUID": "str() of it",
    "PosixPath": "str() of it",
    "WindowsPath": "str() of it",
    "PurePosixPath": "str() of it",
    "PureWindowsPath": "str() of it",
    "set": "sorted() of it",
    "frozenset": "sorted() of it",
    "dict_keys": "list() of it",
    "dict_values": "list() of it",
    "dict_items": "dict() of it",
    "generator": "list() of it",
    "range": "list() of it",
    "deque": "list() of it",
    "map": "list() of it",
    "filter": "list() of it",
    "zip": "list() of it",
    "mappingproxy": "dict() of it",
    "bytes": "its decode(), or write a file and store the path",
    "bytearray": "its decode(), or write a file and store the path",
    "memoryview": "a file's path",
    "ndarray": "its tolist()",
    "DataFrame": "its to_dict('records')",
    "Series": "its tolist()",
    "complex": "[it.real, it.imag]",
}


def freeze(
    value: Any,
    limits: ValueLimits = VALUE_LIMITS,
    key: str | None = None,
    hold: Hold | None = None,
) -> Any:
    """Return a private copy of ``value``, proved to be JSON; plain scalars are returned as they are.

    ``key`` names the value in messages. ``hold`` is asked for a reference to what is not JSON (an
    array, a table, bytes) and answers None when it has none. Raises
    :class:`~framework0.errors.ValueRefused`.
    """
    kind = type(value)
    if (
        (kind is int and _SMALLEST <= value <= _LARGEST)
        or (kind is str and value.isascii() and len(value) <= limits.characters)
        or (kind is float and isfinite(value))
        or kind is bool
        or value is None
    ):
        return value
    try:
        return _Walk(limits, hold).freeze(value, 0)
    except _Refusal as refusal:
        raise _explain(value, refusal, key) from None


def check_json(value: Any) -> Any:
    """Return a private copy of ``value`` as JSON (tuples are lists then, subclasses plain).

    Raises :class:`~framework0.errors.ValueRefused`, whose ``path`` leads to what is not JSON.
    """
    return freeze(value)


def check_sized(value: Any) -> tuple[Any, int]:
    """Return what :func:`check_json` returns, and about how many bytes its JSON has.

    The estimate is a by-product of the check: within a factor of four, and 0 for single numbers.
    """
    kind = type(value)
    if kind is dict or kind is list:
        walk = _Walk(VALUE_LIMITS)
        try:
            frozen = walk.freeze(value, 0)
        except _Refusal as refusal:
            raise _explain(value, refusal, None) from None
        return frozen, walk.characters + _ITEM_BYTES * walk.items
    frozen = freeze(value)
    if type(frozen) in (list, dict):
        return frozen, weigh(frozen)
    return frozen, len(frozen) if type(frozen) is str else 0


def thaw(value: Any) -> Any:
    """Return a copy of a frozen value that its receiver may change; scalars need no copy."""
    kind = type(value)
    if kind in SCALARS:
        return value
    if kind is list:
        if SCALARS.issuperset(map(type, value)):
            return value.copy()
        return [item if type(item) in SCALARS else thaw(item) for item in value]
    if kind is not dict:
        # A reference: what its file holds, in memory that nobody can change.
        return value.load()
    if SCALARS.issuperset(map(type, value.values())):
        return value.copy()
    return {key: item if type(item) in SCALARS else thaw(item) for key, item in value.items()}


def same(one: Any, other: Any) -> bool:
    """Whether two frozen values are the same JSON; unlike ``==``, true is not 1 and 1 is not 1.0."""
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other) or one != other:
        return False
    if kind is list:
        return all(map(same, one, other))
    if kind is dict:
        return all(same(item, other[key]) for key, item in one.items())
    return True


def weigh(value: Any) -> int:
    """Estimate the bytes a frozen value occupies: within a factor of two, in one quick walk."""
    kind = type(value)
    if kind is str:
        return 56 + len(value)
    if kind is dict:
        total = 64 + 100 * len(value)
        value = value.values()
    elif kind is list:
        total = 64 + 8 * len(value)
    else:
        return 32
    # Texts, which most parts are, are weighed without a call.
    for part in value:
        total += 56 + len(part) if type(part) is str else weigh(part)
    return total


# A private signal on its way up the walk, never an error anybody sees.
class _Refusal(Exception):
    """Something is not JSON; the levels it passes on the way out add their segment of the path."""

    def __init__(self, reason: str, *, too_deep: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.too_deep = too_deep
        self.segments: list[Any] = []


class _Walk:
    """One walk through one value, counting what it has seen."""

    __slots__ = ("characters", "hold", "items", "limits")

    def __init__(self, limits: ValueLimits, hold: Hold | None = None) -> None:
        self.limits = limits
        self.hold = hold
        self.items = 0
        self.characters = 0

    def freeze(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in SCALARS:
            self._check_scalar(value, kind)
            return value
        if kind is dict or isinstance(value, dict):
            return self._freeze_object(value, depth)
        if kind is list or isinstance(value, list | tuple):
            return self._freeze_array(value, depth)
        plain = _plain(value)
        if plain is None:
            return self._reference(value)
        self._check_scalar(plain, type(plain))
        return plain

    def _reference(self, value: Any) -> Artifact:
        """Return the reference that stands for what is not JSON."""
        from framework0.artifacts import Artifact

        if type(value) is Artifact:
            return value
        try:
            reference = None if self.hold is None else self.hold(value)
        except ValueRefused as refused:
            raise _Refusal(str(refused).removeprefix("the value ")) from None
        if reference is None:
            raise _Refusal(_not_json(value))
        return reference

    def _check_scalar(self, value: Any, kind: type) -> None:
        if kind is str:
            self._count_text(value)
            if not _encodable(value):
                raise _Refusal(
                    f"is text with a lone surrogate ({value[:40]!a}), which has no UTF-8 form; "
                    "clean it with value.encode('utf-8', 'replace').decode()"
                )
        elif kind is float:
            if not isfinite(value):
                raise _Refusal(f"is {value}, which JSON cannot express; store None instead")
        elif kind is int and value.bit_length() > self.limits.digits * _BITS_PER_DIGIT:
            raise _Refusal(
                f"is an integer of more than {self.limits.digits:,} digits; store it as text"
            )

    def _freeze_array(self, value: Any, depth: int) -> list[Any]:
        copy = list(value)
        self._enter(len(copy), depth)
        if self._all_plain(copy):
            return copy
        for index, item in enumerate(copy):
            try:
                copy[index] = self.freeze(item, depth + 1)
            except _Refusal as refusal:
                refusal.segments.append(index)
                raise
        return copy

    def _freeze_object(self, value: Any, depth: int) -> dict[str, Any]:
        # A dict subclass may override items(); what it stores is what dict itself says.
        copy: dict[Any, Any] = dict(dict.items(value))
        self._enter(len(copy), depth)
        if MARK in copy:
            raise _Refusal(f"has the key {MARK!r}, which makes an object a reference; rename it")
        if not self._all_plain(copy) or not _TEXT.issuperset(map(type, copy)):
            copy = {self._freeze_name(name): item for name, item in copy.items()}
        if self._all_plain(copy.values()):
            return copy
        for name, item in copy.items():
            try:
                copy[name] = self.freeze(item, depth + 1)
            except _Refusal as refusal:
                refusal.segments.append(name)
                raise
        return copy

    def _freeze_name(self, name: Any) -> str:
        plain = _plain(name)
        if not isinstance(plain, str):
            refusal = _Refusal(
                f"is a key of type {_type_name(name)}; keys of JSON objects are text"
            )
        elif _encodable(plain):
            return plain
        else:
            refusal = _Refusal(f"is a key with a lone surrogate ({plain[:40]!a})")
        refusal.segments.append(name)
        raise refusal

    def _all_plain(self, values: Collection[Any]) -> bool:
        """Prove by C loops that all are plain JSON scalars; False says nothing."""
        kinds = set(map(type, values))
        if kinds <= _FLAGS:
            return True
        if kinds == _TEXT:
            text = "".join(values)
            self._count_text(text)
            return _encodable(text)
        if kinds == _REAL:
            return all(map(isfinite, values))
        return kinds <= _WHOLE and min(values) >= _SMALLEST and max(values) <= _LARGEST

    def _enter(self, count: int, depth: int) -> None:
        if depth >= self.limits.depth:
            raise _Refusal(f"is nested deeper than {self.limits.depth} levels", too_deep=True)
        self.items += count
        if self.items > self.limits.items:
            raise _Refusal(
                f"brings the value over {self.limits.items:,} items; "
                "write a file and store its path instead"
            )

    def _count_text(self, text: str) -> None:
        self.characters += len(text)
        if self.characters > self.limits.characters:
            raise _Refusal(
                f"brings the value over {self.limits.characters:,} characters of text; "
                "write a file and store its path instead"
            )


def _plain(value: Any) -> Any:
    """Return the plain scalar behind an instance of a scalar's subclass, None when it is none."""
    # The base's own conversion each time: a subclass may have overridden its own (enums do).
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__pos__(value)
    if isinstance(value, float):
        return float.__pos__(value)
    return None


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _not_json(value: Any) -> str:
    instead = _INSTEAD.get(type(value).__name__)
    if instead is None and hasattr(value, "__dataclass_fields__"):
        instead = "dataclasses.asdict() of it"
    elif instead is None and hasattr(type(value), "__members__"):
        instead = "its value"
    elif instead is None and type(value).__module__ == "numpy":
        instead = "its item()"
    hint = f"; store {instead} instead" if instead else ""
    return f"is a {_type_name(value)}, which is not JSON{hint}"


def _explain(root: Any, refusal: _Refusal, key: str | None) -> ValueRefused:
    segments = refusal.segments[::-1]
    reason = refusal.reason
    if refusal.too_deep:
        turn = _first_turn(root, segments)
        if turn is not None:
            segments = segments[:turn]
            reason = "is a container that holds itself; JSON is a tree"
    path = format_path(segments)
    subject = "the value" if key is None else f"the value of {key!r}"
    where = f"{subject}, at {_shortened(path)}," if path else subject
    return ValueRefused(f"{where} {reason}", path=path)


def _first_turn(root: Any, segments: list[Any]) -> int | None:
    """Return how many segments lead from ``root`` to the first container met twice, if any."""
    seen = {id(root)}
    here = root
    for count, segment in enumerate(segments, 1):
        here = here[segment]
        if id(here) in seen:
            return count
        seen.add(id(here))
    return None


def _shortened(path: str) -> str:
    if len(path) <= _PATH_SHOWN:
        return path
    half = _PATH_SHOWN // 2
    return f"{path[:half]}…{path[-half:]}"


def format_path(segments: list[Any]) -> str:
    """Write keys and indexes as one path: ``rows[3].when``, ``rows["first name"]``."""
    path = ""
    for segment in segments:
        if isinstance(segment, str) and segment.isidentifier():
            path += f".{segment}" if path else segment
        elif isinstance(segment, str):
            quoted = segment.replace("\\", "\\\\").replace('"', '\\"')
            path += f'["{quoted}"]'
        else:
            path += f"[{segment!r}]"
    return path.encode("utf-8", "backslashreplace").decode()
