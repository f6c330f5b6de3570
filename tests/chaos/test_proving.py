"""``framework0 chaos``: a sound runner holds at every boundary, and a sabotaged one is found out."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from framework0.assembly.chaos import ABSENT, ChaosFailed, Difference, chosen_points, prove
from framework0.errors import RefusedError, UsageError
from framework0.workspace import find_workspace

STEPS = """
import os
import random
import time


def put(context, key, value=None):
    context.set(key, value)
    return value


def fail_once(context, name):
    if not os.path.exists(name):
        open(name, "w").close()
        context.set("half", "done")
        raise OSError("not yet")
    context.set(name, "twice")


def any_number(context):
    context.set("chance", random.random())
    return time.time_ns()
"""

RECIPE = """
metadata: {name: proved}
order: graph
inputs: {value: {type: integer, default: 3}}
steps:
  - {name: first, module: steps, function: put, args: {key: a, value: "${{ inputs.value }}"}}
  - {name: again, module: steps, function: fail_once, args: {name: tried}, retry: 2, depends_on: [first]}
  - {name: each, module: steps, function: put, args: {key: "k${{ item }}", value: "${{ item }}"},
     foreach: [1, 2], depends_on: [first]}
  - {name: skipped, module: steps, function: put, args: {key: no}, when: "false"}
  - {name: paused, module: steps, function: put, args: {key: b}, breakpoint: before}
finally:
  - {name: tidy, module: steps, function: put, args: {key: c}}
"""


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "workspace"
    place.mkdir()
    (place / "steps.py").write_text(STEPS)
    (place / "recipe.yaml").write_text(RECIPE)
    return place


def proof_of(folder, recipe="recipe.yaml", *, points=None, seed=1, at=None, **options):
    space = find_workspace(explicit=folder)
    return prove(
        str(folder / recipe),
        workspace=space,
        choose=lambda boundaries: (chosen_points(boundaries, points, seed) if at is None else [at]),
        **options,
    )


@pytest.fixture
def sabotaged(tmp_path):
    """Return the command of a session that first runs the code given."""

    def command(code):
        script = tmp_path / "sabotage.py"
        script.write_text(
            f"{code}\nfrom framework0.assembly.chaos_session import main\nmain(sabotage)\n"
        )
        return (sys.executable, "-P", str(script))

    return command


@pytest.mark.slow
def test_a_sound_runner_holds_at_every_boundary(folder, unmeasured):
    proof = proof_of(folder)
    assert proof.state == "succeeded"
    assert proof.boundaries >= 10
    assert len(proof.trials) == proof.boundaries
    assert all(trial.killed for trial in proof.trials)
    assert proof.left_out == ()
    assert proof.holds, [trial.broken for trial in proof.trials if trial.broken]


# Its sessions are measured, and those of no other test here.
@pytest.mark.slow
def test_the_workspace_itself_is_only_read(folder):
    os.mkfifo(folder / "pipe")
    (folder / ".git").mkdir()
    (folder / "link").symlink_to("steps.py")
    before = sorted((path.name, path.lstat().st_mtime_ns) for path in folder.iterdir())
    told = []
    proof = proof_of(folder, points=1, seed=4, tell=told.append)
    after = [(path.name, path.lstat().st_mtime_ns) for path in folder.iterdir()]
    assert sorted(one for one in after if one[0] != ".framework0") == before
    assert not (folder / ".framework0" / "journal.db").exists()
    assert told[0] == "running it twice undisturbed"
    assert len(told) == 2
    # Pipes, versions and links are not copied, or it would not have come so far.
    assert proof.holds


@pytest.mark.slow
def test_what_differs_by_itself_is_named_and_left_out(folder, unmeasured):
    (folder / "chance.yaml").write_text(
        "steps: [{name: dice, module: steps, function: any_number}]\n"
    )
    proof = proof_of(folder, "chance.yaml")
    assert proof.left_out == ("context key chance", "result of step dice")
    assert proof.holds


LOSES_WRITES = """
from framework0.runner.journal.writer import HistoryWriter

commit = HistoryWriter.commit


def sabotage():
    ours = HistoryWriter.commit
    HistoryWriter.commit = lambda writer, entries, changes=(), row=None: ours(
        writer, entries, [one for one in changes if one.key != "a"], row
    )
"""

ACKNOWLEDGES_EARLY = """
from framework0.runner import RunRecorder


def sabotage():
    append = RunRecorder.append

    def early(recorder, record, changes=()):
        recorder.on_durable([record])
        append(recorder, record, changes)

    RunRecorder.append = early
"""

FORGETS = """
from framework0.runner import RunRecorder, Standing


def sabotage():
    holds, append = Standing._holds, RunRecorder.append

    def at_once(recorder, record, changes=()):
        append(recorder, record, changes)
        # Acknowledged before anything else is, so that a kill after it finds it acknowledged.
        recorder.flush()

    Standing._holds = lambda standing, record, owner: (
        record.name != "one" and holds(standing, record, owner)
    )
    RunRecorder.append = at_once
"""

READS = """
order: graph
steps:
  - {name: one, module: steps, function: put, args: {key: a, value: 1}}
  - {name: two, module: steps, function: put, args: {key: b, value: "${{ context.a }}"}, depends_on: [one]}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "point", "what"),
    [
        # Without a kill the context in memory hides it; the journal, which is compared, does not.
        (LOSES_WRITES, 1, Difference("run", "succeeded", "failed")),
        # The first entry is not durable yet when it is taken up, and was acknowledged before.
        (ACKNOWLEDGES_EARLY, 0, Difference("step one", "acknowledged, done once", "done again")),
        (FORGETS, 1, Difference("step one", "acknowledged, done once", "done again")),
    ],
)
def test_a_sabotaged_runner_is_found_out(folder, sabotaged, unmeasured, code, point, what):
    (folder / "reads.yaml").write_text(READS)
    proof = proof_of(folder, "reads.yaml", at=point, session=sabotaged(code))
    (trial,) = proof.trials
    assert what in trial.broken
    assert not proof.holds


@pytest.mark.slow
def test_without_sabotage_nothing_is_found_there(folder, sabotaged, unmeasured):
    (folder / "reads.yaml").write_text(READS)
    assert proof_of(folder, "reads.yaml", session=sabotaged("def sabotage(): ...")).holds


def test_points_are_repeatable_and_in_range():
    assert chosen_points(5, None, 1) == [0, 1, 2, 3, 4] == chosen_points(5, 9, 1)
    assert chosen_points(1000, 7, 3) == chosen_points(1000, 7, 3) != chosen_points(1000, 7, 4)
    assert chosen_points(0, 3, 1) == []


@pytest.mark.slow
def test_a_recipe_that_cannot_be_run_says_why(folder, sabotaged, unmeasured):
    with pytest.raises(ChaosFailed, match=r"the recipe cannot be run: .*boom"):
        proof_of(folder, session=sabotaged("def sabotage():\n    raise ValueError('boom')\n"))


def test_a_recipe_outside_of_the_workspace_is_refused(folder, tmp_path):
    (tmp_path / "other.yaml").write_text("steps: [{name: a, module: time, function: time}]\n")
    with pytest.raises(UsageError, match="lies outside of the workspace"):
        proof_of(folder, "../other.yaml")


def test_a_workspace_too_large_to_copy_is_refused(folder, monkeypatch):
    monkeypatch.setattr("framework0.assembly.scratch.MOST_FILES", 1)
    with pytest.raises(RefusedError, match="too large to copy"):
        proof_of(folder)


def command(folder, *words):
    return subprocess.run(
        [sys.executable, "-m", "framework0", "chaos", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_command_tells_and_counts(folder, unmeasured):
    said = command(folder, "recipe.yaml", "--points", "2", "--seed", "3", "--input", "value=8")
    assert said.returncode == 0, said.stderr
    assert "kills        2" in said.stdout
    assert "kill 2 of 2" in said.stderr
    told = json.loads(command(folder, "recipe.yaml", "--at", "0", "--json").stdout)
    assert (told["holds"], [trial["point"] for trial in told["trials"]]) == (True, [0])


@pytest.mark.slow
def test_the_command_that_has_killed_nothing_has_proved_nothing(folder):
    assert command(folder, "recipe.yaml", "--points", "0").returncode == 2
    said = command(folder, "recipe.yaml", "--at", "9999", "--input", "value=8")
    assert said.returncode == 1, said.stderr
    assert "there was no boundary to kill at" in said.stdout


def test_a_difference_is_told_with_both_values_and_the_way_to_repeat_it():
    from argparse import Namespace

    from framework0.assembly.chaos import Proof, Trial
    from framework0.cli.chaos import _shown

    broken = (Difference("context key x", 1, ABSENT), Difference("run", "succeeded", "failed"))
    trials = tuple(Trial(point, point != 3, broken, 0.1) for point in range(12))
    proof = Proof("r", "succeeded", 12, ("result of step t",), trials)
    text = "\n".join(_shown(proof, Namespace(recipe="r.yaml")))
    assert "killed at boundary 0: context key x\n  undisturbed: 1\n" in text
    assert '  resumed:     "(absent)"\n  and 1 more\n' in text
    assert "`framework0 chaos r.yaml --at 0`" in text
    assert "too late     1" in text
    assert "… and 2 more" in text
    assert "left out     result of step t" in text
