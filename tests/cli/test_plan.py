"""``framework0 plan``: what a run would do, told without importing or running anything."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.cli.forecast import forecast
from framework0.recipe import check_document, parse_text
from framework0.runner import Plan

pytestmark = pytest.mark.slow

UNDECIDED = """
metadata: {name: undecided}
inputs:
  place: {type: string, default: north}
  items: {type: list}
env: [SEASON]
steps:
  - {name: start, module: builtins, function: print, depends_on: []}
  - {name: known, module: builtins, function: print, depends_on: [start], when: inputs.place == "south"}
  - {name: later, module: builtins, function: print, depends_on: [start], when: 'context.get("go", false)'}
  - {name: dark, module: builtins, function: print, depends_on: [start], when: env.SEASON == "winter"}
  - {name: three, module: builtins, function: print, depends_on: [start], foreach: [1, 2, 3]}
  - {name: given, module: builtins, function: print, depends_on: [start], foreach: "${{ inputs.items }}"}
  - {name: found, module: builtins, function: print, depends_on: [start], foreach: "${{ context.rows }}"}
  - {name: safe, module: builtins, function: print, depends_on: [start], timeout: 5s}
  - {name: list, type: shell, command: [ls], depends_on: [start]}
on_failure:
  - {name: tell, module: builtins, function: print}
finally:
  - {name: close, module: builtins, function: print}
"""

ASKING = """
inputs:
  token: {type: string, secret: true}
  rows: {type: integer, required: true}
steps:
  - {name: both, module: builtins, function: print, when: 'inputs.rows > 2 and inputs.token != ""'}
"""

LETHAL = "import os\nos._exit(77)\n\ndef act(x=1):\n    pass\n"

LETHAL_RECIPE = """
steps:
  - {name: act, module: lethal, function: act, args: {x: 2}, timeout: 1s, depends_on: []}
"""


def planned(said):
    assert said.code == 0, said.stderr
    return {step["name"]: step for step in json.loads(said.stdout)["steps"]}


@pytest.fixture
def undecided(workspace):
    (workspace / "undecided.yaml").write_text(UNDECIDED, encoding="utf-8")


def test_a_plan_shows_rule_levels_and_order(framework0):
    said = framework0("plan", "good.yaml")
    assert said.code == 0
    lines = [line.split() for line in said.stdout.splitlines()]
    assert "order: a step has depends_on" in said.stdout
    assert [line[:2] for line in lines if line and line[0].isdecimal()] == [
        ["1", "count"],
        ["2", "total"],
        ["3", "greet"],
    ]
    assert "expected: unknown" in said.stdout


def test_a_sequence_is_told_to_be_one(framework0):
    plan = json.loads(framework0("plan", "one.yaml", "--json").stdout)
    assert plan["order"] == "sequence"
    assert "one after another" in plan["order_reason"]


@pytest.mark.measured
def test_nothing_of_the_recipe_is_imported_or_recorded(framework0, workspace):
    (workspace / "lethal.py").write_text(LETHAL, encoding="utf-8")
    (workspace / "lethal.yaml").write_text(LETHAL_RECIPE, encoding="utf-8")
    for verb in ("plan", "graph", "validate"):
        assert framework0(verb, "lethal.yaml").code == 0
    assert list((workspace / ".framework0").glob("*.db")) == []
    assert framework0("schema").code == 0


def test_times_of_earlier_runs_make_a_forecast_with_its_critical_path(framework0):
    assert framework0("run", "good.yaml").code == 0
    plan = json.loads(framework0("plan", "good.yaml", "--json").stdout)
    assert plan["critical_path"] == ["count", "total", "greet"]
    assert plan["steps_known"] == 3
    times = [step["expected_seconds"] for step in plan["steps"]]
    assert plan["expected_seconds"] == pytest.approx(sum(times))
    shown = framework0("plan", "good.yaml").stdout
    assert "expected: about" in shown
    assert "count → total → greet" in shown


def test_what_was_never_seen_is_counted(framework0, workspace):
    assert framework0("run", "good.yaml").code == 0
    more = (workspace / "good.yaml").read_text(encoding="utf-8")
    more += "  - {name: more, module: steps, function: hello, depends_on: [greet]}\n"
    (workspace / "good.yaml").write_text(more, encoding="utf-8")
    assert "never seen: 1 of 4 steps" in framework0("plan", "good.yaml").stdout


def test_what_is_known_before_is_decided_and_the_rest_called_open(framework0, undecided):
    said = framework0("plan", "undecided.yaml", "--json", env={"SEASON": "summer"})
    steps = planned(said)
    verdicts = {name: step["verdict"] for name, step in steps.items()}
    assert verdicts == {
        "start": "run",
        "known": "skip",
        "later": "perhaps",
        "dark": "skip",
        "three": "run",
        "given": "run",
        "found": "run",
        "safe": "run",
        "list": "run",
        "tell": "perhaps",
        "close": "run",
    }
    assert steps["three"]["reason"] == "for each of 3 items"
    # Nobody has given the list yet, and the context is empty before the run.
    assert steps["given"]["reason"] == "for each of ${{ inputs.items }}"
    assert steps["found"]["reason"] == "for each of ${{ context.rows }}"
    assert (steps["safe"]["executor"], steps["list"]["executor"]) == ("process", "process")
    assert steps["start"]["executor"] == "thread"


def test_inputs_decide_conditions_and_lists(framework0, undecided):
    words = ["--input", "place=south", "-i", 'items=["a", "b"]']
    steps = planned(framework0("plan", "undecided.yaml", "--json", *words))
    assert steps["known"]["verdict"] == "run"
    assert steps["given"]["reason"] == "for each of 2 items"


def test_inputs_that_are_missing_are_named_and_those_given_must_fit(framework0, workspace):
    (workspace / "asking.yaml").write_text(ASKING, encoding="utf-8")
    said = framework0("plan", "asking.yaml", "--json", "--input", "rows=3")
    assert json.loads(said.stdout)["missing_inputs"] == ["token"]
    assert planned(said)["both"]["verdict"] == "perhaps"
    said = framework0("plan", "asking.yaml", "--input", "rows=3", env={"TOKEN": "open sesame"})
    assert "not given" not in said.stdout
    assert "run" in said.stdout.splitlines()[-3]
    assert "sesame" not in said.stdout
    assert "inputs not given yet: token, rows" in framework0("plan", "asking.yaml").stdout
    assert framework0("plan", "asking.yaml", "--input", "rows=many").code == 2


@pytest.mark.measured
def test_only_says_where_what_is_left_out_comes_from(framework0):
    words = ["plan", "good.yaml", "--only", "total"]
    assert "taken from: nothing, no run has succeeded" in framework0(*words).stdout
    assert json.loads(framework0(*words, "--json").stdout)["builds_on"] is None
    events = framework0("run", "good.yaml", "--json").stdout.splitlines()
    run_id = json.loads(events[0])["run"]
    assert f"taken from: {run_id}" in framework0(*words).stdout
    assert json.loads(framework0(*words, "--json").stdout)["builds_on"] == run_id


def test_of_a_long_critical_path_the_ends_are_named(framework0, workspace):
    names = [f"s{number}" for number in range(40)]
    steps = [{"name": name, "module": "steps", "function": "hello"} for name in names]
    (workspace / "long.yaml").write_text(json.dumps({"steps": steps}), encoding="utf-8")
    assert framework0("run", "long.yaml", "-q").code == 0
    path = framework0("plan", "long.yaml").stdout.splitlines()[-1]
    assert "s5 → … 28 more … → s34" in path
    assert path.endswith("→ s39")


@pytest.mark.measured
def test_phases_stand_below_the_steps(framework0, undecided):
    lines = framework0("plan", "undecided.yaml").stdout.splitlines()
    first = [line.split()[0] for line in lines if line.strip()]
    assert first.index("on_failure") < first.index("finally")
    assert "only when something failed" in "\n".join(lines)


def test_skip_and_only_leave_out_what_they_say(framework0):
    steps = planned(framework0("plan", "good.yaml", "--json", "--skip", "total"))
    assert {name: step["verdict"] for name, step in steps.items()} == {
        "count": "run",
        "total": "skip",
        # Leaving a step out is no failure: what comes after it runs.
        "greet": "run",
    }
    steps = planned(framework0("plan", "good.yaml", "--json", "--only", "total"))
    assert [name for name, step in steps.items() if step["verdict"] == "run"] == ["total"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--input", "upto"], 2, "NAME=VALUE"),
        (["--input", "upto=many"], 2, "upto"),
        (["--input", "upto=1", "--input", "upto=2"], 2, "twice"),
        (["--only", "coutn"], 2, "count"),
        (["-j", "0"], 2, "whole number"),
    ],
)
def test_a_wrong_wish_is_refused_with_what_is_allowed(framework0, words, code, told):
    said = framework0("plan", "good.yaml", *words)
    assert (said.code, said.stdout) == (code, "")
    assert told in said.stderr


def test_a_wrong_recipe_is_shown_with_its_mistakes(framework0):
    said = framework0("plan", "wrong.yaml")
    assert (said.code, said.stdout) == (3, "")
    assert "wrong.yaml:3:19: error" in said.stderr


def plan_of(edges):
    """Return the plan of steps s0, s1, …, each after those it names by number."""
    steps = [
        {
            "name": f"s{number}",
            "module": "builtins",
            "function": "print",
            "depends_on": [f"s{before}" for before in after],
        }
        for number, after in enumerate(edges)
    ]
    return Plan(check_document(parse_text(json.dumps({"steps": steps}), "r.yaml")).recipe)


@st.composite
def weighted_graphs(draw):
    count = draw(st.integers(1, 12))
    edges = [
        sorted(draw(st.sets(st.integers(0, number - 1), max_size=3))) if number else []
        for number in range(count)
    ]
    weights = draw(st.lists(st.integers(0, 20), min_size=count, max_size=count))
    return edges, weights


@given(weighted_graphs(), st.integers(1, 4))
def test_a_forecast_lies_between_what_is_possible_and_graham_s_bound(graph, limit):
    edges, weights = graph
    expected = {f"s{number}": float(weight) for number, weight in enumerate(weights)}
    told = forecast(plan_of(edges), expected, limit=limit)
    longest = []
    for number, after in enumerate(edges):
        longest.append(weights[number] + max((longest[before] for before in after), default=0))
    path, work = max(longest), sum(weights)
    assert told.critical_seconds == path
    assert max(path, work / limit) <= told.seconds + 1e-9
    # R. L. Graham, "Bounds on multiprocessing timing anomalies", 1969.
    assert told.seconds <= work / limit + path * (1 - 1 / limit) + 1e-9
    assert sum(weights[node] for node in told.critical) == path


def test_what_is_skipped_takes_no_time():
    told = forecast(plan_of([[], [0], [1]]), {"s0": 1.0, "s1": 5.0}, limit=1, skipped={1})
    assert (told.seconds, told.known, told.total) == (1.0, 1, 2)
