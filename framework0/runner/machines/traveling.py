"""What an engine and the process of its nodes tell each other: plain JSON, and back."""

from __future__ import annotations

from framework0.errors import LibraryError, Place, Problem
from framework0.stepengine import Answer, Call, Fault, NodeFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


def told_facts(facts: NodeFacts) -> dict[str, Any]:
    """Return the facts of a node as they travel."""
    return facts._asdict()


def facts_from(told: Mapping[str, Any]) -> NodeFacts:
    """Return the facts of a node as they were before they traveled."""
    lists = {name: tuple(told[name]) for name in ("methods", "unknown")}
    return NodeFacts(**{**told, **lists})


def told_answer(answer: Answer) -> list[Any]:
    """Return the answer of a call as it travels."""
    return [answer.value, answer.fault, answer.seconds]


def answer_from(told: Sequence[Any]) -> Answer:
    """Return the answer of a call as it was before it traveled."""
    value, fault, seconds = told
    return Answer(value, None if fault is None else Fault(*fault), seconds)


def call_from(told: Sequence[Any]) -> Call:
    """Return a call as it was before it traveled."""
    return Call(*told)


def told_problems(error: LibraryError) -> list[Any]:
    """Return all that is wrong with a library as it travels."""
    return [_told_problem(problem) for problem in error.problems]


def error_from(told: Sequence[Any]) -> LibraryError:
    """Return the error of a library as it was before it traveled."""
    return LibraryError(tuple(_problem_from(problem) for problem in told))


def _told_problem(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "message": problem.message,
        "place": _told_place(problem.place),
        "severity": problem.severity,
        "hint": problem.hint,
        "related": [[words, _told_place(place)] for words, place in problem.related],
    }


def _problem_from(told: Mapping[str, Any]) -> Problem:
    related = tuple((words, Place(*place)) for words, place in told["related"])
    return Problem(
        told["code"],
        told["message"],
        None if told["place"] is None else Place(*told["place"]),
        severity=told["severity"],
        hint=told["hint"],
        related=related,
    )


def _told_place(place: Place | None) -> list[Any] | None:
    return None if place is None else [place.file, place.line, place.column]
