"""The functions expressions may call: a closed list, over plain data, within the budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from framework0.recipe.expression_operators import add, within
from framework0.recipe.expression_values import (
    MAX_ITEMS,
    MAX_TEXT,
    Evaluation,
    Wrong,
    bounded,
    bounded_number,
    describe,
    is_number,
    text_of,
    truth,
)
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MAX_PLACES: Final = 20
"""Decimal places round() knows: floats have no more."""

_MAX_NUMBER_TEXT: Final = 400
"""Characters int() and float() read: MAX_BITS is 309 digits."""


def _count(work: Evaluation, value: Any) -> int:
    if not isinstance(value, str | list | tuple | Mapping):
        raise Wrong(f"len() does not fit {describe(value)}")
    work.charge(1)
    return len(value)


def _text(work: Evaluation, value: Any) -> str:
    return text_of(value, work)


def _whole(_work: Evaluation, value: Any) -> int:
    if isinstance(value, str):
        digits = value.strip().removeprefix("-")
        # Digits of other scripts are refused: nobody means them, and they look like others.
        if len(value) > _MAX_NUMBER_TEXT or not (digits.isascii() and digits.isdecimal()):
            raise Wrong("int() was given a text that is no whole number")
        value = int(value)
    elif not isinstance(value, int | float) or value != value:  # noqa: PLR0124
        raise Wrong(f"int() does not fit {describe(value)}")
    return int(bounded_number(value))


def _floating(_work: Evaluation, value: Any) -> float:
    try:
        if isinstance(value, str) and len(value) <= _MAX_NUMBER_TEXT and _spells_number(value):
            return float(bounded_number(float(value)))
        if isinstance(value, int | float):
            return float(bounded_number(float(value)))
    except ValueError:
        pass
    except OverflowError:
        raise Wrong("the result is too large for a number") from None
    what = "a text that is no number" if isinstance(value, str) else describe(value)
    raise Wrong(f"float() was given {what}")


def _spells_number(text: str) -> bool:
    """Return whether ``text`` has only what numbers are written with: no ``nan``, ``inf`` or ``1_0``."""
    return all(character in "0123456789+-.eE" for character in text.strip())


def _boolean(_work: Evaluation, value: Any) -> bool:
    return truth(value)


def _round(_work: Evaluation, value: Any, places: Any = None) -> int | float:
    if not is_number(value):
        raise Wrong(f"round() does not fit {describe(value)}")
    bounded_number(value)
    if places is None:
        nearest: int = round(value)
        return nearest
    if not isinstance(places, int) or not -_MAX_PLACES <= places <= _MAX_PLACES:
        raise Wrong(f"round() takes from -{_MAX_PLACES} to {_MAX_PLACES} places")
    return bounded_number(round(value, places))


def _comparable(name: str, work: Evaluation, values: Any) -> list[Any]:
    """Return the items, all numbers or all texts, paid for sorting."""
    items = _items(name, work, values)
    numbers = 0
    for item in items:
        if isinstance(item, str):
            work.charge_text(item)
        elif is_number(item):
            numbers += 1
        else:
            raise Wrong(f"{name}() compares numbers or texts, not {describe(item)}")
    if 0 < numbers < len(items):
        raise Wrong(f"{name}() compares numbers or texts, not both")
    return items


def _items(name: str, work: Evaluation, values: Any) -> list[Any]:
    if isinstance(values, Mapping | list | tuple):
        work.charge(1 + len(values))
        return list(values)
    raise Wrong(f"{name}() takes a list, not {describe(values)}")


def _least(work: Evaluation, *values: Any) -> Any:
    return min(_some("min", work, values))


def _greatest(work: Evaluation, *values: Any) -> Any:
    return max(_some("max", work, values))


def _some(name: str, work: Evaluation, values: tuple[Any, ...]) -> list[Any]:
    items = _comparable(name, work, values[0] if len(values) == 1 else values)
    if not items:
        raise Wrong(f"{name}() of an empty list does not exist", "default it: `x if y else z`")
    return items


def _sum(work: Evaluation, values: Any) -> Any:
    items = _items("sum", work, values)
    total: Any = 0
    for item in items:
        if not is_number(item):
            raise Wrong(f"sum() adds numbers, not {describe(item)}")
        total = add(total, item, work)
    return total


def _sorted(work: Evaluation, values: Any) -> list[Any]:
    return sorted(_comparable("sorted", work, values))


def _join(work: Evaluation, values: Any, separator: Any = "") -> str:
    items = _items("join", work, values)
    glue = _as_text("join", separator)
    parts = [text_of(item, work) for item in items]
    if sum(map(len, parts)) + len(glue) * max(len(parts) - 1, 0) > MAX_TEXT:
        raise Wrong(f"the text would be longer than {MAX_TEXT:,} characters")
    return glue.join(parts)


def _split(work: Evaluation, value: Any, separator: Any = None) -> list[str]:
    text = _as_text("split", value)
    if separator is not None and not _as_text("split", separator):
        raise Wrong("split() cannot cut at an empty text")
    work.charge(1 + len(text) // 16)
    parts = text.split(separator, MAX_ITEMS)
    if len(parts) > MAX_ITEMS:
        raise Wrong(f"the list would have more than {MAX_ITEMS:,} items")
    return parts


def _as_text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong(f"{name}() takes text, not {describe(value)}", "str(x) makes text of it")
    return value


def _lower(work: Evaluation, value: Any) -> str:
    work.charge_text(bounded(_as_text("lower", value)))
    return str(value).lower()


def _upper(work: Evaluation, value: Any) -> str:
    work.charge_text(bounded(_as_text("upper", value)))
    return bounded(str(value).upper())


def _starts(work: Evaluation, value: Any, start: Any) -> bool:
    work.charge(1)
    return _as_text("startswith", value).startswith(_as_text("startswith", start))


def _ends(work: Evaluation, value: Any, end: Any) -> bool:
    work.charge(1)
    return _as_text("endswith", value).endswith(_as_text("endswith", end))


def _contains(work: Evaluation, value: Any, part: Any) -> bool:
    return within(part, value, work)


def _keys(work: Evaluation, value: Any) -> list[Any]:
    return list(_mapping("keys", work, value))


def _values(work: Evaluation, value: Any) -> list[Any]:
    return list(_mapping("values", work, value).values())


def _mapping(name: str, work: Evaluation, value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise Wrong(f"{name}() takes a mapping, not {describe(value)}")
    work.charge(1 + len(value))
    return value


class Function(NamedTuple):
    """A function of the language: how many arguments it takes, and how it is explained."""

    call: Callable[..., Any]
    least: int
    most: int
    usage: str
    about: str


MANY: Final = 100

FUNCTIONS: Final[dict[str, Function]] = {
    "bool": Function(_boolean, 1, 1, "bool(x)", "whether x is neither empty, 0, false nor null"),
    "contains": Function(_contains, 2, 2, "contains(whole, part)", "the same as `part in whole`"),
    "endswith": Function(_ends, 2, 2, "endswith(text, end)", "whether the text ends so"),
    "float": Function(_floating, 1, 1, "float(x)", "the number x, or the one a text spells"),
    "int": Function(_whole, 1, 1, "int(x)", "the whole number a text spells, or a number cut off"),
    "join": Function(_join, 1, 2, "join(list, separator)", "the items as one text"),
    "keys": Function(_keys, 1, 1, "keys(mapping)", "the list of its keys"),
    "len": Function(_count, 1, 1, "len(x)", "the length of a text, a list or a mapping"),
    "lower": Function(_lower, 1, 1, "lower(text)", "the text in small letters"),
    "max": Function(_greatest, 1, MANY, "max(list)", "the greatest item; also `max(a, b, …)`"),
    "min": Function(_least, 1, MANY, "min(list)", "the least item; also `min(a, b, …)`"),
    "round": Function(_round, 1, 2, "round(number, places)", "the number rounded, half to even"),
    "sorted": Function(_sorted, 1, 1, "sorted(list)", "the numbers or texts in rising order"),
    "split": Function(
        _split, 1, 2, "split(text, separator)", "its parts; at blanks if none is given"
    ),
    "startswith": Function(_starts, 2, 2, "startswith(text, start)", "whether the text begins so"),
    "str": Function(_text, 1, 1, "str(x)", "x as it stands within a text"),
    "sum": Function(_sum, 1, 1, "sum(list)", "the numbers added up"),
    "upper": Function(_upper, 1, 1, "upper(text)", "the text in capital letters"),
    "values": Function(_values, 1, 1, "values(mapping)", "the list of its values"),
}

STATUS: Final = frozenset({"always", "failed", "succeeded"})
"""Functions without arguments that ask how the run has gone."""

DEFAULT: Final = "default"
"""``default(x, y)`` is special: x may lead to nothing."""


def known_functions() -> Iterable[str]:
    """Return every name that may stand before a bracket."""
    return [*FUNCTIONS, *STATUS, DEFAULT]
