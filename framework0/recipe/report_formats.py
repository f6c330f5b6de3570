"""Located problems for programs: JSON, GitHub annotations, and SARIF 2.1.0.

Sources: the workflow commands of GitHub Actions (``::error file=…``) and the OASIS standard
"Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from framework0.recipe.display import harmless
from framework0.recipe.report import page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework0.errors import Place, Problem

SARIF_VERSION: Final = "2.1.0"
SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_GITHUB_KINDS: Final = {"error": "error", "warning": "warning", "note": "notice"}


def as_json(problems: Sequence[Problem]) -> str:
    """Return one JSON object: ``problems`` in order, and how many there are of each severity."""
    counts = dict.fromkeys(("error", "warning", "note"), 0)
    for problem in problems:
        counts[problem.severity] = counts.get(problem.severity, 0) + 1
    listed = [
        {
            "code": problem.code,
            "severity": problem.severity,
            "message": problem.message,
            "hint": problem.hint,
            **_position(problem.place),
            "related": [{"message": words, **_position(place)} for words, place in problem.related],
            "page": page(problem),
        }
        for problem in problems
    ]
    return _dump({"problems": listed, "counts": counts})


def _position(place: Place | None) -> dict[str, Any]:
    if place is None:
        return {"file": None, "line": None, "column": None}
    return {"file": place.file, "line": place.line, "column": place.column}


def as_github(problems: Sequence[Problem]) -> str:
    """Return one annotation command a line, as GitHub Actions reads them from a job's output."""
    return "".join(map(_annotation, problems))


def _annotation(problem: Problem) -> str:
    kind = _GITHUB_KINDS.get(problem.severity, "error")
    properties = {"title": problem.code}
    if problem.place is not None:
        properties = {
            "file": problem.place.file,
            "line": str(problem.place.line),
            "col": str(problem.place.column),
            **properties,
        }
    told = ",".join(
        f"{key}={harmless(_escape_property(value))}" for key, value in properties.items()
    )
    hint = f"\n{harmless(problem.hint)}" if problem.hint else ""
    return f"::{kind} {told}::{_escape_data(harmless(problem.message) + hint)}\n"


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")


def as_sarif(problems: Sequence[Problem], version: str = "") -> str:
    """Return a SARIF log of one run; ``version`` is that of the tool that found the problems."""
    codes = sorted({problem.code for problem in problems})
    driver: dict[str, Any] = {
        "name": "framework0",
        "rules": [{"id": code, "help": {"text": _help(code, problems)}} for code in codes],
    }
    if version:
        driver["semanticVersion"] = version
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, codes.index(problem.code)) for problem in problems],
    }
    return _dump({"$schema": SARIF_SCHEMA, "version": SARIF_VERSION, "runs": [run]})


def _help(code: str, problems: Sequence[Problem]) -> str:
    link = next(page(problem) for problem in problems if problem.code == code)
    return f"What it means and how to correct it: {link}"


def _result(problem: Problem, rule: int) -> dict[str, Any]:
    text = f"{problem.message} ({problem.hint})" if problem.hint else problem.message
    result: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": problem.severity,
        "message": {"text": text},
    }
    if problem.place is not None:
        result["locations"] = [{"physicalLocation": _location(problem.place)}]
    if problem.related:
        result["relatedLocations"] = [
            {"id": number, "message": {"text": words}, "physicalLocation": _location(place)}
            for number, (words, place) in enumerate(problem.related)
        ]
    return result


def _location(place: Place) -> dict[str, Any]:
    path = place.file.replace("\\", "/")
    uri = quote(path, safe="/~", errors="surrogatepass")
    return {
        "artifactLocation": {"uri": f"file://{uri}" if path.startswith("/") else uri},
        "region": {"startLine": place.line, "startColumn": place.column},
    }


def _dump(value: dict[str, Any]) -> str:
    # ASCII: a lone surrogate in a file name must not break whoever prints this.
    return json.dumps(value, indent=2) + "\n"
