"""``framework0 cancel`` and Ctrl-C: a run ends when it is told to, and says how."""

from __future__ import annotations

import json
import os
import signal

import pytest

from framework0.runner import Journal
from framework0.workspace import holder


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
    said = framework0("cancel", run_id)
    assert said.code == 0
    assert said.stdout == (
        f"run {run_id} cancelled: `framework0 resume {run_id}` goes on from there\n"
    )
    assert state_of(workspace, run_id) == "cancelled"
    assert process.wait(30) == 143


def test_without_a_name_the_running_one_is_meant(framework0, waiting_run):
    _, run_id = waiting_run
    framework0("run", "one.yaml")
    said = framework0("cancel", "--now")
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


def test_a_run_whose_process_was_killed_is_told_apart(framework0, waiting_run):
    process, run_id = waiting_run
    process.kill()
    process.wait(30)
    said = framework0("cancel", run_id)
    assert said.stdout == f"run {run_id} is not running: it is interrupted\n"


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
    assert process.wait(30) != 0


def test_a_lock_of_another_machine_is_refused(framework0, workspace, waiting_run):
    process, run_id = waiting_run
    lock = lock_of(workspace, run_id)
    who = json.loads(lock.read_text(encoding="ascii"))
    lock.write_text(json.dumps({**who, "host": "elsewhere"}), encoding="ascii")
    said = framework0("cancel", run_id)
    assert said.code == 5
    assert "is at work on elsewhere: cancel it there" in said.stderr
    assert process.poll() is None


def test_a_process_that_only_has_the_same_id_is_not_signaled(framework0, workspace, waiting_run):
    process, run_id = waiting_run
    lock = lock_of(workspace, run_id)
    who = json.loads(lock.read_text(encoding="ascii"))
    lock.write_text(json.dumps({**who, "started": who["started"] - 1}), encoding="ascii")
    said = framework0("cancel", run_id)
    assert said.code == 5
    assert "is not the one that wrote its lock" in said.stderr
    assert process.poll() is None


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_ends_the_run_with_its_exit_code(workspace, waiting_run, number, code):
    process, run_id = waiting_run
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in stderr
    assert json.loads(stdout.splitlines()[-1])["state"] == "cancelled"
    assert state_of(workspace, run_id) == "cancelled"
    assert holder(lock_of(workspace, run_id)) is None
