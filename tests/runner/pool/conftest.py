"""A pool of warm workers, and steps that are written where they are tested."""

from __future__ import annotations

import os
from queue import SimpleQueue

import pytest

from framework0.logs import StepLog
from framework0.recipe import Policy, Step
from framework0.runner import Job
from framework0.runner.executors import PoolExecutor, ProcessExecutor


class PoolBench:
    """Gives steps to one pool and waits for what becomes of them."""

    def __init__(self, folder, reader_of=lambda _step: None):
        self.folder = folder
        self.executor = PoolExecutor([folder], ProcessExecutor([folder]), reader_of)
        self.count = 0

    def write(self, body, name="work"):
        (self.folder / f"{name}.py").write_text("import os, signal, sys, time\n" + body)

    def job(self, function, args=None, module="work", policy=None, **facts):
        self.count += 1
        step = Step(
            f"step {self.count}",
            self.count,
            module=module,
            function=function,
            policy=policy or Policy(),
        )
        job = Job("a-run", self.count, step.name, step, 1)
        job.args = args
        job.executor = self.executor
        job.log = StepLog(self.folder / f"{self.count}.log")
        for name, value in facts.items():
            setattr(job, name, value)
        return job

    def start(self, *jobs):
        ends = SimpleQueue()
        for job in jobs:
            self.executor.submit(job, lambda job, outcome: ends.put((job, outcome)))
        return ends

    def run(self, function, args=None, **facts):
        job = self.job(function, args, **facts)
        try:
            return self.start(job).get(timeout=60)[1]
        finally:
            job.log.close()

    def result(self, function, args=None, **facts):
        """Return the result of a step that has to succeed, opened if it came packed."""
        outcome = self.run(function, args, **facts)
        assert outcome.failure is None, outcome.failure
        return outcome.result

    def log(self, job):
        job.log.close()
        path = self.folder / f"{job.node}.log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def pool(tmp_path):
    bench = PoolBench(tmp_path)
    yield bench
    bench.executor.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A pool for all tests of a module that change nothing about it."""
    bench = PoolBench(tmp_path_factory.mktemp("pool"))
    yield bench
    bench.executor.close()


@pytest.fixture
def gate(tmp_path):
    """Return a maker of FIFOs: a step that opens one waits there for the test."""

    def make(name):
        path = tmp_path / name
        os.mkfifo(path)
        return str(path)

    return make
