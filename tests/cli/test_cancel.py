"""``framework0 cancel`` and Ctrl-C: a run ends when it is told to, and says how."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from framework0.cli.cancel import _ending, _sent
from framework0.cli.responsible import note_responsible, process_to_signal
from framework0.errors import RefusedError
from framework0.runner import Journal
from framework0.workspace import Holder, holder, started_at, this_process


def state_of(workspace, run_id):
    journal = Journal(workspace / ".framework0" / "journal.db")
    try:
        return journal.read(run_id).summary.state
    finally:
        journal.close()


def lock_of(workspace, run_id):
    return workspace / ".framework0" / "runs" / run_id / "lock"


def test_a_running_run_is_stopped_and_its_end_awaited(framework0, workspace, waiting_run):
    process, run_id = waiting_run
    said = framework0("cancel", run_id, "--grace", "2m")
    assert said.code == 0
    assert said.stdout == (
        f"run {run_id} cancelled: `framework0 resume {run_id}` goes on from there\n"
    )
    assert state_of(workspace, run_id) == "cancelled"
    assert process.wait(120) == 143


@pytest.mark.measured
def test_without_a_name_the_running_one_is_meant(framework0, waiting_run):
    _, run_id = waiting_run
    framework0("run", "one.yaml")
    said = framework0("cancel", "--now", "--grace", "2m")
    assert said.code == 0
    assert f"run {run_id} is meant" in said.stderr
    assert said.stdout.startswith(f"run {run_id} cancelled")


def test_a_run_that_has_ended_is_left_as_it_is(framework0, workspace):
    framework0("run", "one.yaml", "--name", "done")
    said = framework0("cancel", "done")
    assert said.code == 0
    assert said.stdout.endswith("is not running: it is succeeded\n")


def test_nothing_running_ends_with_4(framework0):
    framework0("run", "one.yaml")
    said = framework0("cancel")
    assert (said.code, said.stdout) == (4, "")


def test_a_run_whose_process_was_killed_is_told_apart(framework0, killed_run):
    said = framework0("cancel", killed_run)
    assert said.stdout == f"run {killed_run} is not running: it is interrupted\n"


@pytest.mark.measured
@pytest.mark.slow
def test_a_run_that_does_not_stop_is_killed_only_with_force(framework0, workspace, waiting_run):
    process, run_id = waiting_run
    runner = holder(lock_of(workspace, run_id)).pid
    # Stopped, it hears nothing, and so it is as deaf as a process can be.
    os.kill(process.pid, signal.SIGSTOP)
    os.kill(runner, signal.SIGSTOP)
    said = framework0("cancel", run_id, "--grace", "0")
    assert said.code == 1
    assert f"still running after 2 s: `framework0 cancel --force {run_id}`" in said.stdout
    assert state_of(workspace, run_id) == "running"
    said = framework0("cancel", run_id, "--grace", "0", "--force")
    assert said.code == 0
    assert f"run {run_id} was killed and is interrupted" in said.stdout
    os.kill(process.pid, signal.SIGCONT)
    assert process.wait(120) != 0


def test_a_lock_of_another_machine_is_refused(framework0, workspace, waiting_run):
    process, run_id = waiting_run
    lock = lock_of(workspace, run_id)
    who = json.loads(lock.read_text(encoding="ascii"))
    lock.write_text(json.dumps({**who, "host": "elsewhere"}), encoding="ascii")
    said = framework0("cancel", run_id)
    assert said.code == 5
    assert "is at work on elsewhere: cancel it there" in said.stderr
    assert process.poll() is None


@pytest.mark.measured
def test_a_process_that_only_has_the_same_id_is_not_signaled(framework0, workspace, waiting_run):
    process, run_id = waiting_run
    lock = lock_of(workspace, run_id)
    who = json.loads(lock.read_text(encoding="ascii"))
    lock.write_text(json.dumps({**who, "started": who["started"] - 1}), encoding="ascii")
    said = framework0("cancel", run_id)
    assert said.code == 5
    assert "is not the one that wrote its lock" in said.stderr
    assert process.poll() is None


def test_a_lock_that_does_not_say_whose_it_is_is_refused(framework0, workspace, waiting_run):
    _, run_id = waiting_run
    lock_of(workspace, run_id).write_text("", encoding="ascii")
    said = framework0("cancel", run_id)
    assert said.code == 5
    assert "has not said who it is yet: try again in a moment" in said.stderr


@pytest.fixture
def sleeper():
    """A process that only waits to be ended, with the moment it started."""
    process = subprocess.Popen(["sleep", "600"])
    yield process, started_at(process.pid)
    process.kill()
    process.wait()


def test_a_signal_reaches_the_process_that_is_meant(sleeper):
    process, since = sleeper
    assert _sent(process.pid, since)
    assert process.wait(120) == -signal.SIGTERM
    assert not _sent(process.pid, since)


def test_a_signal_reaches_it_without_descriptors_of_processes_too(sleeper, monkeypatch):
    monkeypatch.delattr(os, "pidfd_open")
    process, since = sleeper
    assert _sent(process.pid, since, signal.SIGKILL)
    assert process.wait(120) == -signal.SIGKILL


def test_a_process_that_came_later_under_the_same_id_is_spared(sleeper):
    process, since = sleeper
    assert not _sent(process.pid, since - 1)
    assert process.poll() is None


def test_a_process_of_another_user_is_refused(sleeper, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(signal, "pidfd_send_signal", refuse)
    with pytest.raises(RefusedError, match="belongs to another user"):
        _sent(sleeper[0].pid, sleeper[1])


def test_without_a_warden_the_process_itself_is_signaled(tmp_path):
    note_responsible(tmp_path)
    assert list(tmp_path.iterdir()) == []
    me = this_process()
    holder_of_it = Holder(*me, 0.0, "")
    assert process_to_signal(tmp_path, holder_of_it) == (me.pid, me.started)


def test_a_warden_is_signaled_while_it_is_the_parent(tmp_path, monkeypatch):
    parent = os.getppid()
    monkeypatch.setattr("framework0.runner.responsible_pid", lambda: parent)
    note_responsible(tmp_path)
    holder_of_it = Holder(*this_process(), 0.0, "")
    assert process_to_signal(tmp_path, holder_of_it) == (parent, started_at(parent))
    gone = holder_of_it._replace(pid=2**22 + 1)
    assert process_to_signal(tmp_path, gone) == (gone.pid, gone.started)


def test_a_warden_that_cannot_be_noted_does_not_hinder_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr("framework0.runner.responsible_pid", os.getppid)
    note_responsible(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("succeeded", "succeeded before it could be stopped"),
        ("failed", "failed: `framework0 resume r` goes on from there"),
        ("interrupted", "was killed and is interrupted: `framework0 resume r` goes on from there"),
    ],
)
def test_what_became_of_the_run_is_said(state, told):
    assert _ending(state, "r") == told


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_ends_the_run_with_its_exit_code(workspace, waiting_run, number, code):
    process, run_id = waiting_run
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == code
    assert "Traceback" not in stderr
    assert json.loads(stdout.splitlines()[-1])["state"] == "cancelled"
    assert state_of(workspace, run_id) == "cancelled"
    assert holder(lock_of(workspace, run_id)) is None


PAUSED = """
metadata: {name: paused}
order: graph
steps:
  - {name: first, module: steps, function: note, args: {text: first}, breakpoint: after}
  - {name: second, module: steps, function: note, args: {text: second}, depends_on: [first]}
on_failure:
  - {name: mourn, module: steps, function: note, args: {text: mourned}}
finally:
  - {name: tidy, module: steps, function: note, args: {text: tidied}}
"""


@pytest.fixture
def paused_run(workspace, framework0):
    """A run that waits behind its first step; returns its id."""
    (workspace / "paused.yaml").write_text(PAUSED)
    assert framework0("run", "paused.yaml", "--name", "waits").code == 6
    return json.loads(framework0("runs", "--json").stdout)[0]["id"]


@pytest.mark.measured
def test_a_paused_run_is_ended_for_good_with_its_clean_up(framework0, workspace, paused_run):
    assert framework0("cancel").code == 4
    said = framework0("cancel", "waits")
    assert said.code == 0, said.stderr
    assert said.stdout.endswith(
        f"run {paused_run} cancelled: `framework0 resume {paused_run}` goes on from there\n"
    )
    assert state_of(workspace, paused_run) == "cancelled"
    assert (workspace / "notes").read_text() == "first\ntidied\n"
    told = json.loads(framework0("show", "--json").stdout)
    assert {step["name"]: step["state"] for step in told["steps"]} == {
        "first": "succeeded",
        "second": "cancelled",
        "mourn": "skipped",
        "tidy": "succeeded",
    }
    assert "called off by" in framework0("why", "waits").stdout
    assert framework0("continue", "waits").code == 2
    assert framework0("cancel", "waits").stdout.endswith("is not running: it is cancelled\n")


@pytest.mark.measured
def test_a_run_that_was_called_off_can_be_taken_up_where_it_stood(framework0, paused_run):
    framework0("cancel", "waits")
    assert framework0("resume", "waits").code == 6
    assert framework0("continue", "waits").code == 0
    assert "called off" not in framework0("why", "waits").stdout


def test_prune_leaves_what_waits_for_a_person(framework0, workspace, paused_run):
    framework0("run", "one.yaml")
    assert "1 run removed" in framework0("runs", "prune", "--keep", "0").stderr
    assert state_of(workspace, paused_run) == "paused"
    framework0("cancel", "waits")
    assert "1 run removed" in framework0("runs", "prune", "--keep", "0").stderr


CUT = """
import os, signal, sys
from framework0.runner.journal.writer import HistoryWriter

commit = HistoryWriter.commit
left = int(sys.argv.pop(1))


def dying(writer, entries, changes=(), row=None):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    commit(writer, entries, changes, row)


HistoryWriter.commit = dying
from framework0.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("commits", "left"), [(0, "paused"), (1, "interrupted")])
def test_killed_while_it_is_called_off_a_run_is_paused_or_can_go_on(
    framework0, workspace, paused_run, environment, commits, left
):
    script = workspace / "cut.py"
    script.write_text(CUT)
    command = [sys.executable, str(script), str(commits), "cancel", "waits"]
    subprocess.run(command, cwd=workspace, env=environment, capture_output=True, check=False)
    assert state_of(workspace, paused_run) == left
    assert framework0("cancel", "waits").code == 0
    if left == "interrupted":
        assert framework0("resume", "waits").code == 6
        assert framework0("cancel", "waits").code == 0
    assert state_of(workspace, paused_run) == "cancelled"
