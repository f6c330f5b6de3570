"""A workspace for untrusted runs, the command as a person types it, and functions run behind walls."""

from __future__ import annotations

import base64
import gc
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from framework0.runner.sandbox import filtering, landlock, limits, namespaces, root
from framework0.runner.sandbox.calls import LayerMissing
from framework0.runner.sandbox.entering import enter
from framework0.runner.sandbox.plan import plan_for
from framework0.runner.sandbox.probing import missing_layers

WALLS = (namespaces.LAYER, root.LAYER, limits.LAYER, landlock.LAYER, filtering.LAYER)

STEPS = """
import os, signal, socket, time
from pathlib import Path

def who():
    return os.getuid()

def fails_once():
    if not Path(__file__).with_name("mended").exists():
        raise ValueError("not yet")
    return os.getuid()

def prints_much():
    for _ in range(400):
        print("x" * 100_000)

def says_much():
    for name in os.listdir("/proc/self/fd"):
        try:
            line = socket.socket(fileno=os.dup(int(name)))
            line.sendall((70_000_000).to_bytes(4, "big") + bytes(1000))
        except OSError:
            continue
    time.sleep(60)

def variables():
    return dict(os.environ)

def waits(path=None):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.write(writing, b"x")
        time.sleep(600)
    os.read(reading, 1)
    print("waiting", flush=True)
    time.sleep(600)

def burns():
    while True:
        pass

def burns_on():
    signal.signal(signal.SIGXCPU, lambda *_: print("noted", flush=True))
    burns()

def gives(value):
    return value

def writes(path):
    Path(path).write_text("x")

def forks():
    count = 0
    while True:
        try:
            if os.fork() == 0:
                time.sleep(600)
        except OSError:
            return count
        count += 1

def takes():
    held = [bytearray(os.urandom(1 << 20)) for _ in range(600)]
    time.sleep(600)
"""


PATIENCE = 600
"""Seconds for what takes two, on a machine however busy."""


class Space:
    """A workspace with ``steps.py``, and the command run in it, without measuring coverage.

    What stands behind the walls is measured in ``test_walls.py``, and the command by other tests.
    """

    def __init__(self, folder):
        self.folder = folder
        (folder / "framework0.toml").write_text("")
        (folder / "steps.py").write_text(STEPS)

    def recipe(self, *steps, head=""):
        lines = "\n".join(f"  - {step}" for step in steps)
        (self.folder / "r.yaml").write_text(f"metadata: {{name: r}}\n{head}steps:\n{lines}\n")

    def command(self, *words, before=(), env=None):
        own = {
            name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")
        }
        return [*before, sys.executable, "-P", "-m", "framework0", *words], {
            "cwd": self.folder,
            "env": {**own, **(env or {})},
        }

    def run(self, *words, before=(), env=None):
        command, where = self.command(*words, before=before, env=env)
        return subprocess.run(
            command, **where, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def start(self, *words, before=(), env=None):
        command, where = self.command(*words, before=before, env=env)
        return subprocess.Popen(command, **where, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def plan(self, *missing):
        return plan_for(self.folder, self.folder / ".framework0", [], missing)


@pytest.fixture
def space(tmp_path):
    folder = tmp_path / "space"
    folder.mkdir()
    return Space(folder)


@cache
def _has_all_walls():
    with tempfile.TemporaryDirectory() as name:
        return not missing_layers(plan_for(Path(name), Path(name, ".framework0"), [], []))


@pytest.fixture
def has_all():
    """Whether this machine can put up all walls; it is asked once."""
    return _has_all_walls()


@pytest.fixture
def call():
    """The line of a recipe that calls a function of ``steps``."""

    def line(function, more="", name=None):
        name = name or function
        return f"{{name: {name}, idx: 1, type: python, module: steps, function: {function}{more}}}"

    return line


@pytest.fixture
def ended():
    """The end of a step, as ``--json`` told it."""

    def find(done, step):
        for line in done.stdout.splitlines():
            event = json.loads(line)
            if event["event"] == "step_finished" and event["step"] == step:
                return event
        raise AssertionError((done.stdout, done.stderr))

    return find


@pytest.fixture
def inside():
    """Run ``start`` in a forked process; it gets ``answer``, which runs functions and tells how each ended."""
    # What earlier tests have left of OpenTelemetry starts a thread in every child as long as it is not
    # collected, and a process with threads cannot leave its namespaces.
    gc.collect()

    def run(start):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            _be_inside(start, writing)
        os.close(writing)
        with open(reading, "rb") as told:
            text = told.read()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        found = [json.loads(line) for line in text.splitlines()]
        for one in found:
            _add_coverage(one.pop("covered", None))
        return SimpleNamespace(status=status, told=found, **(found[-1] if found else {}))

    return run


def _be_inside(start, writing):
    def answer(*functions):
        for number, function in enumerate(functions, 1):
            try:
                told = {"value": function(), "error": None}
            except OSError as error:
                told = {"value": None, "error": error.strerror or str(error)}
            if number == len(functions):
                told["covered"] = _coverage()
            os.write(writing, json.dumps(told).encode() + b"\n")

    try:
        start(answer)
    except LayerMissing as missing:
        os.write(writing, json.dumps({"layer": missing.layer, "why": missing.why}).encode() + b"\n")
    finally:
        os._exit(0)


@pytest.fixture
def behind(inside):
    """Run functions, one after another, behind the walls of a plan; return each one's value, or what kept it from it.

    What is returned has the value and the error of the last, and those of all in ``told``.
    """

    def run(plan, *functions):
        return inside(lambda answer: enter(plan, lambda: answer(*functions)))

    return run


def _coverage():
    """Return what this process has run of the code so far: no file can be written from in here."""
    measuring = sys.modules.get("coverage")
    current = measuring.Coverage.current() if measuring else None
    if current is None:
        return None
    # It is kept in memory from here on.
    current._data._no_disk = True
    current._data._choose_filename()
    return base64.b64encode(current.get_data().dumps()).decode()


def _add_coverage(text):
    if text is None:
        return
    from coverage import Coverage, CoverageData

    data = CoverageData(no_disk=True)
    data.loads(base64.b64decode(text))
    # What is bound aside is known by its own name out here.
    Coverage.current().get_data().update(data, map_path=lambda path: path.removeprefix(root.ASIDE))


@pytest.fixture
def ordinary():
    """What a command begins with to be run by an ordinary user, also where the tests are root's."""
    repository = Path(__file__).resolve().parents[3]
    needed = [os.path.realpath(one) for one in (sys.base_prefix, sys.prefix, repository)]
    return [sys.executable, str(Path(__file__).with_name("ordinary.py")), *needed, "--"]
