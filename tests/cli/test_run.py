"""``framework0 run``: what it runs, what it shows, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from framework0.runner import Journal


def runs_of(workspace):
    journal = Journal(workspace / ".framework0" / "journal.db")
    try:
        return journal.runs()
    finally:
        journal.close()


def test_a_recipe_of_one_step_shows_what_the_step_prints(framework0):
    said = framework0("run", "one.yaml")
    assert said.code == 0
    assert said.stdout.startswith("hello you\n")
    assert "succeeded: 1 succeeded" in said.stdout
    assert "ok  greet" in said.stderr


def test_a_recipe_of_several_steps_keeps_what_they_print_to_their_logs(framework0):
    said = framework0("run", "good.yaml")
    assert said.code == 0
    assert "hello" not in said.stdout + said.stderr
    assert [line.split()[:2] for line in said.stderr.splitlines()[1:]] == [
        ["ok", "count"],
        ["ok", "total"],
        ["ok", "greet"],
    ]


@pytest.mark.parametrize("option", ["-s", "--show-output", "--debug"])
def test_what_steps_print_is_shown_on_request(framework0, option):
    said = framework0("run", "good.yaml", option)
    assert "hello you\n" in said.stdout


def test_inputs_are_given_by_name(framework0):
    assert framework0("run", "one.yaml", "--input", "who=a=b").stdout.startswith("hello a=b\n")
    assert framework0("run", "one.yaml", "-i", "who=").stdout.startswith("hello \n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--input", "who"], "--input takes NAME=VALUE, not 'who'"),
        (["--input", "who=a", "--input", "who=b"], "--input who is given twice"),
        (["--input", "hwo=a"], "did you mean 'who'?"),
        (["--only", "gret"], "gret"),
        (["--concurrency", "0"], "a whole number from 1 to 10000 is needed, not '0'"),
        (["--concurrency", "many"], "not 'many'"),
        (["--grace", "soon"], "argument --grace"),
        (["--executor", "moon"], "argument --executor"),
        (["--nonsense"], "--nonsense"),
        (["--workspace", "nowhere"], "nowhere"),
    ],
)
def test_wrong_use_ends_with_2_before_anything_runs(framework0, workspace, words, told):
    said = framework0("run", "one.yaml", *words)
    assert said.code == 2, said
    assert told in said.stderr
    assert "Traceback" not in said.stderr
    assert said.stdout == ""
    assert runs_of(workspace) == []


def test_only_and_skip_choose_steps(framework0):
    said = framework0("run", "good.yaml", "--only", "greet", "--json")
    assert states(said) == {"count": "skipped", "total": "skipped", "greet": "succeeded"}
    said = framework0("run", "good.yaml", "--skip", "greet", "--json")
    assert states(said) == {"count": "succeeded", "total": "succeeded", "greet": "skipped"}


def states(said):
    events = [json.loads(line) for line in said.stdout.splitlines()]
    return {event["step"]: event["state"] for event in events if event["event"] == "step_finished"}


def test_a_run_may_have_a_name(framework0, workspace):
    framework0("run", "one.yaml", "--name", "nightly")
    assert [run.name for run in runs_of(workspace)] == ["nightly"]


def test_json_is_one_event_a_line_and_nothing_else(framework0):
    said = framework0("run", "one.yaml", "--json")
    assert said.stderr == ""
    events = [json.loads(line) for line in said.stdout.splitlines()]
    assert [event["event"] for event in events] == [
        "run_started",
        "step_started",
        "step_finished",
        "run_finished",
    ]
    assert events[2]["result"] == "hello you"
    assert events[3]["state"] == "succeeded"


def test_json_tells_why_a_step_failed_or_was_skipped(framework0):
    said = framework0("run", "mendable.yaml", "--json")
    assert said.code == 1
    ended = {
        event["step"]: event
        for event in map(json.loads, said.stdout.splitlines())
        if event["event"] == "step_finished"
    }
    assert ended["shaky"]["failure"]["kind"] == "ValueError"
    assert "steps.py:" in ended["shaky"]["failure"]["where"]
    assert "shaky" in ended["after"]["reason"]


def test_quiet_says_nothing_of_a_run_that_went_well(framework0):
    said = framework0("run", "good.yaml", "-q")
    assert said == (0, "", "")


def test_quiet_still_says_what_failed(framework0):
    said = framework0("run", "mendable.yaml", "--quiet")
    assert said.code == 1
    assert said.stdout == ""
    assert "shaky: ValueError: the file mended is missing" in said.stderr


def test_a_failed_run_names_the_step_the_place_and_what_to_do_next(framework0, workspace):
    said = framework0("run", "mendable.yaml")
    run_id = runs_of(workspace)[0].run_id
    assert said.code == 1
    assert said.stdout == ""
    assert "FAILED  shaky" in said.stderr
    assert f"at {workspace / 'steps.py'}:" in said.stderr
    assert f"framework0 logs {run_id}" in said.stderr
    assert f"framework0 resume {run_id}" in said.stderr
    assert "Traceback" not in said.stderr


def test_of_very_many_failures_ten_are_told(framework0, workspace):
    steps = [f"  - {{name: s{n}, module: steps, function: fail_until_mended}}" for n in range(12)]
    text = "order: graph\nsteps:\n" + "\n".join(steps) + "\n"
    (workspace / "many.yaml").write_text(text, encoding="utf-8")
    said = framework0("run", "many.yaml", "--quiet")
    assert said.stderr.count("the file mended is missing") == 10
    assert "… and 2 more: `framework0 show " in said.stderr


@pytest.mark.measured
def test_debug_shows_the_trace_of_a_failure_and_tells_the_steps(framework0, workspace):
    (workspace / "steps.py").write_text(
        "import os\ndef show():\n    print('DEBUG is', os.environ.get('DEBUG'))\n    raise KeyError(1)\n"
    )
    (workspace / "debug.yaml").write_text(
        "steps:\n"
        "  - {name: here, module: steps, function: show, continue_on_error: true}\n"
        "  - {name: there, module: steps, function: show, executor: process}\n"
    )
    said = framework0("run", "debug.yaml", "--debug")
    assert said.stdout.count("DEBUG is 1") == 2
    assert "in show" in said.stderr
    assert framework0("run", "debug.yaml", "-s").stdout.count("DEBUG is None") == 2


def test_a_wrong_recipe_shows_every_mistake_at_its_place(framework0, workspace):
    said = framework0("run", "wrong.yaml")
    assert said.code == 3
    assert said.stdout == ""
    assert "wrong.yaml:3:19: error:" in said.stderr
    assert "  - {name: greet, modul: steps, function: hello}" in said.stderr
    assert "^^^^^" in said.stderr
    assert said.stderr.count("error:") >= 2
    assert "Traceback" not in said.stderr
    assert runs_of(workspace) == []


def test_a_recipe_that_is_not_there_ends_with_3_and_names_its_neighbor(framework0):
    said = framework0("run", "oen.yaml")
    assert said.code == 3
    assert "did you mean 'one.yaml'?" in said.stderr


@pytest.mark.measured
def test_the_documented_script_runs_a_recipe_from_any_folder(workspace, repository, environment):
    script = repository / "orchestrator" / "runner.py"
    command = [sys.executable, script, "--recipe", workspace / "good.yaml", "--debug"]
    ended = subprocess.run(
        [*command, "--skip", "total"],
        cwd="/",
        env={**environment, "FRAMEWORK0_HOME": str(workspace / "state")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "not left out" not in ended.stderr
    assert "skipped  total" in ended.stderr
    assert "hello you" in ended.stdout


def test_the_documented_script_has_help_with_an_example(repository, environment):
    script = repository / "orchestrator" / "runner.py"
    ended = subprocess.run(
        [sys.executable, script, "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "python orchestrator/runner.py --recipe recipe.yaml --debug" in ended.stdout


def test_a_reader_that_goes_away_does_not_end_the_run(started, workspace):
    reader, writer = os.pipe()
    process = started("run", "good.yaml", "--json", stdout=writer)
    os.close(writer)
    os.close(reader)
    _, stderr = process.communicate(timeout=120)
    assert "Traceback" not in stderr
    assert [run.state for run in runs_of(workspace)] == ["succeeded"]
