"""Located problems for programs."""

from __future__ import annotations

import json
from urllib.parse import unquote, urlparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.errors import Place, Problem
from framework0.recipe.report_formats import as_github, as_json, as_sarif

PROBLEMS = (
    Problem(
        "duplicate-key",
        "the key 'a' stands twice",
        Place("recipes/my r.yaml", 3, 5),
        hint="remove one",
        related=(("first here", Place("recipes/my r.yaml", 1, 5)),),
    ),
    Problem("looks-like-boolean", "no is text", Place("/abs/r.yaml", 7, 1), severity="warning"),
    Problem("order", "steps run one after another", None, severity="note"),
    Problem("duplicate-key", "the key 'b' stands twice", Place("r.yaml", 9, 1)),
)
LEVELS = {"none", "note", "warning", "error"}


def check_location(location):
    """Assert what SARIF 2.1.0 (sections 3.28 to 3.30) asks of a location."""
    physical = location["physicalLocation"]
    uri = physical["artifactLocation"]["uri"]
    assert " " not in uri
    assert urlparse(uri).scheme in {"", "file"}
    assert physical["region"]["startLine"] >= 1
    assert physical["region"]["startColumn"] >= 1


def check_sarif(log):
    """Assert what SARIF 2.1.0 asks of a log: required properties, allowed values, right indexes."""
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"]
    assert run["columnKind"] in {"utf16CodeUnits", "unicodeCodePoints"}
    identifiers = [rule["id"] for rule in driver["rules"]]
    assert len(set(identifiers)) == len(identifiers)
    assert all(rule["help"]["text"] for rule in driver["rules"])
    for result in run["results"]:
        assert identifiers[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in LEVELS
        assert result["message"]["text"]
        for location in result.get("locations", ()):
            check_location(location)
        for location in result.get("relatedLocations", ()):
            assert location["id"] >= 0
            check_location(location)
    return run


def test_json_holds_every_fact_of_every_problem():
    told = json.loads(as_json(PROBLEMS))
    assert told["counts"] == {"error": 2, "warning": 1, "note": 1}
    assert told["problems"][0] == {
        "code": "duplicate-key",
        "severity": "error",
        "message": "the key 'a' stands twice",
        "hint": "remove one",
        "file": "recipes/my r.yaml",
        "line": 3,
        "column": 5,
        "related": [{"message": "first here", "file": "recipes/my r.yaml", "line": 1, "column": 5}],
        "page": "docs/reference/errors.md#duplicate-key",
    }
    assert told["problems"][2]["file"] is None


def test_no_problems_are_well_formed_too():
    assert json.loads(as_json(()))["problems"] == []
    assert as_github(()) == ""
    assert check_sarif(json.loads(as_sarif(())))["results"] == []


def test_github_gets_one_command_a_problem():
    assert as_github(PROBLEMS).split("\n") == [
        "::error file=recipes/my r.yaml,line=3,col=5,title=duplicate-key::the key 'a' stands twice%0Aremove one",
        "::warning file=/abs/r.yaml,line=7,col=1,title=looks-like-boolean::no is text",
        "::notice title=order::steps run one after another",
        "::error file=r.yaml,line=9,col=1,title=duplicate-key::the key 'b' stands twice",
        "",
    ]


def test_a_message_cannot_start_a_command_of_its_own():
    evil = "100%\n::set-env name=PATH::x"
    told = as_github([Problem("a", evil, Place("a,b:c\n::x\x1b[2J", 1, 1))])
    assert told == (
        "::error file=a%2Cb%3Ac%0A%3A%3Ax\\x1b[2J,line=1,col=1,title=a::100%25\\n::set-env name=PATH::x\n"
    )


def test_sarif_has_the_shape_the_standard_asks_for():
    run = check_sarif(json.loads(as_sarif(PROBLEMS, version="2.0.0")))
    assert run["tool"]["driver"]["semanticVersion"] == "2.0.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [
        "duplicate-key",
        "looks-like-boolean",
        "order",
    ]
    first, second, third, _ = run["results"]
    assert first["message"]["text"] == "the key 'a' stands twice (remove one)"
    location = first["locations"][0]["physicalLocation"]
    assert unquote(location["artifactLocation"]["uri"]) == "recipes/my r.yaml"
    assert location["region"] == {"startLine": 3, "startColumn": 5}
    assert first["relatedLocations"][0]["message"] == {"text": "first here"}
    uri = second["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "file:///abs/r.yaml"
    assert "locations" not in third


@pytest.mark.parametrize("path", ["C:\\work\\r.yaml", "日本/r.yaml", "a#b?c.yaml", "a\udcffb.yaml"])
def test_a_path_of_any_system_becomes_a_valid_uri(path):
    check_sarif(json.loads(as_sarif([Problem("a", "b", Place(path, 1, 1))])))


TEXT = st.text(st.characters(exclude_categories=()), max_size=20)


@given(TEXT, TEXT, TEXT, st.one_of(st.none(), TEXT), st.integers(1, 9), st.booleans())
def test_any_problem_is_told_in_every_format(code, message, file, hint, line, placed):
    place = Place(file, line, line) if placed else None
    problem = Problem(code, message or "x", place, hint=hint)
    json.loads(as_json([problem]))
    as_github([problem]).count("\n")
    assert as_github([problem]).count("\n") == 1
    check_sarif(json.loads(as_sarif([problem])))
