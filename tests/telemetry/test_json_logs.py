"""Logs as JSON, end to end: every line that a run writes is an object that says whose it is."""

from __future__ import annotations

import json

import pytest

from framework0.assembly import run_recipe
from framework0.logs import BoundedLog, StepLog, json_log
from framework0.logs.jsonlog import shaped


def objects(text):
    found = [json.loads(line) for line in text.splitlines()]
    assert all(isinstance(one, dict) for one in found)
    assert all({"time", "level", "run", "message"} <= one.keys() for one in found)
    return found


def log_of(workspace, run_id, node=1):
    path = workspace / ".framework0" / "runs" / run_id / "logs" / f"{node:05d}.1.log"
    return objects(path.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["thread", "process", "serial"])
def test_what_a_step_prints_and_logs_is_objects_wherever_it_runs(recipe, workspace, executor):
    path = recipe(f"{{name: talk, module: steps, function: talk, executor: {executor}}}")
    result = run_recipe(path, workspace=workspace, log_format="json")
    assert result.ok
    lines = log_of(workspace, result.id)
    assert sorted(one["message"] for one in lines) == [
        "logged well",
        "no end",
        "printed",
        "to stderr",
    ]
    for one in lines:
        assert (one["run"], one["step"], one["attempt"]) == (result.id, "talk", 1)
    (logged,) = [one for one in lines if one["message"] == "logged well"]
    assert (logged["level"], logged["logger"]) == ("warning", "steps")
    assert {one["level"] for one in lines if one is not logged} == {"info"}


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["", ", max_log_bytes: 4KB"])
def test_what_children_and_commands_print_is_objects_too(recipe, workspace, limit):
    path = recipe(
        f"{{name: child, module: steps, function: child{limit}}}",
        f"{{name: shell, type: shell, shell: true, command: 'echo one; echo two >&2; printf three'{limit}}}",
    )
    result = run_recipe(path, workspace=workspace, log_format="json")
    assert result.ok
    assert [one["message"] for one in log_of(workspace, result.id)] == ["from a child"]
    lines = log_of(workspace, result.id, 2)
    # The command's two streams come by different ways, so only the order within each is kept.
    assert sorted(one["message"] for one in lines) == ["one", "three", "two"]
    assert {one["step"] for one in lines} == {"shell"}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["option", "environment", "setting"])
def test_the_command_writes_nothing_but_objects(request, command, recipe, workspace, how):
    if how != "option":
        # What runs is the same each time; once it is measured.
        request.getfixturevalue("unmeasured")
    recipe(
        "{name: well, module: steps, function: talk}",
        "{name: shaky, module: steps, function: count}",
        "{name: sad, module: steps, function: fail}",
    )
    words = ["--log-format", "json"] if how == "option" else []
    env = {"FRAMEWORK0_LOG": "json"} if how == "environment" else {}
    if how == "setting":
        (workspace / "framework0.toml").write_text('log_format = "json"\n')
    ended = command("run", "mine.yaml", "-s", *words, env=env)
    assert ended.returncode == 1
    printed = objects(ended.stdout)
    assert {one["step"] for one in printed} == {"well"}
    told = objects(ended.stderr)
    failed = [one for one in told if one.get("state") == "failed"]
    assert [(one["step"], one["level"], one["attempt"]) for one in failed] == [
        ("shaky", "error", 1)
    ]
    assert "resume" in told[-1]["message"]
    for verb in ("resume", "rerun"):
        ended = command(verb, told[0]["run"], *words, env=env)
        assert ended.returncode == 1
        assert "sad" in {one.get("step") for one in objects(ended.stderr)}


def test_the_option_goes_before_the_environment_and_the_setting(recipe, workspace, monkeypatch):
    path = recipe("{name: talk, module: steps, function: hello}")
    monkeypatch.setenv("FRAMEWORK0_LOG", "json")
    (workspace / "framework0.toml").write_text('log_format = "json"\n')
    result = run_recipe(path, workspace=workspace, log_format="human")
    log = workspace / ".framework0" / "runs" / result.id / "logs" / "00001.1.log"
    assert log.read_text(encoding="utf-8") == "hello you\n"


FACTS = {"run": "r", "step": "s", "attempt": 2}


@pytest.mark.parametrize(
    "line",
    [
        '{"time": "now", "level": "info", "run": "r", "step": "other", "attempt": 2, "message": "x"}',
        '{"time": "now", "level": "info", "run": "r", "step": "s", "attempt": 3, "message": "x"}',
        '{"time": "now", "message": "x"}',
        '{"time": broken',
        '{"time": 1}',
        "plain",
    ],
)
def test_nobody_forges_the_line_of_another(line):
    (one,) = objects(shaped(line + "\n", FACTS))
    assert (one["step"], one["attempt"], one["message"]) == ("s", 2, line)


def test_a_record_of_the_attempt_itself_stays_as_it_is():
    line = json.dumps({"time": "now", "level": "error", **FACTS, "logger": "l", "message": "x"})
    assert shaped(line + "\n", FACTS) == line + "\n"


def test_bytes_that_are_no_text_and_lines_without_an_end_are_objects(tmp_path):
    log = json_log(StepLog(tmp_path / "1.log"), "r", "s", 2)
    log.write_bytes(b"\xff\xfe raw\r\n\nlast")
    log.close()
    text = (tmp_path / "1.log").read_text(encoding="utf-8")
    assert [one["message"] for one in objects(text)] == ["\\xff\\xfe raw", "", "last"]


def test_what_is_left_out_of_a_bounded_log_is_said_in_an_object(tmp_path):
    log = json_log(BoundedLog(tmp_path / "1.log", limit=2_000), "r", "s", 2)
    for number in range(500):
        log.write(f"line {number}\n")
    log.close()
    lines = objects((tmp_path / "1.log").read_text(encoding="utf-8"))
    assert (tmp_path / "1.log").stat().st_size <= 2_000 + 200
    assert any("left out" in one["message"] and one["level"] == "warning" for one in lines)


def test_the_run_s_own_log_is_objects_of_the_run(tmp_path):
    log = json_log(StepLog(tmp_path / "run.log"), "r")
    log.write("from a thread of nobody\n")
    log.close()
    (one,) = objects((tmp_path / "run.log").read_text(encoding="utf-8"))
    assert (one["run"], "step" in one) == ("r", False)
