"""What the checker has found so far; where it stands is worked out only when somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from framework0.errors import Place, Problem
from framework0.recipe.near import near_name

if TYPE_CHECKING:
    from collections.abc import Collection

    from framework0.recipe.load import Document

Path: TypeAlias = tuple[str | int, ...]
Pointers: TypeAlias = tuple[tuple[str, Path | Place], ...]
"""Further places of a problem with their words: paths in the document, or places elsewhere."""

MAX_PROBLEMS: Final = 1_000
"""Errors, and warnings, listed for one file: a generator that is wrong is wrong 100,000 times the same way."""

MAX_COMPARISONS: Final = 100_000
"""Words compared in search of near names: about a second; later mistakes go without a guess."""


class Located(Problem):
    """A problem that knows its path in the document and finds line and column when first asked.

    Positions cost a second reading of the file. A recipe that is well has nothing but notes, which
    most callers never show, so it should not pay for them.
    """

    __slots__ = ("_document", "_inside", "_key", "_path", "_pointers")

    def __init__(
        self,
        document: Document,
        path: Path,
        code: str,
        message: str,
        *,
        key: bool,
        severity: str,
        hint: str | None,
        pointers: Pointers = (),
        inside: str = "",
    ) -> None:
        self.code = code
        self.message = message
        self.severity = severity
        self.hint = hint
        self._document = document
        self._path = path
        self._key = key
        self._pointers = pointers
        self._inside = inside

    @property
    def place(self) -> Place | None:  # type: ignore[override]
        """Return where the problem is."""
        place = self._document.place(self._path, key=self._key)
        return _within(self._document.text, place, self._inside) if self._inside else place

    @property
    def related(self) -> tuple[tuple[str, Place], ...]:  # type: ignore[override]
        """Return the further places it is about, each with its own words."""
        return tuple(
            (words, where if isinstance(where, Place) else self._document.place(where))
            for words, where in self._pointers
        )


class Findings:
    """Collects the problems of one document in the order in which they are found."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.failed = False
        self.meant: set[Path] = set()
        """Keys that were misspelt, as they should be: they are not missing as well."""
        self._comparisons = MAX_COMPARISONS
        self._listed = {"error": 0, "warning": 0, "note": 0}

    def error(
        self,
        code: str,
        message: str,
        path: Path,
        *,
        key: bool = False,
        hint: str | None = None,
        pointers: Pointers = (),
        inside: str = "",
    ) -> None:
        """Note a mistake at ``path``; ``key`` points at the key there instead of its value.

        ``inside`` is the beginning of the text at ``path`` up to where the mistake is.
        """
        self.failed = True
        self._add(code, message, path, "error", key, hint, pointers, inside)

    def warning(
        self,
        code: str,
        message: str,
        path: Path,
        *,
        key: bool = False,
        hint: str | None = None,
        pointers: Pointers = (),
        inside: str = "",
    ) -> None:
        """Note a risk: the recipe still runs."""
        self._add(code, message, path, "warning", key, hint, pointers, inside)

    def note(self, code: str, message: str, path: Path, *, hint: str | None = None) -> None:
        """Note a fact that is neither a mistake nor a risk."""
        self._add(code, message, path, "note", True, hint, (), "")

    def near(self, word: str, candidates: Collection[str]) -> str | None:
        """Return the candidate that ``word`` was meant to be, while there is time to look."""
        if self._comparisons <= 0:
            return None
        self._comparisons -= len(candidates)
        return near_name(word, candidates)

    def _add(
        self,
        code: str,
        message: str,
        path: Path,
        severity: str,
        key: bool,
        hint: str | None,
        pointers: Pointers,
        inside: str,
    ) -> None:
        self._listed[severity] += 1
        if self._listed[severity] > MAX_PROBLEMS + 1:
            return
        if self._listed[severity] > MAX_PROBLEMS:
            # Errors and warnings are counted apart: no number of risks may hide a mistake.
            message = f"more than {MAX_PROBLEMS:,} {severity}s: the others are not listed"
            code, severity, key, hint = "too-many-problems", "warning", True, "correct these first"
            path, pointers, inside = ("steps",), (), ""
        self.problems.append(
            Located(
                self.document,
                path,
                code,
                message,
                key=key,
                severity=severity,
                hint=hint,
                pointers=pointers,
                inside=inside,
            )
        )


def _within(text: str, start: Place, inside: str) -> Place:
    """Return the place after ``inside`` in the text that starts at ``start``, if it stands as it is.

    Texts with escapes, or folded over lines, do not: then the start of the text has to do.
    """
    lines = text.split("\n", start.line + inside.count("\n") + 1)
    first = lines[start.line - 1][start.column - 1 :]
    if first[:1] in {"|", ">"}:
        at = start.line + inside.count("\n")
        tail = inside.rpartition("\n")[2]
        line = lines[at] if at < len(lines) else ""
        indent = len(line) - len(line.lstrip(" "))
        if line.strip(" ").startswith(tail.lstrip(" ")):
            return Place(start.file, at + 1, indent + len(tail) + 1)
        return start
    quote = 1 if first[:1] in {"'", '"'} else 0
    if first.startswith(inside, quote):
        return Place(start.file, start.line, start.column + quote + len(inside))
    return start


def did_you_mean(near: str | None) -> str | None:
    """Return the hint for a near name."""
    return None if near is None else f"did you mean {near!r}?"
