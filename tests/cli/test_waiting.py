"""What people are told of a step that waits for a pool."""

from __future__ import annotations

import json

import pytest

from framework0.workspace import PoolSlots

pytestmark = pytest.mark.measured

RECIPE = """
steps:
  - {name: first, module: steps, function: hello}
  - {name: train, module: steps, function: hello, pool: gpu, depends_on: [first]}
  - {name: each, module: steps, function: hello, pool: gpu, foreach: [1, 2], depends_on: [first]}
  - {name: last, module: steps, function: hello, pool: gpu, depends_on: [train]}
"""


@pytest.fixture
def held(workspace, started):
    """A run that waits for a pool, its id, and the slots that are in its way."""
    (workspace / "framework0.toml").write_text("[pools]\ngpu = 1\n")
    (workspace / "pooled.yaml").write_text(RECIPE)
    ours = PoolSlots(workspace / ".framework0" / "pools", {"gpu": 1}, "20260101-other")
    assert ours.take(0, "gpu", 1, "its step")
    process = started("run", "pooled.yaml", "--json")
    events = []
    while not events or events[-1]["event"] != "step_waiting":
        events.append(json.loads(process.stdout.readline()))
    yield process, events, ours
    ours.close()


TEXT = "pool gpu (1 of 1 in use by run 20260101-other)"


@pytest.mark.slow
def test_a_waiting_step_is_told_by_events_show_and_why(held, framework0):
    process, events, ours = held
    assert events[-1] == {"event": "step_waiting", "step": "train", "for": TEXT}
    run_id = events[0]["run"]
    rows = {}
    # Others know it from the journal, which the run writes to beside what it tells.
    while not set(rows) >= {"train", "each[0]"}:
        shown = framework0("show", run_id).stdout
        assert " running: " in shown
        rows = {line.split()[0]: line for line in shown.splitlines() if "waiting for" in line}
    assert "last" not in rows
    assert f"waiting for {TEXT}" in rows["train"]
    assert f"it is waiting for {TEXT}" in framework0("why", run_id).stdout
    assert f"it is waiting for {TEXT}" in framework0("why", run_id, "train").stdout
    facts = json.loads(framework0("show", run_id, "--json").stdout)
    waits = {step["name"]: step["waits"] for step in facts["steps"]}
    assert waits["train"] == f"waiting for {TEXT}"
    assert waits["last"] == waits["first"] == ""
    ours.give_back(0)
    assert process.wait(120) == 0
    assert "waiting for" not in framework0("show", run_id).stdout


@pytest.mark.slow
def test_plain_lines_tell_once_what_a_step_waits_for(workspace, started, framework0):
    (workspace / "framework0.toml").write_text("[pools]\ngpu = 1\n")
    (workspace / "pooled.yaml").write_text(RECIPE)
    ours = PoolSlots(workspace / ".framework0" / "pools", {"gpu": 1}, "20260101-other")
    assert ours.take(0, "gpu", 1, "its step")
    process = started("run", "pooled.yaml")
    lines = []
    while not lines or "waiting" not in lines[-1]:
        lines.append(process.stderr.readline())
        assert lines[-1], "the run has ended"
    assert lines[-1] == f"  waiting  train  for {TEXT}\n"
    ours.close()
    assert process.wait(120) == 0
    assert "waiting  train" not in process.stderr.read()


def test_a_run_stopped_as_a_whole_says_why(workspace, framework0):
    (workspace / "fast.yaml").write_text(
        "fail_fast: true\norder: graph\nsteps:\n"
        "  - {name: bad, module: steps, function: fail_until_mended}\n"
        "  - {name: after, module: steps, function: hello, depends_on: [bad]}\n"
    )
    assert framework0("run", "fast.yaml").code == 1
    shown = framework0("show").stdout
    assert "stopped  bad failed and fail_fast is set" in shown


@pytest.mark.parametrize(("word", "said"), [("0", "longer than zero"), ("soon", "must be")])
def test_a_deadline_that_is_none_is_wrong_use(framework0, word, said):
    ended = framework0("run", "one.yaml", "--deadline", word)
    assert ended.code == 2
    assert said in ended.stderr


def test_limits_of_the_run_may_be_given_on_the_command_line(framework0):
    assert framework0("run", "one.yaml", "--deadline", "1h", "--fail-fast").code == 0
