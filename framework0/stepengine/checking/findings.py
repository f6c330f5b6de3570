"""What a check of a library has found: located problems, in the order of the files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from framework0.errors import Problem

if TYPE_CHECKING:
    from framework0.errors import Place

MOST_PROBLEMS: Final = 200
"""Problems that are listed; after so many a person corrects the first ones and asks again."""

MOST_RELATED: Final = 8
"""Places shown with one problem: of a long way its beginning and its end say enough."""

Related = list[tuple[str, "Place"]]


class Findings:
    """Collects problems."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def error(
        self,
        code: str,
        message: str,
        place: Place | None,
        *,
        hint: str | None = None,
        related: Related | None = None,
    ) -> None:
        """Keep a mistake: the machine could not do what is written there."""
        self._add("error", code, message, place, hint, related)

    def warning(
        self,
        code: str,
        message: str,
        place: Place | None,
        *,
        hint: str | None = None,
        related: Related | None = None,
    ) -> None:
        """Keep a risk."""
        self._add("warning", code, message, place, hint, related)

    def note(
        self,
        code: str,
        message: str,
        place: Place | None,
        *,
        hint: str | None = None,
        related: Related | None = None,
    ) -> None:
        """Keep a fact, such as what cannot be known."""
        self._add("note", code, message, place, hint, related)

    def keep(self, problem: Problem) -> None:
        """Keep a problem that is made already."""
        self._problems.append(problem)

    def _add(
        self,
        severity: str,
        code: str,
        message: str,
        place: Place | None,
        hint: str | None,
        related: Related | None,
    ) -> None:
        shown = related or []
        if len(shown) > MOST_RELATED:
            half = MOST_RELATED // 2
            shown = [*shown[:half], *shown[-half:]]
        self._problems.append(
            Problem(code, message, place, severity=severity, hint=hint, related=tuple(shown))
        )

    def listed(self) -> tuple[Problem, ...]:
        """Return all, by file and line; after MOST_PROBLEMS one more says how many there are."""

        def position(problem: Problem) -> tuple[str, int, int]:
            place = problem.place
            return (place.file, place.line, place.column) if place is not None else ("", 0, 0)

        found = sorted(self._problems, key=position)
        if len(found) <= MOST_PROBLEMS:
            return tuple(found)
        errors = [problem for problem in found if problem.severity == "error"]
        others = [problem for problem in found if problem.severity != "error"]
        kept = sorted([*errors, *others][:MOST_PROBLEMS], key=position)
        severity = "error" if len(errors) > MOST_PROBLEMS else "note"
        more = Problem(
            "too-many-problems",
            f"{len(found) - MOST_PROBLEMS} more problems are not listed",
            severity=severity,
            hint="correct these first, then check again",
        )
        return (*kept, more)
