"""The mistakes found while a text is read: collected with their places, or ending the reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from framework0.errors import Place, Problem, RecipeError
from framework0.recipe.limits import MAX_READING_PROBLEMS
from framework0.recipe.syntax import TAB, Surroundings, explain

if TYPE_CHECKING:
    import yaml

LINES_ABOVE: Final = 100
"""Lines before a mistake that may tell its cause: more would only be searched in vain."""


class Complaints:
    """The mistakes of one text. Marks are the parser's: lines and columns from 0."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.text = text
        self.problems: list[Problem] = []
        self._counts = {"error": 0, "warning": 0}
        self._lines: list[str] | None = None

    def complain(
        self,
        event: Any,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        severity: str = "error",
        related: tuple[tuple[str, Place], ...] = (),
    ) -> None:
        """Keep a mistake at ``event`` that leaves the rest readable.

        After too many errors the reading ends; warnings beyond as many are not kept.
        """
        self._counts[severity] += 1
        if self._counts[severity] <= MAX_READING_PROBLEMS:
            place = self.place(event.start_mark)
            problem = Problem(code, message, place, hint=hint, severity=severity, related=related)
            self.problems.append(problem)
        elif severity == "error":
            self.give_up(
                event,
                "too-many-mistakes",
                f"{MAX_READING_PROBLEMS} mistakes up to here; the rest was not read",
                hint="correct the first ones, then read again",
            )

    def give_up(self, event: Any, code: str, message: str, *, hint: str) -> NoReturn:
        """End the reading at ``event``, with all mistakes found up to there."""
        self.problems.append(Problem(code, message, self.place(event.start_mark), hint=hint))
        raise RecipeError(in_file_order(self.problems))

    def place(self, mark: Any) -> Place:
        """Return the place of ``mark``."""
        return Place(self.file, mark.line + 1, mark.column + 1)

    def around(self, mark: Any) -> Surroundings:
        """Return what stands around ``mark``."""
        if self._lines is None:
            # Split only when there is a mistake to explain.
            self._lines = self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        lines = self._lines
        line = lines[mark.line] if mark.line < len(lines) else ""
        above = "\n".join(lines[max(mark.line - LINES_ABOVE, 0) : mark.line])
        return Surroundings(line[: mark.column], line[mark.column :], above)

    def _tab_before(self, mark: Any) -> Place | None:
        """Return where a tab stands in the indentation of the line of ``mark``, if one does."""
        around = self.around(mark)
        column = (around.before + around.after[:1]).find("\t")
        if column < 0 or around.before[:column].strip(" -"):
            return None
        return Place(self.file, mark.line + 1, column + 1)

    def give_up_over_syntax(self, error: yaml.MarkedYAMLError) -> NoReturn:
        """End the reading where the parser ended it."""
        self.problems.append(self._syntax(error))
        raise RecipeError(in_file_order(self.problems)) from None

    def _syntax(self, error: yaml.MarkedYAMLError) -> Problem:
        seen, start = error.problem_mark, error.context_mark
        assert seen is not None
        explained = explain(error.problem or "", error.context or "", self.around(seen))
        if (tab := self._tab_before(seen)) is not None:
            return Problem(TAB.code, TAB.message, tab, hint=TAB.hint)
        if explained.at_start and start is not None:
            seen, start = start, seen
        related: tuple[tuple[str, Place], ...] = ()
        if start is not None and start.line != seen.line:
            words = "noticed here" if explained.at_start else "what it belongs to starts here"
            related = ((words, self.place(start)),)
        return Problem(
            explained.code,
            explained.message,
            self.place(seen),
            hint=explained.hint,
            related=related,
        )


def in_file_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """Return the problems by where they stand in the file."""

    def position(problem: Problem) -> tuple[int, int]:
        place = problem.place
        return (place.line, place.column) if place is not None else (0, 0)

    return tuple(sorted(problems, key=position))
