"""A run ended from its terminal, in every way a person can: state, exit code, and nothing left.

The command runs on a pseudo-terminal of its own, in sessions as shells and terminals make them. A pipe
that every step holds, and what it starts, tells when all are at work and when the last of them is gone; with
it goes the shared memory, which has no name.
"""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from time import monotonic

import pytest

pytestmark = pytest.mark.usefixtures("unmeasured")

STEPS = """
import os, signal, time

def up():
    os.write(ALIVE, b"u")

def spin():
    while True:
        time.sleep(1)

ALIVE = os.open("alive", os.O_WRONLY)

def array():
    import numpy
    return numpy.ones(1_000_000)

def hold(value):
    up()
    spin()

def named(name):
    from multiprocessing import shared_memory
    segment = shared_memory.SharedMemory(name, create=True, size=1_000_000)
    up()
    spin()

def family():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if os.fork() == 0:
        spin()
    if os.fork() == 0:
        os.setsid()
        spin()
    up()
    spin()

def deaf():
    up()
    spin()
"""

RECIPE = """
metadata: {name: ended}
order: graph
steps:
  - {name: array, module: steps, function: array, executor: process}
  - name: hold
    module: steps
    function: hold
    args: {value: "${{ steps.array.result }}"}
    executor: process
    depends_on: [array]
  - {name: named, module: steps, function: named, args: {name: SEGMENT}, executor: process}
  - {name: family, module: steps, function: family, executor: process}
  - {name: shell, type: shell, shell: true, command: "exec 3>alive; sleep 600 & echo u >&3; sleep 600"}
"""

DEAF = "  - {name: deaf, module: steps, function: deaf}\n"


PATIENCE = 300
"""Seconds for what takes one, on a machine however busy."""

GRACE = "600"
"""Seconds of grace: what ends before they are over has not waited for them."""


class Place:
    """A workspace, and one command in it on a terminal of its own."""

    def __init__(self, folder, *, deaf):
        self.folder = folder
        self.segment = f"f0-{os.getpid()}-{monotonic():.6f}"
        (folder / "steps.py").write_text(STEPS)
        recipe = RECIPE.replace("SEGMENT", self.segment) + (DEAF if deaf else "")
        (folder / "ended.yaml").write_text(recipe)
        self.most = 5 if deaf else 4

    def start(self, *, shell=False):
        """Start ``framework0 run`` as the leader of a session, or beneath a shell that is."""
        os.mkfifo(self.folder / "alive")
        self.alive = os.open(self.folder / "alive", os.O_RDONLY | os.O_NONBLOCK)
        command = [sys.executable, "-m", "framework0", "run", "ended.yaml", "--grace", GRACE]
        if shell:
            # As a shell with job control does: the command has a process group of its own, and the
            # shell passes a hang-up on to it.
            command = [sys.executable, "-c", SHELL, *command]
        with warnings.catch_warnings():
            # Other threads may run in a worker of the tests; the child does nothing but exec.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(self.folder)
            os.environ |= {"TERM": "xterm", "COLUMNS": "100"}
            os.execv(sys.executable, command)
        seen = screen = b""
        begun = monotonic()
        while seen.count(b"u") < self.most:
            ready, _, _ = select.select([self.alive, self.terminal], [], [], PATIENCE)
            assert ready, (seen, screen)
            assert monotonic() - begun < PATIENCE, (seen, screen)
            # Read all along, for a terminal that nobody reads holds up those who write to it.
            screen += self.screen()
            if self.alive in ready:
                more = os.read(self.alive, 100)
                assert more, screen
                seen += more
        os.set_blocking(self.alive, True)

    def screen(self):
        """Return what has been drawn and not read yet."""
        seen = b""
        while select.select([self.terminal], [], [], 0)[0]:
            try:
                seen += os.read(self.terminal, 65536)
            except OSError:
                break
        return seen

    def wait(self, again=None):
        """Return the exit code; ``again`` is called every tenth of a second until the end."""
        while True:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            select.select([self.terminal] if self.terminal is not None else [], [], [], 0.1)
            if self.terminal is not None:
                self.screen()
            if again is not None:
                again()

    def close(self):
        os.close(self.terminal)
        self.terminal = None

    def all_gone(self):
        """Wait until the last process of a step is gone."""
        while os.read(self.alive, 4096):
            continue
        os.close(self.alive)
        if self.terminal is not None:
            self.close()

    def memory_gone(self):
        """Wait until the step's shared memory is gone: Python's own tracker removes it, a little later."""
        end = monotonic() + PATIENCE
        while Path("/dev/shm", self.segment).exists():
            assert monotonic() < end, "the shared memory of the step is left"
            time.sleep(0.01)

    def told(self):
        command = [sys.executable, "-m", "framework0", "show", "--json"]
        shown = subprocess.run(command, cwd=self.folder, capture_output=True, check=True)
        return json.loads(shown.stdout)


SHELL = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = subprocess.Popen(sys.argv[1:], process_group=0, close_fds=False)
os.tcsetpgrp(0, job.pid)
signal.signal(signal.SIGHUP, lambda *_: os.killpg(job.pid, signal.SIGHUP))
sys.exit(job.wait())
"""

WAYS = {
    "Ctrl-C": (130, lambda place: os.write(place.terminal, b"\x03")),
    "SIGTERM": (143, lambda place: os.kill(place.pid, signal.SIGTERM)),
    "SIGHUP": (143, lambda place: os.kill(place.pid, signal.SIGHUP)),
    "the terminal is closed": (143, Place.close),
    "the terminal of its shell is closed": (143, Place.close),
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_the_run_is_cancelled_in_time_and_nothing_is_left(tmp_path, way):
    code, end = WAYS[way]
    place = Place(tmp_path, deaf=False)
    place.start(shell="shell" in way)
    begun = monotonic()
    end(place)
    assert place.wait() == code
    place.all_gone()
    # These steps end a second after they are told, by SIGKILL, and nobody waits for the grace to be over.
    assert monotonic() - begun < PATIENCE
    told = place.told()
    assert told["state"] == "cancelled"
    states = {step["name"]: step["state"] for step in told["steps"]}
    assert states == {
        "array": "succeeded",
        "hold": "cancelled",
        "named": "cancelled",
        "family": "cancelled",
        "shell": "cancelled",
    }
    place.memory_gone()
    assert not [name for name in os.listdir("/dev/shm") if "framework0" in name]


@pytest.mark.slow
def test_the_second_ctrl_c_ends_what_the_first_could_not(tmp_path):
    place = Place(tmp_path, deaf=True)
    place.start()
    begun = monotonic()
    os.write(place.terminal, b"\x03")
    drawn = b""
    while b"stopping (SIGINT); again to stop at once" not in drawn:
        drawn += os.read(place.terminal, 65536)
    # Presses within a fifth of a second of the first are the same; the next one is the second.
    assert place.wait(lambda: os.write(place.terminal, b"\x03")) == 130
    place.all_gone()
    assert monotonic() - begun < PATIENCE
    told = place.told()
    assert told["state"] == "cancelled"
    (attempt,) = next(step for step in told["steps"] if step["name"] == "deaf")["attempts"]
    assert "second signal" in attempt["failure"]["message"]
    place.memory_gone()
    assert not [name for name in os.listdir("/dev/shm") if "framework0" in name]


READERS = [
    ("run", "many.yaml", "--json"),
    ("run", "many.yaml"),
    ("validate", "many.yaml"),
    ("plan", "many.yaml"),
    ("graph", "many.yaml"),
    ("show",),
    ("show", "--json"),
    ("runs",),
    ("schema",),
]


@pytest.mark.slow
def test_a_reader_that_leaves_ends_no_run_and_brings_no_traceback(tmp_path):
    (tmp_path / "steps.py").write_text("def quick(): return 1\n")
    lines = ["order: graph", "steps:"]
    lines += [f"  - {{name: s{n}, module: steps, function: quick}}" for n in range(600)]
    (tmp_path / "many.yaml").write_text("\n".join(lines))
    for words in READERS:
        command = [sys.executable, "-m", "framework0", *words]
        # Both streams go to a reader of one line, as with `2>&1 | head -1`, or only the first.
        for joined in (False, True):
            with (tmp_path / "errors").open("w+b") as file:
                process = subprocess.Popen(
                    command,
                    cwd=tmp_path,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT if joined else file,
                    # Nobody can leave all he has to say in there before the reader has left.
                    pipesize=4096,
                )
                process.stdout.readline()
                process.stdout.close()
                assert process.wait(PATIENCE) in (0, 141), words
                file.seek(0)
                errors = file.read()
            assert b"Traceback" not in errors, words
            assert b"Exception ignored" not in errors, words
        if words[0] == "run":
            command = [sys.executable, "-m", "framework0", "runs", "--json", "--limit", "1"]
            told = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
            assert json.loads(told.stdout)[0]["state"] == "succeeded"
