"""What only the loop executor has to fear: steps that share one event loop and can reach it."""

from __future__ import annotations

import asyncio
from queue import Empty, SimpleQueue

import pytest

from framework0.recipe import Step
from framework0.runner import CANCELLED, FAILED, SUCCEEDED, Job, Target, aperform
from framework0.runner.executors import LoopExecutor

PATIENCE = 30.0
"""Seconds after which a report that never came fails its test."""


class Loop:
    """A loop executor and the reports that came out of it."""

    def __init__(self):
        self.reports = SimpleQueue()
        self.executor = LoopExecutor(lambda job: aperform(job, job.target))
        self.jobs = 0

    def job(self, call):
        step = Step(f"s{self.jobs}", self.jobs, module="m", function="f")
        job = Job("a-run", self.jobs, step.name, step, 1)
        job.target = Target(call)
        self.jobs += 1
        return job

    def submit(self, job, *following):
        queue = list(following)

        def report(reported, outcome):
            self.reports.put((reported, outcome))
            return queue.pop(0) if queue else None

        self.executor.submit(job, report)
        return job

    def report(self):
        return self.reports.get(timeout=PATIENCE)


@pytest.fixture
def loop():
    loop = Loop()
    yield loop
    loop.executor.close()


async def well():
    await asyncio.sleep(0)
    return "well"


async def for_ever():
    await asyncio.Event().wait()


def test_a_job_stopped_before_its_first_line_is_reported(loop):
    job = loop.job(for_ever)
    # The loop is held meanwhile, so it finds both the start and the stop when it goes on.
    held, go = SimpleQueue(), SimpleQueue()
    loop.executor._loop.call_soon_threadsafe(lambda: (held.put(1), go.get()))
    held.get(timeout=PATIENCE)
    loop.submit(job)
    assert loop.executor.stop(job, CANCELLED)
    go.put(1)
    reported, outcome = loop.report()
    assert (reported, outcome.state) == (job, CANCELLED)
    assert outcome.failure.message == "the step was told to stop"


@pytest.mark.parametrize("leaving", [SystemExit(4), KeyboardInterrupt()], ids=repr)
def test_a_task_started_by_a_step_cannot_stop_the_loop_of_the_others(loop, leaving):
    other = loop.submit(loop.job(for_ever))

    async def leave():
        raise leaving

    async def step():
        await asyncio.create_task(leave())

    loop.submit(loop.job(step))
    _, outcome = loop.report()
    assert (outcome.state, outcome.failure.kind) == (FAILED, type(leaving).__name__)
    # The other step still waits, and can still be reached.
    loop.executor.stop(other, CANCELLED)
    reported, outcome = loop.report()
    assert (reported, outcome.state) == (other, CANCELLED)


def test_a_callback_that_leaves_cannot_stop_the_loop_either(loop):
    def leave():
        raise SystemExit(4)

    async def step():
        asyncio.get_running_loop().call_soon(leave)
        return await well()

    loop.submit(loop.job(step), loop.job(well))
    assert [loop.report()[1].state for _ in "ab"] == [SUCCEEDED, SUCCEEDED]


def test_a_step_that_cancels_its_own_task_harms_no_later_one(loop):
    async def step():
        asyncio.current_task().cancel()

    first, second = loop.job(step), loop.job(well)
    loop.submit(first, second)
    assert loop.report()[0] is first
    reported, outcome = loop.report()
    assert (reported, outcome.result) == (second, "well")


def test_a_mistake_of_ours_is_reported_instead_of_lost():
    async def broken(job):
        raise ZeroDivisionError("a bug")

    reports = SimpleQueue()
    executor = LoopExecutor(broken)
    job = Job("a-run", 0, "s", Step("s", 0, module="m", function="f"), 1)
    executor.submit(job, lambda job, outcome: reports.put(outcome))
    outcome = reports.get(timeout=PATIENCE)
    executor.close()
    assert (outcome.state, outcome.failure.kind) == (FAILED, "ZeroDivisionError")


def test_closing_gives_up_what_still_runs_and_hands_on_nothing(loop):
    began = SimpleQueue()

    async def step():
        began.put(1)
        await for_ever()

    loop.submit(loop.job(step), loop.job(well))
    began.get(timeout=PATIENCE)
    loop.executor.close()
    loop.executor.close()
    assert not loop.executor._thread.is_alive()
    with pytest.raises(Empty):
        loop.reports.get_nowait()
