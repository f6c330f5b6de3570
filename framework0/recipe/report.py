"""Showing located problems to a person: where, what, the line with a caret, and what to do next.

    demo.yaml:4:9: error: the key 'name' stands twice in this mapping
        4 |     name: b
          |     ^^^^
          first here: demo.yaml:3:5
          help: remove one; the first stands in line 3
          see docs/reference/errors.md#duplicate-key

The forms for programs (JSON, GitHub annotations, SARIF) are in :mod:`framework0.recipe.report_formats`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from framework0.recipe.display import cells, harmless, width

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from framework0.errors import Place, Problem

PAGE: Final = "docs/reference/errors.md"
"""The page on which every code has a heading."""

LINE_WIDTH: Final = 100
"""Columns a quoted line may take; a longer one is shown around its caret."""

_COLORS: Final = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "note": "\x1b[1;36m"}
_FAINT: Final = "\x1b[2m"
_RESET: Final = "\x1b[0m"
_CUT: Final = "…"
_ENDS_WORD: Final = frozenset(" \t,[]{}:#")


def page(problem: Problem) -> str:
    """Return the link to what is written about ``problem``'s code."""
    return f"{PAGE}#{problem.code}"


def render_problems(
    problems: Sequence[Problem],
    texts: Mapping[str, str] | None = None,
    *,
    color: bool = False,
    line_width: int = LINE_WIDTH,
) -> str:
    """Return ``problems`` as text for a person, each ending with a newline; "" for none.

    ``texts`` maps file names to their texts, for the quoted lines; a file that is not in it is
    quoted nowhere. Foreign text is made harmless for terminals.
    """
    lines_of = {file: _split(text) for file, text in (texts or {}).items()}
    return "".join(_render_one(problem, lines_of, color, line_width) for problem in problems)


def summarize(problems: Iterable[Problem]) -> str:
    """Return how many there are of each kind, as in ``2 errors, 1 warning``; "" for none."""
    counts = dict.fromkeys(("error", "warning", "note"), 0)
    for problem in problems:
        counts[problem.severity] = counts.get(problem.severity, 0) + 1
    return ", ".join(
        f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items() if count
    )


def _split(text: str) -> list[str]:
    # Lines as YAML and editors count them; str.splitlines knows more breaks than they do.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _render_one(
    problem: Problem, lines_of: Mapping[str, list[str]], color: bool, line_width: int
) -> str:
    place = problem.place
    where = f"{harmless(str(place))}: " if place is not None else ""
    kind = _paint(f"{problem.severity}:", _COLORS.get(problem.severity, ""), color)
    out = [f"{where}{kind} {harmless(problem.message)}"]
    margin = " " * 8
    if place is not None and (quoted := _quote(place, lines_of, line_width)) is not None:
        line, caret = quoted
        out.append(f"{place.line:>7} | {line}".rstrip())
        out.append(f"{margin}| {_paint(caret, _COLORS.get(problem.severity, ''), color)}")
    details = [f"{words}: {other}" for words, other in problem.related]
    if problem.hint:
        details.append(f"help: {problem.hint}")
    out.extend(f"{margin}  {harmless(detail)}" for detail in details)
    out.append(f"{margin}  {_paint(f'see {harmless(page(problem))}', _FAINT, color)}")
    return "\n".join(out) + "\n"


def _paint(text: str, code: str, color: bool) -> str:
    return f"{code}{text}{_RESET}" if color and code else text


def _quote(
    place: Place, lines_of: Mapping[str, list[str]], line_width: int
) -> tuple[str, str] | None:
    """Return the line of ``place`` as shown, and the carets below the word that begins there."""
    lines = lines_of.get(place.file)
    if lines is None or not 1 <= place.line <= len(lines) or not any(lines):
        return None
    line = lines[place.line - 1]
    start = min(max(place.column - 1, 0), len(line))
    end = _word_end(line, start, line_width)
    before = max(start - line_width, 0)
    # Only what can be seen is measured: a line may have millions of characters.
    shown, total = cells(line[before : end + line_width])
    columns = [width(part) for part in shown]
    at = start - before
    indent, long = sum(columns[:at]), max(sum(columns[at : end - before]), 1)
    if before == 0 and total <= line_width and end + line_width >= len(line):
        return "".join(shown), " " * indent + "^" * long
    return _around(shown, columns, at, min(long, line_width // 2), line_width)


def _around(
    shown: list[str], columns: list[int], at: int, long: int, line_width: int
) -> tuple[str, str]:
    """Return the part of a long line around position ``at``, and its carets."""
    first = at
    used = 0
    while first > 0 and used + columns[first - 1] <= line_width // 3:
        first -= 1
        used += columns[first]
    last = at
    filled = used
    while last < len(shown) and filled + columns[last] <= line_width - 2:
        filled += columns[last]
        last += 1
    head = _CUT if first > 0 else ""
    tail = _CUT if last < len(shown) else ""
    return f"{head}{''.join(shown[first:last])}{tail}", " " * (used + len(head)) + "^" * long


def _word_end(line: str, start: int, longest: int) -> int:
    """Return where the word or quoted text beginning at ``start`` ends; one caret at least."""
    stop = min(len(line), start + longest)
    if start < len(line) and line[start] in "\"'":
        closing = line.find(line[start], start + 1, stop)
        if closing > 0:
            return closing + 1
        return stop if stop < len(line) else start + 1
    end = start
    while end < stop and line[end] not in _ENDS_WORD:
        end += 1
    return max(end, start + 1)
