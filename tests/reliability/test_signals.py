"""R10: a run whose step is stuck ends on time, with the right code, a truthful journal, and can go on.

Through the command as people use it. A pipe that every process of a run inherits proves that none is
left: its reader sees the end only when the last holder is gone.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from time import monotonic

import pytest

from framework0.runner import INTERRUPTED, Journal

GRACE = 1.0
LIMIT = GRACE + 2.0
"""Seconds from the signal to the end, as promised."""

PATIENCE = 60.0

STEPS = """
import ctypes, os, re, subprocess, time
from pathlib import Path

def note(word):
    with open("ledger", "a") as ledger:
        ledger.write(word + "\\n")

def work(shape):
    if Path("mended").exists():
        return "well"
    alive = int(os.environ["ALIVE"])
    # What a stuck step started must not outlive it either.
    subprocess.Popen(["sleep", "600"], pass_fds=[alive])
    os.write(alive, b"up")
    globals()[shape]()

def loop():
    while True:
        try:
            time.sleep(9)
        except BaseException:
            continue

def held_in_c():
    # Locking a mutex twice: a sleep would end at the first signal.
    mutex = ctypes.create_string_buffer(64)
    lock = ctypes.PyDLL(None).pthread_mutex_lock
    lock(mutex)
    lock(mutex)

def regex():
    re.match(r"(a|a)*$", "a" * 40 + "b")

def call():
    sum(range(10**12))

def bignum():
    pow(3, 7**4000000)
"""

RECIPE = """\
metadata: {{name: stuck}}
order: graph
steps:
  - {{name: before, module: stuck, function: note, args: [before]}}
  - {{name: work, module: stuck, function: work, args: {{shape: {shape}}}, depends_on: [before]}}
  - {{name: after, module: stuck, function: note, args: [after], depends_on: [work]}}
"""

# A step that leaves the interpreter free lets the run write its own end; the others cannot.
SHAPES = {
    "loop": "cancelled",
    "held_in_c": INTERRUPTED,
    "regex": INTERRUPTED,
    "call": INTERRUPTED,
    "bignum": INTERRUPTED,
}
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}


class Trial:
    """One stuck run: ended by a signal, looked at, and gone on with."""

    def __init__(self, folder, shape, number):
        self.folder, self.shape, self.number = folder, shape, number
        (folder / ".framework0").mkdir(parents=True)
        (folder / "stuck.py").write_text(STEPS)
        (folder / "recipe.yaml").write_text(RECIPE.format(shape=shape))

    def command(self, *words, **options):
        return subprocess.Popen(
            [sys.executable, "-m", "framework0", *words],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def play(self):
        """Return everything that a test wants to know, so that trials can run side by side."""
        reader, writer = os.pipe()
        try:
            return self._signalled(reader, writer) | self._gone_on()
        finally:
            os.close(reader)

    def _signalled(self, reader, writer):
        environment = {**os.environ, "ALIVE": str(writer)}
        process = self.command(
            "run",
            "recipe.yaml",
            "--json",
            "--grace",
            str(GRACE),
            env=environment,
            pass_fds=[writer],
        )
        os.close(writer)
        try:
            began = os.read(reader, 2) if ready(reader, PATIENCE) else b""
            sent = monotonic()
            process.send_signal(self.number)
            events, told = process.communicate(timeout=PATIENCE)
            seconds = monotonic() - sent
        finally:
            process.kill()
            process.wait()
        # The end of the pipe, at once: nobody holds it any more.
        nobody = ready(reader, 1.0) and os.read(reader, 1) == b""
        return {
            "began": began,
            "code": process.returncode,
            "seconds": seconds,
            "nobody left": nobody,
            "state": self._state(),
            "told": told,
            "acknowledged": acknowledged(events),
        }

    def _gone_on(self):
        (self.folder / "mended").touch()
        process = self.command("resume")
        said = process.communicate(timeout=PATIENCE)[1]
        return {
            "resumed": (process.returncode, self._state()),
            "resume said": said,
            "ledger": (self.folder / "ledger").read_text().split(),
        }

    def _state(self):
        journal = Journal(self.folder / ".framework0" / "journal.db")
        try:
            (run,) = journal.runs()
            journal.read(run.run_id)
            return run.state
        finally:
            journal.close()


def acknowledged(events):
    return [
        event["step"]
        for event in map(json.loads, events.splitlines())
        if event["event"] == "step_finished" and event["state"] == "succeeded"
    ]


def ready(descriptor, seconds):
    return bool(select.select([descriptor], [], [], seconds)[0])


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Every shape with every signal, a few at a time."""
    folder = tmp_path_factory.mktemp("stuck")
    trials = {
        (shape, number): Trial(folder / f"{shape}-{number}", shape, number)
        for shape, number in product(SHAPES, SIGNALS)
    }
    with ThreadPoolExecutor(3) as pool:
        return dict(zip(trials, pool.map(Trial.play, trials.values()), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_stuck_run_ends_on_time_tells_the_truth_and_goes_on(played, shape, number):
    seen = played[shape, number]
    assert seen["began"] == b"up", seen
    assert seen["code"] == SIGNALS[number], seen
    assert seen["seconds"] <= LIMIT, seen
    assert seen["nobody left"], seen
    assert seen["state"] == SHAPES[shape], seen
    assert "Traceback" not in seen["told"] + seen["resume said"], seen
    assert seen["resumed"] == (0, "succeeded"), seen
    # What was acknowledged does not run again. A step that holds the interpreter may have kept the end
    # of the one before it from being written, and then that one runs twice.
    again = [] if "before" in seen["acknowledged"] else ["before"]
    assert seen["ledger"] in (["before", "after"], ["before", *again, "after"]), seen
