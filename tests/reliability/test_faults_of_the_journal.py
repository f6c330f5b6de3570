"""Faults of the journal as a person meets them: damaged, copied while written, its run asleep, resumed twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from framework0.runner import Journal

PATIENCE = 300
"""Seconds for what takes one, on a machine however busy."""

pytestmark = pytest.mark.usefixtures("unmeasured")

STEPS = """
import os

def mark(n):
    with open(os.environ["LEDGER"], "a") as ledger:
        ledger.write(f"{n}\\n")

def hold():
    # Told to go on by whoever holds the other end.
    os.write(int(os.environ["STARTED"]), b"x")
    os.read(int(os.environ["GO"]), 1)
"""


class Place:
    """A workspace with a recipe whose step ``hold`` waits for the test, between 40 steps and 40 more."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        (folder / "steps.py").write_text(STEPS)
        lines = ["order: sequence", "steps:"]
        lines += [self.step(n) for n in range(40)]
        lines += ["  - {name: hold, module: steps, function: hold}"]
        lines += [self.step(n) for n in range(40, 80)]
        (folder / "recipe.yaml").write_text("\n".join(lines) + "\n")
        self.ledger = folder.parent / "ledger"
        self.journal = folder / ".framework0" / "journal.db"

    @staticmethod
    def step(n):
        return f"  - {{name: s{n}, module: steps, function: mark, args: {{n: {n}}}}}"

    def begin(self, *words):
        """Start a command and wait until its step holds; return it with the pipe that lets it go."""
        heard, started = os.pipe()
        go, let_go = os.pipe()
        process = self.popen(*words, STARTED=str(started), GO=str(go), pass_fds=[started, go])
        os.close(started)
        os.close(go)
        assert os.read(heard, 1) == b"x", process.communicate()
        os.close(heard)
        # It may begin before the steps it follows are durable; what a kill may then repeat is not
        # what is asked here.
        while self.acknowledged() < 40:
            time.sleep(0.02)
        return process, let_go

    def acknowledged(self):
        journal = Journal(self.journal)
        try:
            return len(journal.read(journal.runs()[0].run_id).attempts)
        finally:
            journal.close()

    def popen(self, *words, pass_fds=(), **env):
        return subprocess.Popen(
            [sys.executable, "-m", "framework0", *words],
            cwd=self.folder,
            env={**os.environ, "LEDGER": str(self.ledger), **env},
            pass_fds=pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def do(self, *words):
        """Run a command to its end; ``hold`` does not wait in it."""
        read, write = os.pipe()
        os.write(write, b"x" * 100)
        process = self.popen(*words, STARTED=str(write), GO=str(read), pass_fds=[read, write])
        process.told, process.complained = process.communicate(timeout=PATIENCE)
        os.close(read)
        os.close(write)
        assert "Traceback" not in process.complained
        return process

    def runs(self):
        ended = self.do("runs", "--json")
        assert ended.returncode == 0, ended.complained
        return json.loads(ended.told)

    def counts(self):
        return sorted(map(int, self.ledger.read_text().split()))


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "workspace")


def runner_of(warden):
    children = Path(f"/proc/{warden}/task/{warden}/children").read_text().split()
    return int(children[0])


@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_journal_is_reported_by_every_verb_and_never_written_over(place, seed):
    assert place.do("run", "recipe.yaml").returncode == 0
    content = bytearray(place.journal.read_bytes())
    chance = random.Random(seed)
    if seed == 0:
        content[:100] = os.urandom(100)
    else:
        # All pages but the first: whatever is looked at is damaged.
        for place_of in range(4096, len(content), 512):
            content[place_of : place_of + 64] = chance.randbytes(64)
    place.journal.write_bytes(content)
    for words in (["runs"], ["show"], ["run", "recipe.yaml"], ["resume"], ["why"], ["logs"]):
        ended = place.do(*words)
        assert ended.returncode == 4, (words, ended.told, ended.complained)
        assert "journal.db" in ended.complained
    assert place.journal.read_bytes() == content


def test_a_workspace_copied_while_it_is_written_tells_a_true_prefix_and_goes_on(place, tmp_path):
    process, let_go = place.begin("run", "recipe.yaml")
    copy = Place(tmp_path / "copy")
    shutil.copytree(place.folder / ".framework0", copy.folder / ".framework0")
    os.write(let_go, b"x")
    process.communicate(timeout=PATIENCE)
    os.close(let_go)
    assert process.returncode == 0
    original = place.counts()
    place.ledger.unlink()
    wal = copy.journal.with_name("journal.db-wal")
    whole = wal.read_bytes()
    for length in (len(whole), len(whole) // 2, 4096, 100, 0):
        torn = Place(tmp_path / f"torn{length}")
        shutil.copytree(copy.folder / ".framework0", torn.folder / ".framework0")
        torn.journal.with_name("journal.db-wal").write_bytes(whole[:length])
        torn.journal.with_name("journal.db-shm").unlink(missing_ok=True)
        found = torn.runs()
        if not found:
            # Torn before its first commit: nothing had been promised.
            assert length < len(whole)
            continue
        (run,) = found
        assert run["state"] == "interrupted"
        ended = torn.do("resume")
        assert ended.returncode == 0, ended.complained
        assert torn.runs()[0]["state"] == "succeeded"
        done = place.counts()
        # What was acknowledged before the copy was taken does not run again.
        assert done[-40:] == list(range(40, 80))
        assert set(done) <= set(original)
        place.ledger.unlink()


def test_a_suspended_run_is_running_and_nobody_else_may_go_on_with_it(place):
    process, let_go = place.begin("run", "recipe.yaml")
    runner = runner_of(process.pid)
    os.kill(runner, signal.SIGSTOP)
    try:
        (run,) = place.runs()
        assert run["state"] == "running"
        ended = place.do("resume", run["id"])
        assert ended.returncode == 4
        assert str(runner) in ended.complained or str(process.pid) in ended.complained
    finally:
        os.kill(runner, signal.SIGCONT)
    os.write(let_go, b"x")
    process.communicate(timeout=PATIENCE)
    os.close(let_go)
    assert process.returncode == 0
    assert place.counts() == list(range(80))


def test_of_two_resumes_at_once_one_goes_on_and_the_other_is_told_who_has_it(place):
    process, let_go = place.begin("run", "recipe.yaml")
    os.kill(runner_of(process.pid), signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    os.close(let_go)
    assert place.runs()[0]["state"] == "interrupted"
    first, let_go = place.begin("resume")
    second = place.do("resume")
    assert second.returncode == 4
    assert f"is running in process {runner_of(first.pid)}" in second.complained
    os.write(let_go, b"x")
    first.communicate(timeout=PATIENCE)
    os.close(let_go)
    assert first.returncode == 0
    assert place.counts() == list(range(80))


def test_eight_resumes_begun_together_are_one_resume(place):
    process, let_go = place.begin("run", "recipe.yaml")
    os.kill(runner_of(process.pid), signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    os.close(let_go)
    run = place.runs()[0]["id"]
    read, write = os.pipe()
    os.write(write, b"x" * 100)
    together = [
        place.popen("resume", run, STARTED=str(write), GO=str(read), pass_fds=[read, write])
        for _ in range(8)
    ]
    told = [process.communicate(timeout=PATIENCE)[1] for process in together]
    os.close(read)
    os.close(write)
    codes = sorted(process.returncode for process in together)
    # A late one may find the run complete; nobody runs anything twice.
    assert 0 in codes, told
    assert set(codes) <= {0, 2, 4}, told
    assert not [text for text in told if "Traceback" in text or "database is locked" in text]
    assert place.counts() == list(range(80))
