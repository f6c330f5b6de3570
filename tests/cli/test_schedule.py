"""Schedules from the command line: kept when everything is right, told whole when something is not."""

from __future__ import annotations

import json
import os
import signal
from time import monotonic

import pytest

from framework0.cli.serve_schedules import SAME_SIGNAL

pytestmark = pytest.mark.slow


def added(framework0, *words):
    said = framework0("schedule", "add", *words)
    assert said.code == 0, said.stderr
    return said


@pytest.mark.measured
def test_a_schedule_is_added_listed_and_removed(framework0):
    said = added(framework0, "nightly", "one.yaml", "--cron", "0 6 * * *", "--tz", "Europe/Berlin")
    assert "nightly added: one.yaml, 0 6 * * * (Europe/Berlin); due next:" in said.stdout
    assert said.stdout.count("06:00+0") == 3
    assert "serve-schedules" in said.stderr
    [listed] = json.loads(framework0("schedule", "list", "--json").stdout)
    assert (listed["name"], listed["recipe"], listed["last"]) == ("nightly", "one.yaml", None)
    assert listed["overlap"] == "skip"
    assert "nightly" in framework0("schedule", "list").stdout
    assert framework0("schedule", "history", "nightly").stderr.endswith("has not been due yet\n")
    assert framework0("schedule", "remove", "nightly").stdout == "schedule nightly removed\n"
    assert json.loads(framework0("schedule", "list", "--json").stdout) == []
    assert "no schedule yet" in framework0("schedule", "list").stderr


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_kept(framework0):
    said = framework0(
        "schedule", "add", "../x", "one.yaml", "--cron", "0 24 * * MONDAY", "--tz", "Europe/Berln",
        "--input", "wo=me",
    )  # fmt: skip
    assert said.code == 2
    for message in (
        "name: '../x' is none",
        "hour: '24' is not in 0 to 23",
        "did you mean MON?",
        "did you mean 'Europe/Berlin'?",
        "did you mean 'who'?",
    ):
        assert message in said.stderr
    assert "        ^^\n" in said.stderr
    assert json.loads(framework0("schedule", "list", "--json").stdout) == []


@pytest.mark.measured
def test_a_wrong_recipe_is_shown_as_validate_shows_it(framework0):
    said = framework0("schedule", "add", "s", "wrong.yaml", "--every", "15m")
    assert said.code == 3
    assert "wrong.yaml:3:19" in said.stderr
    both = framework0("schedule", "add", "s", "wrong.yaml", "--every", "0.1s")
    assert both.code == 2
    assert "wrong.yaml:3:19" in both.stderr
    assert "--every must be at least 1 s" in both.stderr
    assert "wrong.yaml is wrong, as shown above" in both.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "either --cron"),
        (["--cron", "@daily", "--every", "1h"], "either --cron"),
        (["--every", "1h", "--tz", "UTC"], "an interval needs none"),
        (["--every", "1h", "--input", "who"], "--input takes NAME=VALUE"),
        (["--every", "1h", "--catch-up-limit", "0"], "from 1 to 1,000"),
        (["--every", "1h", "--overlap", "maybe"], "invalid choice"),
    ],
)
def test_wrong_use_is_told(framework0, words, message):
    said = framework0("schedule", "add", "s", "one.yaml", *words)
    assert said.code == 2
    assert message in said.stderr


def test_a_recipe_outside_the_workspace_and_secrets_of_the_server_are_allowed(
    framework0, workspace, tmp_path
):
    (tmp_path / "secret.yaml").write_text(
        "inputs: {token: {secret: true}}\n"
        'steps: [{name: x, module: builtins, function: print, args: ["${{ inputs.token }}"]}]\n'
    )
    added(framework0, "s", str(tmp_path / "secret.yaml"), "--every", "1h")
    [listed] = json.loads(framework0("schedule", "list", "--json").stdout)
    assert listed["recipe"] == str(tmp_path / "secret.yaml")
    refused = framework0(
        "schedule", "add", "t", str(tmp_path / "secret.yaml"), "--every", "1h", "-i", "token=x"
    )
    assert "is secret" in refused.stderr


@pytest.mark.measured
def test_pausing_next_and_replacing(framework0):
    added(framework0, "s", "one.yaml", "--every", "90m", "--deadline", "2m")
    assert framework0("schedule", "pause", "s").stdout == "schedule s is paused\n"
    assert framework0("schedule", "pause", "s").stdout == "schedule s is already paused\n"
    said = framework0("schedule", "next", "s", "--count", "2")
    assert len(said.stdout.splitlines()) == 2
    assert "it is paused" in said.stderr
    assert "paused" in framework0("schedule", "list").stdout
    assert framework0("schedule", "resume", "s").stdout == "schedule s is going on\n"
    assert "--replace" in framework0("schedule", "add", "s", "one.yaml", "--every", "1h").stderr
    added(framework0, "s", "one.yaml", "--cron", "@hourly", "--replace", "--overlap", "queue")
    facts = json.loads(framework0("schedule", "next", "s", "--json").stdout)
    assert len(facts["next"]) == 5
    assert all(one["due"] % 3600 == 0 for one in facts["next"])
    assert framework0("schedule", "next", "x").code == 2


def events(process):
    for line in process.stdout:
        yield json.loads(line)


def until(found, kind):
    return next(event for event in found if event["event"] == kind)


@pytest.mark.measured
def test_a_server_runs_what_is_due_and_shows_it_everywhere(framework0, started, workspace):
    added(
        framework0,
        "often",
        "one.yaml",
        "--every",
        "1s",
        "--input",
        "who={due:%S}",
        "--deadline",
        "1m",
    )
    server = started("serve-schedules", "--json")
    fired = until(events(server), "fired")
    ended = until(events(server), "ended")
    assert (fired["run"], fired["schedule"]) == (ended["run"], "often")
    second = framework0("serve-schedules")
    assert second.code == 4
    assert f"is held by process {server.pid}" in second.stderr
    assert "serves the schedules" in second.stderr
    server.send_signal(signal.SIGTERM)
    assert server.wait(120) == 0
    shown = json.loads(framework0("show", fired["run"], "--json").stdout)
    assert shown["schedule"]["name"] == "often"
    assert shown["schedule"]["due"] == fired["due"]
    assert shown["options"]["deadline"] == 60
    assert shown["name"] == "often"
    assert len(shown["inputs"]["who"]) == 2
    assert "schedule often, due " in framework0("show", fired["run"]).stdout
    assert json.loads(framework0("runs", "--json").stdout)[-1]["schedule"]["name"] == "often"
    history = json.loads(framework0("schedule", "history", "often", "--json").stdout)
    assert history[-1]["run"] == fired["run"]
    assert (history[-1]["decision"], history[-1]["run_state"]) == ("fired", "succeeded")
    assert "fired" in framework0("schedule", "history", "often").stdout
    [listed] = json.loads(framework0("schedule", "list", "--json").stdout)
    assert listed["last"]["due"] == history[0]["due"]


@pytest.mark.measured
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_waits_for_runs_and_the_second_stops_them(
    framework0, started, workspace, pipes, number
):
    added(framework0, "gate", "waiting.yaml", "--every", "1s")
    server = started("serve-schedules", "--json")
    fired = until(events(server), "fired")
    pipes()
    server.send_signal(number)
    assert "end of 1 run; a second signal stops" in server.stderr.readline()
    first = monotonic()
    # The run goes on although its server has been told to end.
    assert json.loads(framework0("show", fired["run"], "--json").stdout)["state"] == "running"
    while monotonic() < first + 2 * SAME_SIGNAL:
        # What comes sooner counts as the first signal.
        framework0("version")
    os.kill(server.pid, number)
    assert until(events(server), "stopping")["run"] == fired["run"]
    assert server.wait(120) == {signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    assert json.loads(framework0("show", fired["run"], "--json").stdout)["state"] == "cancelled"


def test_a_hang_up_only_wakes_a_server_that_has_no_terminal(framework0, started):
    server = started("serve-schedules")
    assert "no schedule yet" in server.stderr.readline()
    server.send_signal(signal.SIGHUP)
    added(framework0, "s", "one.yaml", "--every", "1s")
    assert "s, due " in server.stderr.readline()
    server.send_signal(signal.SIGTERM)
    assert server.wait(120) == 0


@pytest.mark.measured
def test_a_server_says_what_it_does_and_no_more_when_nobody_listens(started, framework0):
    added(framework0, "s", "one.yaml", "--every", "1s", "--overlap", "allow")
    server = started("serve-schedules")
    assert "1 schedule" in server.stderr.readline()
    while "fired: run" not in server.stderr.readline():
        assert server.poll() is None
    server.stderr.close()
    server.stderr = None
    # Served all the same: a later due time is fired although nobody reads what is said about it.
    listed = []
    while len(listed) < 3:
        listed = json.loads(framework0("schedule", "history", "s", "--json").stdout)
    server.send_signal(signal.SIGTERM)
    assert server.wait(120) == 0


def test_the_process_of_a_run_that_is_not_wanted_any_more_ends(run_python, workspace):
    ended = run_python(
        "-c", "import sys; from framework0.cli.scheduled import main; sys.exit(main())",
        str(workspace), "20260101-000000-00000000",
    )  # fmt: skip
    assert ended.returncode == 2
    assert "no schedule waits for run" in ended.stderr
