"""Runs that share a context: what one leaves the next one finds, and a killed one leaves nothing half."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from textwrap import dedent

import pytest

from framework0.assembly import Options, rerun, resume_run, shared_context, sharing
from framework0.assembly.continuing import Wishes, continue_run
from framework0.context import Author, Context
from framework0.errors import StoreUnavailable, UsageError

COUNTING = """
    metadata: {name: counting}
    steps: [{name: count, module: shared, function: count}]
"""

DYING = """
    metadata: {name: dying}
    steps:
      - {name: first, module: shared, function: put, args: {key: kept, value: 1}}
      - {name: second, module: shared, function: put_and_die, depends_on: [first]}
"""

MODULE = '''
import os
import signal
from pathlib import Path


def count(context):
    return context.modify("count", lambda n: n + 1, 0)


def put(context, key, value):
    context.set(key, value)


def put_array(context):
    import numpy

    context.set("array", numpy.arange(10))


def put_and_die(context):
    """Write, then be gone before anything can be recorded of it; the second time live on."""
    context.set("kept", 2)
    context.set("half", "written")
    if not Path("spared").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return sorted(context.keys())


def fail_unless_open(context):
    context.set("tried", True)
    if not Path("open").exists():
        raise OSError("closed")
'''


@pytest.fixture(autouse=True)
def module(space):
    (space.root / "shared.py").write_text(MODULE)


@pytest.fixture
def team(space):
    """Return the context that the runs of these tests share, as another process sees it."""
    with shared_context("team", space) as context:
        yield context


def killed_run(space, recipe):
    """Run ``recipe`` in a process of its own, which its step kills; return the run's id."""
    path = space.root / "recipe.yaml"
    path.write_text(dedent(recipe))
    done = subprocess.run(
        [sys.executable, "-m", "framework0", "run", str(path), "--context", "team"],
        cwd=space.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 128 + signal.SIGKILL, done.stderr
    (run,) = os.listdir(space.state / "runs")
    return run


def test_what_a_run_leaves_the_next_one_finds(run, team):
    counts = [run(COUNTING, share="team").steps["count"].result for _ in range(3)]
    assert counts == [1, 2, 3]
    assert team.get("count") == 3
    assert [change.who for change in team.history("count")] == ["count"] * 3


def test_a_run_of_its_own_shares_nothing(run, team):
    assert run(COUNTING).steps["count"].result == 1
    assert run(COUNTING).steps["count"].result == 1
    assert "count" not in team


def test_a_killed_run_leaves_nothing_half_when_it_goes_on(space, team):
    run_id = killed_run(space, DYING)
    assert dict(team.items()) == {"kept": 2, "half": "written"}
    (space.root / "spared").touch()
    done = resume_run(run_id, workspace=space)
    assert done.ok
    # Taken back, then written by the attempt that is acknowledged.
    assert [change.value for change in team.history("half")] == ["written", None, "written"]
    assert [change.value for change in team.history("kept")] == [1, 2, 1, 2]
    assert done.steps["second"].result == ["half", "kept"]
    assert dict(team.items()) == {"kept": 2, "half": "written"}
    assert {change.attempt for change in team.history("half")} == {1, 2}


def test_what_somebody_wrote_over_it_stays(space, team):
    run_id = killed_run(space, DYING)
    team.set("half", "mine")
    (space.root / "spared").touch()
    assert resume_run(run_id, workspace=space).ok
    assert [change.value for change in team.history("half")] == ["written", "mine", "written"]


def test_a_failed_attempt_is_taken_back_in_the_shared_context(run, space, team):
    recipe = """
        metadata: {name: failing}
        steps: [{name: fail, module: shared, function: fail_unless_open}]
    """
    broken = run(recipe, share="team")
    assert broken.state == "failed"
    assert "tried" not in team
    (space.root / "open").touch()
    assert rerun(broken.id, workspace=space, options=Options()).ok
    assert team.get("tried") is True


def test_the_context_of_a_paused_run_is_edited_where_it_is(run, space, team):
    recipe = """
        metadata: {name: pausing}
        steps:
          - {name: put, module: shared, function: put, args: {key: k, value: 1}, breakpoint: after}
          - {name: count, module: shared, function: count, depends_on: [put]}
    """
    paused = run(recipe, share="team")
    assert paused.state == "paused"
    with pytest.raises(UsageError, match="framework0 context --context team set"):
        continue_run(paused.id, Wishes("ann", edits={"k": 2}), workspace=space)
    team.set("count", 41)
    done = continue_run(paused.id, Wishes("ann"), workspace=space)
    assert done.ok
    assert team.get("count") == 42


def test_what_others_share_refers_to_no_file_of_one_run(run, team):
    recipe = """
        metadata: {name: arrays}
        steps: [{name: put, module: shared, function: put_array}]
    """
    refused = run(recipe, share="team")
    assert refused.state == "failed"
    assert "tolist()" in refused.steps["put"].failure.message
    assert len(team) == 0
    large = "x" * 200_000
    text = COUNTING.replace(
        "function: count", f"function: put, args: {{key: large, value: {large}}}"
    )
    assert run(text, share="team").ok
    assert team.get("large") == large


def test_a_name_that_can_be_no_file_is_refused_with_what_can_be(run):
    with pytest.raises(UsageError, match=r"ws://127\.0\.0\.1:8765"):
        run(COUNTING, share="../team")


def test_a_server_that_is_not_there_fails_the_run_before_its_first_step(run, space, monkeypatch):
    monkeypatch.setattr(sharing, "CONNECT_SECONDS", 0.3)
    with pytest.raises(StoreUnavailable, match="no context server answers"):
        run(COUNTING, share="ws://127.0.0.1:9")
    assert not (space.state / "runs").exists() or os.listdir(space.state / "runs") == []


def test_orphans_of_other_runs_and_people_are_left_alone(space, team):
    team.view(Author("step", "other-run", "step", 1)).set("theirs", 1)
    run_id = killed_run(space, DYING)
    (space.root / "spared").touch()
    assert resume_run(run_id, workspace=space).ok
    assert team.get("theirs") == 1


def test_a_run_shares_the_context_of_a_server(run, space):
    from framework0.server import ContextServer

    with ContextServer(0, store="memory", workspace=space.root) as server:
        assert run(COUNTING, share=server.url).steps["count"].result == 1
        with Context() as far:
            far.connect_to_server(server.url)
            far.set("count", 10)
        assert run(COUNTING, share=server.url).steps["count"].result == 11
