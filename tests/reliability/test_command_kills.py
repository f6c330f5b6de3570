"""R1 through the command: ``framework0 run`` killed with SIGKILL, its warden and its runner in turn.

After each kill ``framework0 resume`` goes on. The ledger is written by the steps themselves; what was
acknowledged is what the command told on stdout (``--json``). A pipe held by every process shows that
nothing of the killed run is alive when the next one begins.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.test_kills import STEPS, Trial

pytestmark = pytest.mark.usefixtures("unmeasured")

COUNT = 240

AHEAD = 8
"""Steps that a command may begin beyond those after which it is killed: so many run at once."""

PATIENCE = 300
"""Seconds for what takes one, on a machine however busy."""


def mixed(count):
    """Return a recipe of layers; one step in twelve has a process of its own."""
    lines = ["metadata: {name: killed}", "order: graph", "steps:"]
    for n in range(count):
        before = ", ".join(f"s{m}" for m in (n - 10, n - 9) if n >= 10)
        keys = f"module: work, function: work, args: {{n: {n}}}"
        if n % 12 == 5:
            keys += ", executor: process"
        lines.append(f"  - {{name: s{n}, {keys}, depends_on: [{before}]}}")
    return "\n".join(lines) + "\n"


class CommandTrial(Trial):
    """A run that is killed and resumed by the commands a person would type."""

    def __init__(self, folder, steps):
        super().__init__(folder, steps)
        (folder / "recipe.yaml").write_text(mixed(steps))
        self.codes = []

    def one_session(self, kill_after, target=None):
        """Run until ``kill_after`` steps are acknowledged, then kill ``target`` (warden or runner)."""
        self.session += 1
        alive, writer = os.pipe()
        words = ["run", "recipe.yaml"] if self.run_id == "-" else ["resume", self.run_id]
        with (self.folder / "errors").open("w+") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "framework0", *words, "--json", "--concurrency", "8"],
                cwd=self.folder,
                env=self.environment(kill_after, AHEAD),
                pass_fds=[writer],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
            os.close(writer)
            self._listen(process, kill_after, target)
            process.wait(timeout=PATIENCE)
            errors.seek(0)
            told = errors.read()
        assert gone_within(alive, PATIENCE), "something outlives the command that was killed"
        os.close(alive)
        assert "locked" not in told
        assert "Traceback" not in told
        self.codes.append(process.returncode)
        return told

    def _listen(self, process, kill_after, target):
        seen = 0
        with process.stdout as lines:
            for line in lines:
                # The last line of a killed program may be a part of one.
                if not line.endswith("\n"):
                    continue
                event = json.loads(line)
                if event["event"] == "run_started":
                    self.run_id = event["run"]
                elif event["event"] == "run_finished":
                    self.finished = event["state"] == "succeeded"
                elif event["event"] == "step_finished":
                    self.acknowledged[event["step"]] = self.session
                    seen += 1
                    if seen == kill_after:
                        pid = process.pid if target == "warden" else runner_of(process.pid)
                        os.kill(pid, signal.SIGKILL)


def runner_of(warden):
    """Return the process that does the work: the first child of the warden."""
    children = Path(f"/proc/{warden}/task/{warden}/children").read_text().split()
    return int(children[0])


def gone_within(alive, seconds):
    """Tell whether the last holder of the pipe was gone in time."""
    poll = select.poll()
    poll.register(alive, select.POLLHUP)
    return bool(poll.poll(seconds * 1000))


@pytest.mark.slow
def test_a_killed_command_is_gone_and_its_run_goes_on(tmp_path):
    chance = random.Random(21)
    trial = CommandTrial(tmp_path, COUNT)
    for number in range(8):
        target = ("warden", "runner")[number % 2]
        told = trial.one_session(chance.randint(1, 20), target)
        story = f"kill {number}, of the {target}"
        assert trial.codes[-1] == (-9 if target == "warden" else 137), story
        if target == "runner":
            # The warden is still there to say what happened and what to do.
            assert "was killed by SIGKILL" in told, story
            assert "framework0 resume" in told, story
        assert trial.broken_promises() == [], story
    assert not trial.finished
    trial.one_session(None)
    assert trial.codes[-1] == 0
    assert trial.finished
    assert trial.broken_promises() == []
    assert len(trial.done) == COUNT


def test_a_command_killed_while_it_starts_leaves_nothing_that_hinders(tmp_path):
    (tmp_path / "work.py").write_text(STEPS)
    (tmp_path / "recipe.yaml").write_text(mixed(3))
    chance = random.Random(31)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-m", "framework0", "run", "recipe.yaml"],
            cwd=tmp_path,
            env={**os.environ, "LEDGER": str(tmp_path / "ledger"), "SESSION": "0"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            # A moment, not a state: wherever it is by then, the next one must not care.
            process.wait(chance.uniform(0.02, 0.25))
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
    ended = subprocess.run(
        [sys.executable, "-m", "framework0", "run", "recipe.yaml"],
        cwd=tmp_path,
        env={**os.environ, "LEDGER": str(tmp_path / "ledger"), "SESSION": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    listed = subprocess.run(
        [sys.executable, "-m", "framework0", "runs", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    states = {run["state"] for run in json.loads(listed.stdout)}
    assert states <= {"succeeded", "interrupted"}
