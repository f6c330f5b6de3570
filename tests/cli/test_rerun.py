"""``framework0 rerun``: the recipe of an earlier run, as a new run."""

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


@pytest.mark.measured
def test_a_rerun_has_the_same_inputs_and_names_its_parent(framework0, workspace):
    framework0("run", "one.yaml", "--input", "who=Ada", "--name", "greeting")
    said = framework0("rerun")
    assert said.code == 0
    assert "hello Ada" in said.stdout
    new, old = runs_of(workspace)
    assert new.parent == old.run_id
    assert new.name == "greeting"
    assert f"run {old.run_id} is meant" in said.stderr


def test_a_rerun_may_have_a_name_of_its_own(framework0, workspace):
    framework0("run", "one.yaml", "--name", "greeting")
    framework0("rerun", "greeting", "--name", "again", "-q")
    assert [run.name for run in runs_of(workspace)] == ["again", "greeting"]


def test_failed_keeps_what_succeeded(framework0, workspace):
    framework0("run", "mendable.yaml")
    (workspace / "mended").touch()
    said = framework0("rerun", "--failed", "--json")
    assert said.code == 0
    begun = [
        event["step"]
        for event in map(json.loads, said.stdout.splitlines())
        if event["event"] == "step_started"
    ]
    assert begun == ["shaky", "after"]
    assert notes_of(workspace) == ["first", "after"]
    new, old = runs_of(workspace)
    assert (new.state, new.parent, old.state) == ("succeeded", old.run_id, "failed")


@pytest.mark.measured
def test_a_dry_run_of_failed_tells_what_would_be_kept(framework0, workspace):
    framework0("run", "mendable.yaml")
    said = framework0("rerun", "--failed", "--dry-run")
    assert said.code == 0
    assert "still hold: first" in said.stdout
    assert len(runs_of(workspace)) == 1
    assert framework0("rerun", "--dry-run").code == 2


def test_without_failed_everything_runs_again(framework0, workspace):
    framework0("run", "mendable.yaml")
    (workspace / "mended").touch()
    assert framework0("rerun").code == 0
    assert notes_of(workspace) == ["first", "first", "after"]


def test_failed_of_a_run_that_succeeded_is_wrong_use(framework0):
    framework0("run", "good.yaml")
    said = framework0("rerun", "--failed")
    assert said.code == 2
    assert "nothing to run again" in said.stderr


def test_the_recipe_is_run_as_its_file_is_now(framework0, workspace):
    framework0("run", "one.yaml")
    recipe = workspace / "one.yaml"
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace("default: you", "default: all"), encoding="utf-8")
    recipe.write_text(text.replace("name: greet", "name: salute"), encoding="utf-8")
    said = framework0("rerun", "--json")
    assert '"step":"salute"' in said.stdout


def test_there_is_nothing_to_repeat_before_the_first_run(framework0):
    said = framework0("rerun")
    assert said.code == 4
    assert "framework0 run" in said.stderr
