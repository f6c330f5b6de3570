"""What expressions compute with: plain data, within a budget.

Every operation takes and gives JSON-like values and knows its limits before it starts, so nothing
an expression says can run long or grow large. A refusal is a :class:`Wrong`: its words name kinds
of values, never the values, which may be secret.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from framework0.recipe.expression_scope import Scope

MAX_WORK: Final = 100_000
"""Elementary operations in one evaluation: some 10 ms, so a hostile one is refused in under 100."""

MAX_TEXT: Final = 65_536
"""Characters in a text that an expression or a template makes: 64 KiB, room for any command."""

MAX_ITEMS: Final = 10_000
"""Items in a list or mapping that an expression makes."""

MAX_BITS: Final = 1024
"""Bits in a whole number: as far as floats reach, and far beyond 64-bit JSON readers."""

MAX_NESTING: Final = 200
"""Levels of containers that are compared or written as text."""

_TEXT_PER_WORK: Final = 256

MISSING: Final = object()
"""Stands for "nothing there", since null is a value."""


class Sealed(ABC):
    """A value that is somewhere else: handed on as it is, opened only when a part of it is asked for.

    ``kind`` names the type of what is inside.
    """

    __slots__ = ()

    kind: str

    @abstractmethod
    def open(self) -> Any:
        """Return the value, a new one each time."""


class Wrong(Exception):
    """An evaluation stopped; the place where it happens adds the offset."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.offset: int | None = None


class Absent(Wrong):
    """A reference leads to nothing; ``name`` and ``known`` are kept to find near names if asked."""

    def __init__(
        self,
        message: str,
        name: str | None = None,
        known: Callable[[], Iterable[Any]] | None = None,
    ) -> None:
        super().__init__(message)
        self.name = name
        self.known = known


class Evaluation:
    """One evaluation under way: what names mean, and how much work is left."""

    __slots__ = ("left", "scope")

    def __init__(self, scope: Scope, left: int = MAX_WORK) -> None:
        self.scope = scope
        self.left = left

    def charge(self, amount: int) -> None:
        """Take ``amount`` from the budget.

        Raises:
            Wrong: if nothing is left.
        """
        self.left -= amount
        if self.left < 0:
            raise Wrong(
                f"the expression needs more than {MAX_WORK:,} operations",
                "compute this in a scriptlet and read its result",
            )

    def charge_text(self, text: str) -> None:
        """Take what looking at all of ``text`` costs."""
        self.charge(1 + len(text) // _TEXT_PER_WORK)


def describe(value: Any) -> str:
    """Return the kind of ``value`` in words, never the value."""
    if value is None:
        return "null"
    for kind, words in _KINDS:
        if isinstance(value, kind):
            return words
    name = (value.kind if isinstance(value, Sealed) else type(value).__name__)[:60]
    return f"a Python object of type {name}"


_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "a boolean"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "text"),
    ((list, tuple), "a list"),
    (Mapping, "a mapping"),
)


def is_number(value: Any) -> bool:
    """Say whether ``value`` is a number to compute with; a boolean is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def weigh(value: Any, work: Evaluation) -> None:
    """Charge for walking all of ``value``, before something walks it in one go.

    Raises:
        Wrong: if it holds a Python object that is no data, is nested too deeply, or is too much.
    """
    pending = [(value, 0)]
    while pending:
        part, depth = pending.pop()
        if isinstance(part, str):
            work.charge_text(part)
        elif part is None or isinstance(part, int | float):
            work.charge(1)
        elif isinstance(part, list | tuple | Mapping):
            work.charge(1 + len(part))
            if depth >= MAX_NESTING:
                raise Wrong(f"the data is nested deeper than {MAX_NESTING} levels")
            pending.extend((item, depth + 1) for item in part)
            if isinstance(part, Mapping):
                pending.extend((item, depth + 1) for item in part.values())
        elif isinstance(part, Sealed):
            pending.append((part.open(), depth))
        else:
            raise Wrong(f"expressions only work on data, and this is {describe(part)}")


def truth(value: Any) -> bool:
    """Return whether ``value`` counts as true: not null, false, 0, or empty.

    Raises:
        Wrong: for a Python object, whose own idea of truth would be foreign code.
    """
    if value is None or isinstance(value, int | float | str | list | tuple | Mapping):
        return bool(value)
    if isinstance(value, Sealed):
        return truth(value.open())
    raise Wrong(f"{describe(value)} is neither true nor false", "compare a part of it")


def text_of(value: Any, work: Evaluation) -> str:
    """Return ``value`` as it stands in a text: ``true``, ``null``, ``3``, ``{"a":[1]}``.

    Raises:
        Wrong: if it is no data, or its text would be longer than MAX_TEXT.
    """
    if isinstance(value, Sealed):
        value = value.open()
    if isinstance(value, str):
        return value
    weigh(value, work)
    import json

    try:
        return bounded(
            json.dumps(_as_json(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        )
    except (ValueError, TypeError):
        raise Wrong("this data cannot be written as JSON (nan, or a key that is no text)") from None


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    return value


def bounded(text: str) -> str:
    """Return ``text``, which an expression made.

    Raises:
        Wrong: if it is longer than MAX_TEXT.
    """
    if len(text) > MAX_TEXT:
        raise Wrong(
            f"the text would be longer than {MAX_TEXT:,} characters", "pass it through the context"
        )
    return text


def bounded_number(number: Any) -> int | float:
    """Return ``number``, which an expression made.

    Raises:
        Wrong: if it is over MAX_BITS, infinite or not a number.
    """
    if isinstance(number, float):
        if number - number != 0.0:
            raise Wrong("the result is too large for a number")
        return number
    whole: int = number
    if whole.bit_length() > MAX_BITS:
        raise Wrong("the result is too large for a number")
    return whole


def field(value: Any, part: Any, shown: str, *, literal: bool) -> Any:
    """Return the part of plain data that ``value.part`` or ``value[part]`` means.

    ``shown`` is how the expression names it. ``literal`` says that the part is written there, and
    so may be repeated in an error.

    Raises:
        Absent: if there is no such part.
        Wrong: if ``value`` has no parts.
    """
    if isinstance(value, Mapping):
        found = value.get(part, MISSING) if isinstance(part, str | int | float) else MISSING
        if found is MISSING:
            name = part if literal and isinstance(part, str) else None
            raise Absent(f"there is no `{shown}`", name, value.keys)
        return found
    if isinstance(value, list | tuple | str):
        what = "text" if isinstance(value, str) else "a list"
        if not isinstance(part, int) or isinstance(part, bool):
            raise Absent(
                f"there is no `{shown}`: it looks into {what}, whose parts are numbered from 0"
            )
        if not -len(value) <= part < len(value):
            raise Absent(f"there is no `{shown}`: the {what.removeprefix('a ')} is shorter")
        return value[part]
    if value is None:
        raise Absent(f"there is no `{shown}`: it looks into null")
    if isinstance(value, Sealed):
        return field(value.open(), part, shown, literal=literal)
    raise Wrong(f"`{shown}` looks into {describe(value)}, which has no parts to an expression")
