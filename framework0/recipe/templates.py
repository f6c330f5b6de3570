"""Texts that hold ``${{ … }}``, anywhere inside JSON-like data: found, and filled in.

``$${{`` stands for a literal ``${{``. Keys of mappings are names, never templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import ExpressionError
from framework0.recipe.expression_tokens import MAX_LENGTH
from framework0.recipe.expression_values import MAX_TEXT, Evaluation, Wrong, text_of
from framework0.recipe.expressions import compile_expression, located
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework0.recipe.expressions import Scope

OPEN: Final = "${{"
CLOSE: Final = "}}"

MAX_LEVELS: Final = 100
"""Levels of containers that are walked; a recipe has fewer, and each costs stack."""

MAX_HOLES: Final = 1000
"""Expressions in one text: together they stay within some seconds whatever each does."""

_MAX_CACHED: Final = 4096
"""Characters of a text whose cut form is worth keeping."""

_QUOTES: Final = frozenset("'\"")
_OPENING: Final = frozenset("([{")
_PAIRS: Final = frozenset({"()", "[]", "{}"})

Path = tuple[str | int, ...]


class Template(NamedTuple):
    """One ``${{ … }}`` found: where, and what it says.

    ``path`` leads to the text that holds it; ``offset`` is where ``expression`` begins in that text,
    so a mistake in the expression is at ``offset + error.offset``. If the text cannot be cut into
    expressions, ``error`` says why, located within ``expression`` (what follows ``${{``).
    """

    path: Path
    offset: int
    expression: str
    error: ExpressionError | None = None


class _Hole(NamedTuple):
    expression: str
    offset: int


class _Uncut(Exception):
    """The text opens an expression at ``start`` that is none, for the reason in ``error``."""

    def __init__(self, start: int, error: ExpressionError) -> None:
        super().__init__(str(error))
        self.start = start
        self.error = error


def has_template(value: Any) -> bool:
    """Return whether any text in ``value`` holds ``${{``."""
    if isinstance(value, str):
        return OPEN in value
    if not isinstance(value, list | tuple | Mapping):
        return False
    return any(OPEN in text for _path, text in _texts(value))


def find_templates(value: Any) -> Iterator[Template]:
    """Yield every ``${{ … }}`` in the texts of ``value``, in order; mistakes are yielded, not raised."""
    for path, text in _texts(value):
        if OPEN not in text:
            continue
        found: list[_Hole] = []
        try:
            found.extend(part for part in _scan(text) if isinstance(part, _Hole))
        except _Uncut as uncut:
            # What stands before the mistake is still worth checking, so it is cut again without it.
            before = _scan(text[: uncut.start])
            found = [part for part in before if isinstance(part, _Hole)]
            yield from (Template(path, hole.offset, hole.expression) for hole in found)
            start = uncut.start + len(OPEN)
            yield Template(path, start, text[start : start + MAX_LENGTH], uncut.error)
        else:
            yield from (Template(path, hole.offset, hole.expression) for hole in found)


def _texts(value: Any) -> Iterator[tuple[Path, str]]:
    pending: list[tuple[Path, Any]] = [((), value)]
    while pending:
        path, part = pending.pop()
        if isinstance(part, str):
            yield path, part
        elif len(path) >= MAX_LEVELS:
            continue
        elif isinstance(part, Mapping):
            pending.extend(((*path, key), part[key]) for key in reversed(list(part)))
        elif isinstance(part, list | tuple):
            pending.extend(((*path, index), part[index]) for index in reversed(range(len(part))))


def render(value: Any, scope: Scope) -> Any:
    """Return a copy of ``value`` with every ``${{ … }}`` replaced by what it evaluates to.

    A text that is exactly one ``${{ … }}`` becomes the value itself, of whatever type; within longer
    text, values are written as text (``true``, ``null``, JSON for lists and mappings).

    Raises:
        ExpressionError: if an expression fails, or the text would be longer than MAX_TEXT.
    """
    return _render(value, scope, 0)


def _render(value: Any, scope: Scope, level: int) -> Any:
    if isinstance(value, str):
        return _fill(value, scope) if OPEN in value else value
    if isinstance(value, list | tuple | Mapping) and level >= MAX_LEVELS:
        raise ExpressionError(f"the value is nested deeper than {MAX_LEVELS} levels")
    if isinstance(value, Mapping):
        return {key: _render(item, scope, level + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_render(item, scope, level + 1) for item in value]
    if isinstance(value, tuple):
        return tuple(_render(item, scope, level + 1) for item in value)
    return value


def _fill(text: str, scope: Scope) -> Any:
    parts = _cut(text)
    if len(parts) == 1 and isinstance(parts[0], _Hole):
        return _evaluated(parts[0], scope)
    pieces: list[str] = []
    size = 0
    for part in parts:
        piece = part if isinstance(part, str) else _written(part, scope)
        size += len(piece)
        if size > MAX_TEXT:
            raise ExpressionError(
                f"the text would be longer than {MAX_TEXT:,} characters",
                hint="pass long text through the context or a file",
            )
        pieces.append(piece)
    return "".join(pieces)


def _evaluated(hole: _Hole, scope: Scope) -> Any:
    try:
        return compile_expression(hole.expression).evaluate(scope)
    except ExpressionError as error:
        raise _moved(error, hole.offset) from None


def _written(hole: _Hole, scope: Scope) -> str:
    value = _evaluated(hole, scope)
    try:
        return text_of(value, Evaluation(scope))
    except Wrong as wrong:
        raise _moved(located(wrong), hole.offset) from None


def _moved(error: ExpressionError, offset: int) -> ExpressionError:
    """Return the same error, located within the whole text."""
    message = error.problems[0].message
    return ExpressionError(message, offset=offset + error.offset, hint=error.hint)


def _cut(text: str) -> tuple[str | _Hole, ...]:
    try:
        return _cut_and_kept(text) if len(text) <= _MAX_CACHED else _scan(text)
    except _Uncut as uncut:
        raise _moved(uncut.error, uncut.start + len(OPEN)) from None


@lru_cache(maxsize=1024)
def _cut_and_kept(text: str) -> tuple[str | _Hole, ...]:
    return _scan(text)


def _scan(text: str) -> tuple[str | _Hole, ...]:
    """Cut ``text`` into literal pieces and expressions.

    Raises:
        _Uncut: where an expression begins that never ends.
    """
    parts: list[str | _Hole] = []
    holes = 0
    done = 0
    while (start := text.find(OPEN, done)) >= 0:
        if start > done and text[start - 1] == "$":
            parts.append(text[done : start - 1] + OPEN)
            done = start + len(OPEN)
            continue
        if start > done:
            parts.append(text[done:start])
        end = _end(text, start)
        inner = text[start + len(OPEN) : end]
        skipped = len(inner) - len(inner.lstrip())
        parts.append(_Hole(inner.strip(), start + len(OPEN) + skipped))
        holes += 1
        if holes > MAX_HOLES:
            raise _Uncut(start, ExpressionError(f"more than {MAX_HOLES:,} expressions in one text"))
        done = end + len(CLOSE)
    if done < len(text):
        parts.append(text[done:])
    return tuple(parts)


def _end(text: str, start: int) -> int:
    """Return where the ``}}`` stands that ends the expression which opens at ``start``."""
    first = start + len(OPEN)
    limit = min(len(text), first + MAX_LENGTH + len(CLOSE))
    position = first
    opened: list[int] = []
    while position < limit:
        character = text[position]
        if character in _QUOTES:
            position = _after_quote(text, position, limit, first, start)
            continue
        if not opened and text.startswith(CLOSE, position):
            return position
        if text.startswith(OPEN, position):
            raise _Uncut(
                start,
                ExpressionError(
                    "`${{` stands inside another one",
                    offset=position - first,
                    hint="close the first with `}}`, or write the inner name without `${{`",
                ),
            )
        if character in _OPENING:
            opened.append(position)
        elif opened and text[opened[-1]] + character in _PAIRS:
            opened.pop()
        position += 1
    if opened and CLOSE in text[first:limit]:
        bracket = text[opened[-1]]
        raise _Uncut(
            start,
            ExpressionError(f"this `{bracket}` is not closed", offset=opened[-1] - first),
        )
    raise _Uncut(start, _unterminated(limit < len(text)))


def _after_quote(text: str, position: int, limit: int, first: int, start: int) -> int:
    quote = text[position]
    opened = position
    position += 1
    while position < limit:
        if text[position] == "\\":
            position += 2
        elif text[position] == quote:
            return position + 1
        else:
            position += 1
    error = ExpressionError(
        f"the text that begins here has no closing {quote}",
        offset=opened - first,
        hint=f"add {quote}",
    )
    raise _Uncut(start, error)


def _unterminated(too_long: bool) -> ExpressionError:
    if too_long:
        return ExpressionError(
            f"the expression is not closed within {MAX_LENGTH:,} characters, the most it may have",
            offset=-len(OPEN),
            hint="close it with `}}`, or compute this in a scriptlet",
        )
    return ExpressionError(
        "the expression that begins here is not closed",
        offset=-len(OPEN),
        hint="close it with `}}`, or write `$${{` for a literal `${{`",
    )
