"""``framework0 cache`` and what the other verbs say of cached steps."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def cached(workspace):
    """A recipe with two cached steps and one that is not."""
    (workspace / "cached.yaml").write_text("""
metadata: {name: cached}
inputs: {upto: {type: integer, default: 4}}
order: graph
steps:
  - {name: count, module: steps, function: count, args: {upto: "${{ inputs.upto }}"}, cache: {ttl: 1h}}
  - {name: total, module: steps, function: total, depends_on: [count], cache: true}
  - {name: greet, module: steps, function: hello, depends_on: [total]}
""")
    return "cached.yaml"


@pytest.mark.measured
def test_a_second_run_takes_what_it_can(framework0, cached):
    assert "3 succeeded" in framework0("run", cached).stdout
    said = framework0("run", cached)
    assert said.code == 0
    assert "2 cached, 1 succeeded" in said.stdout
    assert "cached  count" in said.stderr
    assert "same code, arguments and files as count in run" in framework0("show").stdout
    story = framework0("why", "count").stdout
    assert "count did not run, its result was cached: same code" in story
    events = [json.loads(line) for line in framework0("run", cached, "--json").stdout.splitlines()]
    assert [event["step"] for event in events if event["event"] == "step_started"] == ["greet"]


def test_each_miss_is_explained(framework0, cached, workspace):
    framework0("run", cached)
    assert "it was not taken from the cache: first run" in framework0("why", "count").stdout
    framework0("run", cached, "--input", "upto=5")
    assert "args changed: upto 4 → 5 (compared with run" in framework0("why", "count").stdout
    assert "context changed: count.upto 4 → 5" in framework0("why", "total").stdout
    framework0("run", cached, "--no-cache")
    assert "the run was begun with --no-cache" in framework0("why", "total").stdout
    path = workspace / "steps.py"
    path.write_text(path.read_text().replace("list(range(upto))", "[*range(upto)]"))
    framework0("run", cached)
    assert "code changed: steps.py" in framework0("why", "count").stdout
    assert "did not run" in framework0("why", "total").stdout


@pytest.mark.measured
def test_a_plan_foresees_what_it_can_know_without_running_anything(framework0, cached):
    framework0("run", cached)
    steps = json.loads(framework0("plan", cached, "--json").stdout)["steps"]
    assert [step["verdict"] for step in steps] == ["cached", "run", "run"]
    assert "cached: as in run" in framework0("plan", cached).stdout
    steps = json.loads(framework0("plan", cached, "--input", "upto=9", "--json").stdout)["steps"]
    assert steps[0]["verdict"] == "run"


@pytest.mark.measured
def test_the_list_tells_each_step(framework0, cached):
    said = framework0("cache")
    assert (said.code, said.stdout) == (0, "")
    assert "nothing is cached yet" in said.stderr
    framework0("run", cached)
    said = framework0("cache")
    assert "total" in said.stdout
    assert "bytes of at most 268,435,456" in said.stdout
    facts = json.loads(framework0("cache", "--json").stdout)
    assert [(line["step"], line["entries"]) for line in facts["steps"]] == [
        ("count", 1),
        ("total", 1),
    ]
    assert facts["ttl_seconds"] == 30 * 86_400


def test_clearing_makes_steps_run_again(framework0, cached):
    framework0("run", cached)
    assert framework0("cache", "clear", "--step", "total").stdout == "1 cached result removed\n"
    assert "1 cached, 2 succeeded" in framework0("run", cached).stdout
    assert json.loads(framework0("cache", "clear", "--json").stdout) == {"removed": 2}
    assert "3 succeeded" in framework0("run", cached).stdout
    assert framework0("cache", "clear", "--recipe", "other").stdout == "0 cached results removed\n"


@pytest.mark.measured
def test_pruning_keeps_the_bounds_of_the_settings(framework0, cached, workspace):
    framework0("run", cached)
    assert framework0("cache", "prune").stdout == "0 cached results removed, 0 bytes\n"
    (workspace / "framework0.toml").write_text("[cache]\nttl = 0.000001\n")
    facts = json.loads(framework0("cache", "prune", "--json").stdout)
    assert facts["removed"] == 2
    assert facts["bytes"] > 0
    assert "evicted: there was a result, but it was too old" in (
        framework0("run", cached) and framework0("why", "count").stdout
    )


def test_a_store_that_cannot_be_used_is_said(framework0, cached, workspace):
    framework0("run", cached)
    folder = workspace / ".framework0" / "cache" / "steps"
    framework0("cache", "clear")
    folder.rmdir()
    folder.write_text("in the way")
    said = framework0("cache", "prune")
    assert said.code == 4
    assert "the cache cannot be used" in said.stderr
    assert framework0("run", cached).code == 0


@pytest.mark.parametrize(
    "text", ["cache = 3", "[cache]\nmax_bytes = 1", "[cache]\nttl = -1", "[cache]\nttk = 1"]
)
def test_wrong_settings_are_located(framework0, cached, workspace, text):
    (workspace / "framework0.toml").write_text(text + "\n")
    said = framework0("cache")
    assert said.code == 4
    assert "framework0.toml:" in said.stderr
