"""One run, killed and resumed, and the observer outside that remembers what it was told."""

from __future__ import annotations

import subprocess
from collections import Counter
from threading import Timer
from time import perf_counter

from benchmarks import shapes
from benchmarks.timing import PYTHON, REPOSITORY, environment
from framework0.context import Context
from framework0.runner import Journal
from framework0.workspace import find_workspace

DRIVER = REPOSITORY / "tests" / "chaos" / "driver.py"
WIDTH = 20

STEPS = """
import os
import time

LEDGER = os.open(os.environ["LEDGER"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)


def work(context, n):
    os.write(LEDGER, f"s{n} {os.environ['SESSION']}\\n".encode())
    time.sleep(0.004)
    context.set(f"done.s{n}", n)
"""


class Trial:
    """``words`` are further arguments of the driver, such as the one that sabotages it; ``width`` steps
    are in flight at once."""

    def __init__(self, folder, ledger, steps, words=(), width=WIDTH):
        self.folder, self.ledger, self.steps, self.words = folder, ledger, steps, words
        (folder / "steps.py").write_text(STEPS)
        shapes.write_recipe(
            folder / "recipe.yaml", shapes.layered(steps, width), function="work", numbered=True
        )
        self.space = find_workspace(explicit=folder)
        self.run_id = "-"
        self.session = 0
        self.finished = False
        self.acknowledged = {}
        self.done = set()
        self.attempts = 0
        self.start = 0.0
        self.killed = Counter()

    @property
    def kills(self):
        return sum(self.killed.values())

    def described(self):
        return ", ".join(f"{count} {where}" for where, count in sorted(self.killed.items()))

    def progress(self):
        return f"{self.kills} kills, {len(self.done):,} of {self.steps:,} steps done"

    def one_session(self, acknowledged=None, seconds=None):
        """Go on with the run until so much is acknowledged, or so long, then kill it; or let it end."""
        self.session += 1
        process = subprocess.Popen(
            [PYTHON, DRIVER, self.folder, self.run_id, *self.words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(LEDGER=str(self.ledger), SESSION=str(self.session)),
            text=True,
        )
        timer = Timer(seconds or 0.0, process.kill)
        if seconds is not None:
            timer.start()
        seen = self._listen(process, acknowledged)
        errors = process.stderr.read()
        process.wait()
        timer.cancel()
        process.stdout.close()
        process.stderr.close()
        if process.returncode not in (0, -9) or "locked" in errors:
            raise SystemExit(f"session {self.session} ended with {process.returncode}: {errors}")
        if process.returncode == -9:
            self.killed["while steps ran" if seen else "before the first step"] += 1

    def _listen(self, process, acknowledged):
        """Take down what is acknowledged; kill after so much of it. Return how much it was."""
        started = perf_counter()
        seen = 0
        for line in process.stdout:
            word, rest = line.split()
            if word == "run":
                self.run_id = rest
            elif word == "end":
                self.finished = rest == "succeeded"
            else:
                if not seen:
                    self.start = perf_counter() - started
                self.acknowledged[word] = self.session
                seen += 1
                if seen == acknowledged:
                    process.kill()
        return seen

    def broken_promises(self):
        """Return every promise that does not hold now, as sentences."""
        if self.run_id == "-":
            return []
        journal = Journal(self.space.journal)
        try:
            history = journal.read(self.run_id)
        finally:
            journal.close()
        self.done = {record.name for record in history.attempts if record.state == "succeeded"}
        wrong = [
            f"{name} was acknowledged and is lost" for name in self.acknowledged.keys() - self.done
        ]
        wrong += self._run_again()
        context = Context()
        context.load(history.changes)
        if dict(context.items()) != {f"done.{name}": int(name[1:]) for name in self.done}:
            wrong.append("the context is not the effects of exactly the completed steps")
        expected = "succeeded" if self.finished else "interrupted"
        if history.summary.state != expected and len(self.done) < self.steps:
            wrong.append(f"a dead run is shown as {history.summary.state}")
        return wrong

    def _run_again(self):
        """Compare the ledger with the acknowledgements received before each of its lines."""
        marks = (
            [line.split() for line in self.ledger.read_text().splitlines()]
            if self.ledger.exists()
            else []
        )
        self.attempts = len(marks)
        return [
            f"{name} was acknowledged in session {self.acknowledged[name]} and ran in session {session}"
            for name, session in marks
            if int(session) > self.acknowledged.get(name, self.session)
        ]
