"""The operators of expressions, each knowing how large its result would be before it computes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from framework0.recipe.expression_values import (
    MAX_ITEMS,
    MAX_TEXT,
    Evaluation,
    Wrong,
    bounded_number,
    describe,
    is_number,
    weigh,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def add(left: Any, right: Any, work: Evaluation) -> Any:
    """Return the sum of two numbers, or two texts or two lists joined."""
    if is_number(left) and is_number(right):
        return _computed("+", left, right)
    if isinstance(left, str) and isinstance(right, str):
        if len(left) + len(right) > MAX_TEXT:
            raise Wrong(f"the text would be longer than {MAX_TEXT:,} characters")
        work.charge(1 + (len(left) + len(right)) // 256)
        return left + right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return [*_listed(left, right, work), *right]
    raise _unfit("+", left, right)


def _listed(left: Any, right: Any, work: Evaluation) -> Any:
    items = len(left) + len(right)
    if items > MAX_ITEMS:
        raise Wrong(f"the list would have more than {MAX_ITEMS:,} items")
    work.charge(items)
    return left


def multiply(left: Any, right: Any, work: Evaluation) -> Any:
    """Return the product of two numbers, or a text or list repeated."""
    if is_number(left) and is_number(right):
        return _computed("*", left, right)
    if isinstance(left, int):
        left, right = right, left
    if isinstance(left, str | list | tuple) and is_number(right) and isinstance(right, int):
        limit = MAX_TEXT if isinstance(left, str) else MAX_ITEMS
        size = len(left) * max(right, 0)
        if size > limit:
            raise Wrong(f"repeated so often it would be longer than {limit:,}")
        work.charge(1 + (size // 256 if isinstance(left, str) else size))
        return left * right if isinstance(left, str) else list(left) * right
    raise _unfit("*", left, right)


def subtract(left: Any, right: Any, _work: Evaluation) -> Any:
    """Return the difference of two numbers."""
    return _numeric("-", left, right)


def divide(left: Any, right: Any, _work: Evaluation) -> Any:
    """Return the quotient of two numbers, never cut off."""
    return _numeric("/", left, right)


def divide_down(left: Any, right: Any, _work: Evaluation) -> Any:
    """Return the quotient of two numbers, rounded down."""
    return _numeric("//", left, right)


def remainder(left: Any, right: Any, _work: Evaluation) -> Any:
    """Return what ``//`` leaves over. Texts have no ``%``: formatting is a language of its own."""
    return _numeric("%", left, right)


def _numeric(sign: str, left: Any, right: Any) -> Any:
    if is_number(left) and is_number(right):
        return _computed(sign, left, right)
    raise _unfit(sign, left, right)


def _computed(sign: str, left: Any, right: Any) -> Any:
    # Operands are bounded too: data may hold whole numbers of any size.
    bounded_number(left)
    bounded_number(right)
    try:
        return bounded_number(_ARITHMETIC[sign](left, right))
    except ZeroDivisionError:
        raise Wrong("division by zero") from None
    except OverflowError:
        raise Wrong("the result is too large for a number") from None


_ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "//": lambda left, right: left // right,
    "%": lambda left, right: left % right,
}


def _unfit(sign: str, left: Any, right: Any) -> Wrong:
    hint = None
    if sign == "+" and isinstance(left, str) != isinstance(right, str):
        hint = "str(x) makes text of a number, int(x) a number of text"
    return Wrong(f"`{sign}` does not fit {describe(left)} and {describe(right)}", hint)


def negate(value: Any, _work: Evaluation) -> Any:
    """Return the number with the other sign."""
    if not is_number(value):
        raise Wrong(f"`-` does not fit {describe(value)}")
    return -value


def equal(left: Any, right: Any, work: Evaluation) -> bool:
    """Return whether two pieces of data are equal; 1 equals 1.0 and true, as in Python."""
    weigh(left, work)
    weigh(right, work)
    if isinstance(left, tuple):
        left = list(left)
    if isinstance(right, tuple):
        right = list(right)
    return bool(left == right)


def unequal(left: Any, right: Any, work: Evaluation) -> bool:
    """Return whether two pieces of data differ."""
    return not equal(left, right, work)


def ordered(sign: str) -> Callable[[Any, Any, Evaluation], bool]:
    """Return the comparison that ``sign`` means, for two numbers or two texts."""
    compare = _COMPARISONS[sign]

    def comparison(left: Any, right: Any, work: Evaluation) -> bool:
        numbers = is_number(left) and is_number(right)
        if not numbers and not (isinstance(left, str) and isinstance(right, str)):
            raise Wrong(
                f"`{sign}` does not fit {describe(left)} and {describe(right)}",
                "it compares two numbers or two texts",
            )
        if not numbers:
            work.charge_text(left)
        return compare(left, right)

    return comparison


_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}


def within(left: Any, right: Any, work: Evaluation) -> bool:
    """Return whether ``left`` is an item of a list, a key of a mapping, or a part of a text."""
    if isinstance(right, str):
        if not isinstance(left, str):
            raise Wrong(f"`in` does not fit {describe(left)} and text", "str(x) makes text of it")
        work.charge_text(right)
        return left in right
    if isinstance(right, Mapping):
        return isinstance(left, str | int | float) and left in right
    if isinstance(right, list | tuple):
        weigh(left, work)
        weigh(right, work)
        return left in right
    raise Wrong(f"`in` cannot look into {describe(right)}")


def not_within(left: Any, right: Any, work: Evaluation) -> bool:
    """Return whether ``left`` is not in ``right``."""
    return not within(left, right, work)
