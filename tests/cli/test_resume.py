"""``framework0 resume``: a run goes on where it stopped, and nothing that ended well runs again."""

from __future__ import annotations

import signal

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


def test_a_run_that_has_succeeded_is_left_as_it_is(framework0, workspace, failed_run):
    framework0("resume", failed_run)
    said = framework0("resume", failed_run)
    assert said.code == 0
    assert "nothing left to do" in said.stderr
    assert notes_of(workspace) == ["first", "after"]


def test_a_second_resume_is_told_who_holds_the_run(framework0, waiting_run):
    process, run_id = waiting_run
    said = framework0("resume", run_id)
    assert said.code == 4
    assert f"run {run_id} is at work in process " in said.stderr
    assert f"framework0 cancel {run_id}" in said.stderr
    assert process.poll() is None


def test_a_killed_run_is_interrupted_and_goes_on(
    framework0, workspace, waiting_run, pipes, started
):
    process, run_id = waiting_run
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    resumed = started("resume", "--json")
    pipes()
    (workspace / "gate").write_text("opened", encoding="utf-8")
    stdout, stderr = resumed.communicate(timeout=30)
    assert resumed.returncode == 0, stderr
    assert f"run {run_id} is meant" in stderr
    assert '"result":"opened"' in stdout
    assert notes_of(workspace) == ["first"]


def test_an_edited_recipe_is_said_and_the_run_keeps_the_one_it_began_with(
    framework0, workspace, failed_run
):
    with open(workspace / "mendable.yaml", "a", encoding="utf-8") as file:
        file.write("  - {name: more, module: steps, function: hello}\n")
    said = framework0("resume", failed_run)
    assert said.code == 0
    assert "mendable.yaml was edited since" in said.stderr
    assert f"framework0 rerun --failed {failed_run}" in said.stderr
    assert "3 succeeded" in said.stdout


def test_it_is_told_what_would_hold_in_the_edited_recipe(framework0, workspace):
    framework0("run", "mendable.yaml")
    run_id = runs_of(workspace)[0].run_id
    file = workspace / "mendable.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("shaky", "steady"), encoding="utf-8")
    assert "first of what succeeded would hold and nothing would not" in (
        framework0("resume", run_id).stderr
    )
    file.write_text(text.replace("text: first", "text: other"), encoding="utf-8")
    assert "nothing of what succeeded would hold and first would not" in (
        framework0("resume", run_id).stderr
    )


@pytest.mark.parametrize("text", ["steps: [", "steps: [{nmae: x}]"])
def test_a_recipe_that_became_wrong_is_said_too(framework0, workspace, failed_run, text):
    (workspace / "mendable.yaml").write_text(text, encoding="utf-8")
    said = framework0("resume", failed_run)
    assert said.code == 0
    assert "was edited since and is no longer right" in said.stderr
    assert "3 succeeded" in said.stdout


def test_a_recipe_that_is_gone_is_not_needed(framework0, workspace, failed_run):
    (workspace / "mendable.yaml").unlink()
    assert framework0("resume", failed_run).code == 0
