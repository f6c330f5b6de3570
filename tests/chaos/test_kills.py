"""A runner killed at random goes on where it was: R1 of the reliability bar, at its push tier.

Every step leaves a mark in a ledger outside, written by itself, and a key in the context. A killer
reads the acknowledgements from a pipe and sends SIGKILL at seeded counts of them. A session that is to be killed
begins only so many steps more, so that the kill comes in the middle of it however late it comes.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from framework0.context import Context
from framework0.runner import Journal
from framework0.workspace import find_workspace

pytestmark = pytest.mark.usefixtures("unmeasured")

DRIVER = Path(__file__).with_name("driver.py")
ROOT = Path(__file__).resolve().parents[2]
WIDTH = 20

STEPS = """
import itertools
import os
import time

BEGUN, MOST = itertools.count(1), int(os.environ.get("MOST", "1000000"))
LEDGER = os.open(os.environ["LEDGER"], os.O_CREAT | os.O_APPEND | os.O_WRONLY)

def work(context, n):
    if next(BEGUN) > MOST:
        time.sleep(600)
    os.write(LEDGER, f"s{n} {os.environ['SESSION']}\\n".encode())
    time.sleep(0.004)
    context.set(f"done.s{n}", n)
"""


def layered(count):
    """Return a recipe of layers in which each step waits for three of the layer before."""
    lines = ["metadata: {name: killed}", "order: graph", "steps:"]
    for n in range(count):
        before = (
            [(n // WIDTH - 1) * WIDTH + (n + k) % WIDTH for k in range(3)] if n >= WIDTH else []
        )
        names = ", ".join(f"s{m}" for m in before)
        lines.append(
            f"  - {{name: s{n}, module: work, function: work, args: {{n: {n}}}, depends_on: [{names}]}}"
        )
    return "\n".join(lines) + "\n"


AHEAD = 40
"""Steps that a session may begin beyond those after which it is killed."""


class Trial:
    """One run killed again and again, and what the observer outside has seen of it."""

    def __init__(self, folder, steps, *words):
        self.folder, self.steps, self.words = folder, steps, words
        self.space = find_workspace(explicit=folder)
        (folder / "work.py").write_text(STEPS)
        (folder / "recipe.yaml").write_text(layered(steps))
        self.ledger = folder / "ledger"
        self.run_id = "-"
        self.session = 0
        self.acknowledged: dict[str, int] = {}
        self.finished = False
        self.done: set[str] = set()

    def one_session(self, kill_after):
        """Run until ``kill_after`` steps are acknowledged, then kill; let it end if that never comes."""
        self.session += 1
        environment = {**self.environment(kill_after), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, DRIVER, self.folder, self.run_id, *self.words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )
        seen = 0
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            word, rest = line.split()
            if word == "run":
                self.run_id = rest
            elif word == "end":
                self.finished = rest == "succeeded"
            else:
                self.acknowledged[word] = self.session
                seen += 1
                if seen == kill_after:
                    process.kill()
        errors = process.stderr.read()
        process.wait()
        process.stdout.close()
        process.stderr.close()
        assert "locked" not in errors
        assert process.returncode in (0, -9), errors

    def environment(self, kill_after, ahead=AHEAD):
        told = {"LEDGER": str(self.ledger), "SESSION": str(self.session)}
        if kill_after is not None:
            told["MOST"] = str(kill_after + ahead)
        return {**os.environ, **told}

    def broken_promises(self):
        """Return every promise that does not hold now, as sentences."""
        journal = Journal(self.space.journal)
        try:
            history = journal.read(self.run_id)
        finally:
            journal.close()
        wrong = []
        done = self.done = {
            record.name for record in history.attempts if record.state == "succeeded"
        }
        wrong += [
            f"{name} was acknowledged and is lost" for name in self.acknowledged.keys() - done
        ]
        marks = [line.split() for line in self.ledger.read_text().splitlines()]
        wrong += [
            f"{name} was acknowledged in session {self.acknowledged[name]} and ran in session {session}"
            for name, session in marks
            if int(session) > self.acknowledged.get(name, self.session)
        ]
        context = Context()
        context.load(history.changes)
        if dict(context.items()) != {f"done.{name}": int(name[1:]) for name in done}:
            wrong.append("the context is not the effects of exactly the completed steps")
        if len(done) < self.steps and history.summary.state != "interrupted":
            wrong.append(f"a dead run is shown as {history.summary.state}")
        twice = Counter(name for name, _ in marks)
        attempts = {record.name: record.attempt for record in history.attempts}
        wrong += [
            f"{name} ran {count} times and its record says attempt {attempts[name]}"
            for name, count in twice.items()
            if name in attempts and attempts[name] < count
        ]
        return wrong


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 12])
def test_25_kills_in_2000_steps_lose_nothing_and_repeat_nothing_acknowledged(tmp_path, seed):
    chance = random.Random(seed)
    trial = Trial(tmp_path, 2_000)
    for _ in range(25):
        trial.one_session(kill_after=chance.randint(1, 50))
        assert trial.broken_promises() == []
    assert not trial.finished
    trial.one_session(kill_after=None)
    assert trial.finished
    assert trial.broken_promises() == []
    assert len(trial.done) == 2_000


@pytest.mark.slow
def test_the_test_notices_a_runner_that_acknowledges_too_early(tmp_path):
    chance = random.Random(5)
    trial = Trial(tmp_path, 600, "--ack-early")
    # Whatever the moment, as many as it holds back were acknowledged and are not even queued.
    trial.one_session(kill_after=chance.randint(5, 40))
    assert any("lost" in promise for promise in trial.broken_promises())


MANY = """
import os, sys
from pathlib import Path
from framework0.assembly import Options, load_recipe, start_run
from framework0.workspace import find_workspace

folder, runs = Path(sys.argv[1]), int(sys.argv[2])
space = find_workspace(explicit=folder)
recipe = load_recipe(folder / "recipe.yaml", workspace=space)
for _ in range(runs):
    result = start_run(recipe, workspace=space)
    print(result.id, result.state, len(result.steps), flush=True)
"""


@pytest.mark.slow
def test_eight_processes_in_one_workspace_lose_no_row_and_meet_no_lock(tmp_path):
    (tmp_path / "work.py").write_text(STEPS)
    (tmp_path / "recipe.yaml").write_text(layered(100))
    environment = {**os.environ, "LEDGER": str(tmp_path / "ledger"), "SESSION": "0"}
    environment["PYTHONPATH"] = str(ROOT)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MANY, tmp_path, "4"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for _ in range(8)
    ]
    outputs = [process.communicate() for process in processes]
    assert [error for _, error in outputs if error] == []
    told = [line.split() for output, _ in outputs for line in output.splitlines()]
    assert len(told) == 32
    journal = Journal(find_workspace(explicit=tmp_path).journal)
    try:
        assert {summary.run_id for summary in journal.runs()} == {line[0] for line in told}
        for run_id, state, steps in told:
            history = journal.read(run_id)
            assert (state, steps, history.summary.state) == ("succeeded", "100", "succeeded")
            assert len({record.name for record in history.attempts}) == 100
            assert len(history.changes) == 100
    finally:
        journal.close()
