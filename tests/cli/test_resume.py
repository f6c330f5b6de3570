"""``framework0 resume``: a run goes on where it stopped, and nothing that ended well runs again."""

from __future__ import annotations

import json

import pytest

from framework0.runner import Journal


def runs_of(workspace):
    journal = Journal(workspace / ".framework0" / "journal.db")
    try:
        return journal.runs()
    finally:
        journal.close()


def notes_of(workspace):
    return (workspace / "notes").read_text(encoding="utf-8").split()


@pytest.fixture
def failed_run(framework0, workspace):
    """The id of a failed run of ``mendable.yaml`` whose cause has been removed since."""
    assert framework0("run", "mendable.yaml", "--name", "nightly").code == 1
    (workspace / "mended").touch()
    return runs_of(workspace)[0].run_id


def test_only_what_is_not_complete_runs(framework0, workspace, failed_run):
    said = framework0("resume", failed_run)
    assert said.code == 0
    assert f"run {failed_run} succeeded: 3 succeeded" in said.stdout
    assert notes_of(workspace) == ["first", "after"]
    assert [run.state for run in runs_of(workspace)] == ["succeeded"]


def test_without_a_name_the_latest_that_fits_is_meant_and_said(framework0, failed_run):
    framework0("run", "one.yaml")
    said = framework0("resume")
    assert said.code == 0
    assert f"framework0: run {failed_run} is meant\n" in said.stderr


@pytest.mark.parametrize("word", ["nightly", "prefix"])
def test_a_name_or_a_unique_beginning_will_do(framework0, failed_run, word):
    said = framework0("resume", failed_run[:-1] if word == "prefix" else word)
    assert said.code == 0
    assert f"run {failed_run} is meant" in said.stderr


def test_a_whole_id_needs_no_confirmation(framework0, failed_run):
    assert "is meant" not in framework0("resume", failed_run).stderr


def test_nothing_to_resume_ends_with_4(framework0):
    said = framework0("resume")
    assert (said.code, said.stdout) == (4, "")
    assert "there is no run yet" in said.stderr
    framework0("run", "one.yaml")
    assert framework0("resume").code == 4
    assert framework0("resume", "nonsense").code == 4


@pytest.mark.measured
def test_a_run_that_has_succeeded_is_left_as_it_is(framework0, workspace, failed_run):
    framework0("resume", failed_run)
    said = framework0("resume", failed_run)
    assert said.code == 0
    assert "nothing left to do" in said.stderr
    assert notes_of(workspace) == ["first", "after"]


@pytest.mark.measured
def test_a_second_resume_is_told_who_holds_the_run(framework0, waiting_run):
    process, run_id = waiting_run
    said = framework0("resume", run_id)
    assert said.code == 4
    assert f"run {run_id} is at work in process " in said.stderr
    assert f"framework0 cancel {run_id}" in said.stderr
    assert process.poll() is None


def test_a_killed_run_is_interrupted_and_goes_on(workspace, killed_run, pipes, started):
    resumed = started("resume", "--json")
    pipes()
    (workspace / "gate").write_text("opened", encoding="utf-8")
    stdout, stderr = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, stderr
    assert f"run {killed_run} is meant" in stderr
    assert '"result":"opened"' in stdout
    assert notes_of(workspace) == ["first"]


def edit(workspace, old, new, file="mendable.yaml"):
    path = workspace / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def add_a_step(workspace):
    with open(workspace / "mendable.yaml", "a", encoding="utf-8") as file:
        file.write("  - {name: more, module: steps, function: hello}\n")


def test_an_edited_recipe_is_refused_with_what_holds_and_both_ways_on(
    framework0, workspace, failed_run
):
    add_a_step(workspace)
    said = framework0("resume", failed_run)
    assert (said.code, said.stdout) == (5, "")
    assert "mendable.yaml was edited after it began" in said.stderr
    assert "still hold: first\n" in said.stderr
    assert "new: more\n" in said.stderr
    assert f"framework0 resume {failed_run} --accept-changes" in said.stderr
    assert f"framework0 resume {failed_run} --as-recorded" in said.stderr
    assert notes_of(workspace) == ["first"]
    assert [run.state for run in runs_of(workspace)] == ["failed"]


def test_as_recorded_goes_on_with_the_recipe_it_began_with(framework0, workspace, failed_run):
    add_a_step(workspace)
    said = framework0("resume", failed_run, "--as-recorded")
    assert said.code == 0
    assert f"run {failed_run} succeeded: 3 succeeded" in said.stdout


def test_accepted_changes_make_a_new_run_that_keeps_what_holds(framework0, workspace, failed_run):
    add_a_step(workspace)
    said = framework0("resume", failed_run, "--accept-changes")
    assert said.code == 0
    assert "still hold: first" in said.stderr
    assert "4 succeeded" in said.stdout
    assert notes_of(workspace) == ["first", "after"]
    new, old = runs_of(workspace)
    assert (new.parent, new.state, old.state) == (old.run_id, "succeeded", "failed")


def test_both_ways_at_once_are_wrong_use(framework0, failed_run):
    assert framework0("resume", failed_run, "--as-recorded", "--accept-changes").code == 2


def test_what_does_not_hold_is_named_with_the_reason(framework0, workspace, failed_run):
    edit(workspace, "text: first", "text: other")
    said = framework0("resume", failed_run)
    assert said.code == 5
    assert "does not hold: first: changed: args (text 'first' → 'other')" in said.stderr


@pytest.mark.measured
def test_a_dry_run_only_tells(framework0, workspace, failed_run):
    said = framework0("resume", failed_run, "--dry-run")
    assert said.code == 0
    assert "neither the recipe nor the code of what has finished has changed" in said.stdout
    edit(workspace, "def note(text):", "def note(text, more=1):", "steps.py")
    said = framework0("resume", failed_run, "--dry-run")
    assert "code of steps that have finished has changed since" in said.stdout
    assert "does not hold: first: changed: code of steps.py" in said.stdout
    edit(workspace, "name: first", "name: initial")
    edit(workspace, "depends_on: [first]", "depends_on: [initial]")
    facts = json.loads(framework0("resume", failed_run, "--dry-run", "--json").stdout)
    assert facts["edited"] is True
    assert facts["added"] == ["initial"]
    assert facts["steps"] == [
        {
            "step": "first",
            "holds": False,
            "reasons": ["removed, or renamed to 'initial'?"],
            "partly": False,
        }
    ]
    assert [run.state for run in runs_of(workspace)] == ["failed"]


def test_mending_the_step_that_failed_needs_no_leave(framework0, workspace):
    framework0("run", "mendable.yaml")
    edit(workspace, 'raise ValueError("the file mended is missing")', "return 1", "steps.py")
    said = framework0("resume")
    assert said.code == 0
    assert "1 finished step holds" in said.stderr
    assert notes_of(workspace) == ["first", "after"]


def test_code_of_a_finished_step_that_changed_is_refused(framework0, workspace, failed_run):
    edit(workspace, "def note(text):", "def note(text, more=1):", "steps.py")
    said = framework0("resume", failed_run)
    assert said.code == 5
    assert "code of steps that have finished changed" in said.stderr
    assert notes_of(workspace) == ["first"]
    assert framework0("resume", failed_run, "--accept-changes").code == 0
    assert notes_of(workspace) == ["first", "first", "after"]


def test_remarks_are_no_edit(framework0, workspace, failed_run):
    edit(workspace, "steps:\n", "# a remark\nsteps:\n\n")
    assert framework0("resume", failed_run).code == 0


@pytest.mark.parametrize("text", ["steps: [", "steps: [{nmae: x}]"])
def test_a_recipe_that_became_wrong_is_said_and_need_not_be_mended(
    framework0, workspace, failed_run, text
):
    (workspace / "mendable.yaml").write_text(text, encoding="utf-8")
    said = framework0("resume", failed_run)
    assert said.code == 3
    assert f"framework0 resume {failed_run} --as-recorded" in said.stderr
    said = framework0("resume", failed_run, "--as-recorded")
    assert said.code == 0
    assert "3 succeeded" in said.stdout


def test_a_recipe_that_is_gone_is_not_needed(framework0, workspace, failed_run):
    (workspace / "mendable.yaml").unlink()
    assert framework0("resume", failed_run).code == 0
