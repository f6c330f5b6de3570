"""One executor, real processes, and a way to know what is alive: a FIFO that every process of a step holds."""

from __future__ import annotations

import os
import select
from queue import SimpleQueue
from time import monotonic

import pytest

from framework0.logs import StepLog
from framework0.recipe import Policy, Step
from framework0.runner import Job
from framework0.runner.executors.pool import PoolExecutor
from framework0.runner.executors.process import ProcessExecutor

STEPS = '''
import os, sys, signal, time

def announce(word):
    """Hold the FIFO open from now on, and say so: its reader sees the end when the last holder is gone."""
    global held
    held = os.open(os.environ["ALIVE"], os.O_WRONLY)
    os.write(held, word.encode() + b"\\\\n")
'''.replace("\\\\", "\\")


PATIENCE = 300.0
"""Seconds for what takes one, on a machine however busy."""


class PlainContext(dict):
    """A dictionary with the calls of a step's context, and a record of them in order."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def get(self, key, default=None):
        self.calls.append(("get", key))
        return dict.get(self, key, default)

    def set(self, key, value):
        self.calls.append(("set", key, value))
        self[key] = value
        return len(self.calls)

    def delete(self, key):
        self.calls.append(("delete", key))
        return self.pop(key, None) is not None

    def keys(self, pattern="*"):
        self.calls.append(("keys", pattern))
        return sorted(dict.keys(self))


class Alive:
    """The reading end of a FIFO whose path is in ``ALIVE`` of a step's environment."""

    def __init__(self, path):
        self.path = str(path)
        os.mkfifo(self.path)
        self._file = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.said = b""

    def wait_for(self, words, seconds=PATIENCE):
        """Wait until all of ``words`` were announced."""
        until = monotonic() + seconds
        while not set(words) <= set(self.said.decode().split()):
            assert monotonic() < until, self.said
            self._read(until - monotonic())

    def gone_within(self, seconds=PATIENCE):
        """Tell whether every process that announced itself is gone in time; whoever did not is none."""
        # The end is told to a reader only once there has been a writer.
        os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))
        until = monotonic() + seconds
        while True:
            if self._read(max(0.0, until - monotonic())):
                return True
            if monotonic() >= until:
                return False

    def _read(self, seconds):
        poll = select.poll()
        poll.register(self._file, select.POLLIN)
        if poll.poll(int(seconds * 1000)):
            part = os.read(self._file, 4096)
            self.said += part
            return not part
        return False

    def close(self):
        os.close(self._file)
        os.unlink(self.path)


def sooner_or_later(attempt):
    """Try until ``attempt()`` is true: what must be over within a second may take a busy machine two."""
    until = monotonic() + PATIENCE
    while not attempt():
        assert monotonic() < until


class Bench:
    """Runs steps of one workspace on a process executor and waits for their outcomes."""

    def __init__(self, folder, kind="alone"):
        self.folder = folder
        self.kind = kind
        self.executor = ProcessExecutor([folder])
        if kind == "pool":
            self.executor = PoolExecutor([folder], self.executor, lambda _step: None)
        self._count = 0

    def job(self, body=None, *, command=None, args=None, policy=None, **facts):
        """Return a job that calls ``step`` of a new module with this body, or that runs a command."""
        self._count += 1
        module = f"module_{self._count}"
        if body is not None:
            (self.folder / f"{module}.py").write_text(STEPS + body)
        kind = "python" if command is None else "shell"
        step = Step(
            f"step {self._count}",
            0,
            kind=kind,
            module=module,
            function="step",
            policy=policy or Policy(),
        )
        job = Job("a-run", 0, step.name, step, 1)
        job.args, job.command = args, command
        job.context = PlainContext()
        job.log = StepLog(self.folder / f"{module}.log")
        for name, value in facts.items():
            setattr(job, name, value)
        return job

    def start(self, job):
        """Submit a job; return the queue its outcome will come from."""
        outcomes = SimpleQueue()
        self.executor.submit(job, lambda _job, outcome: outcomes.put(outcome))
        return outcomes

    def run(self, body=None, **facts):
        """Run one job to its end; return its outcome."""
        job = self.job(body, **facts)
        try:
            return self.start(job).get(timeout=PATIENCE)
        finally:
            job.log.close()

    def log(self):
        """Return what the latest job printed."""
        return self.log_file().read_text() if self.log_file().exists() else ""

    def log_file(self):
        return self.folder / f"module_{self._count}.log"

    def keeper(self):
        """Return what starts the processes."""
        pool = getattr(self.executor, "_pool", None)
        return self.executor._keeper if pool is None else pool.keeper()


# ``alone`` is a fresh process for each attempt, ``pool`` the warm workers.
KINDS = ["alone", "pool"]


@pytest.fixture(scope="module", params=KINDS)
def bench(request, tmp_path_factory):
    """What runs steps, for all tests of a module."""
    bench = Bench(tmp_path_factory.mktemp(request.param), request.param)
    yield bench
    bench.executor.close()


@pytest.fixture(params=KINDS)
def own_bench(request, tmp_path):
    """What runs steps, for this test alone."""
    bench = Bench(tmp_path, request.param)
    yield bench
    bench.executor.close()


@pytest.fixture
def alive(tmp_path):
    alive = Alive(tmp_path / "alive")
    yield alive
    alive.close()


@pytest.fixture
def make_alive(tmp_path):
    made = []

    def make(name=None):
        made.append(Alive(tmp_path / (name or f"alive {len(made)}")))
        return made[-1]

    yield make
    for alive in made:
        alive.close()
