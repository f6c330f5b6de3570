"""Memory and cores of a step: what takes too much is ended and named, what does not is left alone."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys

import pytest

from framework0.recipe import Policy
from framework0.runner.processes.cores import Cores
from framework0.runner.processes.memory import OVER_MEMORY, MemoryWatch, _resident, _share

LIMIT = Policy(memory=120_000_000)
HOG = """
def step():
    announce("hog")
    kept = []
    # Less than what the kernel would refuse at once, however late somebody looks.
    while len(kept) < 400:
        kept.append(bytearray(b"x") * 1_000_000)
        time.sleep(0.001)
    time.sleep(600)
"""


@pytest.mark.slow
def test_a_step_over_its_memory_is_ended_and_told_the_limit_and_the_use(bench, alive):
    outcome = bench.run(HOG, policy=LIMIT, env={"ALIVE": alive.path})
    assert outcome.state == "failed"
    assert outcome.failure.kind == "memory"
    assert "more than its limit of 120 MB" in outcome.failure.message
    assert re.match(r"used \d+ MB of memory", outcome.failure.message)
    assert outcome.peak_memory > 120_000_000
    assert alive.gone_within()


@pytest.mark.slow
def test_children_that_ignore_sigterm_count_and_are_ended_at_once_with_the_step(bench, alive):
    body = """
def step():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    reading, writing = os.pipe()
    for number in range(3):
        if os.fork() == 0:
            os.setsid()
            announce("child")
            # Not before all are there.
            os.close(writing)
            os.read(reading, 1)
            kept = bytearray(b"x") * 55_000_000
            while True:
                time.sleep(60)
    os.close(writing)
    time.sleep(600)
"""
    outcome = bench.run(body, policy=LIMIT, env={"ALIVE": alive.path})
    assert outcome.failure.kind == "memory"
    assert "in 4 processes" in outcome.failure.message
    assert alive.gone_within()


@pytest.mark.slow
def test_memory_shared_after_a_fork_counts_once(bench):
    body = """
def step():
    shared = bytearray(b"x") * 60_000_000
    children = []
    for number in range(4):
        pid = os.fork()
        if pid == 0:
            time.sleep(0.4)
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    return len(shared)
"""
    assert bench.run(body, policy=LIMIT).result == 60_000_000


def test_far_too_much_at_once_is_refused_by_the_kernel_and_blamed_on_the_limit(bench):
    body = "\ndef step():\n    return len(bytearray(1 << 40))\n"
    outcome = bench.run(body, policy=LIMIT)
    assert outcome.failure.kind == "memory"
    assert "far more than its limit of 120 MB" in outcome.failure.message
    assert "MemoryError" in outcome.failure.bases


def test_a_memory_error_without_a_limit_is_the_steps_own(bench):
    outcome = bench.run("\ndef step():\n    raise MemoryError('mine')\n")
    assert (outcome.failure.kind, outcome.failure.message) == ("MemoryError", "mine")


@pytest.mark.slow
def test_a_command_is_limited_too(bench):
    code = "import time; kept = bytearray(b'x') * 150_000_000; time.sleep(60)"
    command = (sys.executable, "-c", code)
    outcome = bench.run(command=command, policy=Policy(memory=50_000_000))
    assert outcome.failure.kind == "memory"


def test_a_step_within_its_limits_is_as_any_other(bench):
    outcome = bench.run("\ndef step():\n    return 7\n", policy=Policy(memory=500_000_000, cpu=1))
    assert (outcome.state, outcome.result) == ("succeeded", 7)


def test_a_step_and_its_children_use_only_as_many_cores_as_they_may(bench):
    body = """
import subprocess
def step():
    code = "import os; print(len(os.sched_getaffinity(0)))"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return [len(os.sched_getaffinity(0)), int(child.stdout)]
"""
    assert bench.run(body, policy=Policy(cpu=1)).result == [1, 1]
    everything = len(os.sched_getaffinity(0))
    assert bench.run(body, policy=Policy(cpu=4096)).result == [everything] * 2


@pytest.mark.slow
def test_a_timeout_holds_for_a_step_with_a_memory_limit(bench):
    body = "\ndef step():\n    time.sleep(60)\n"
    outcome = bench.run(body, policy=LIMIT, timeout=0.3)
    assert outcome.state == "timed_out"


def test_cores_are_spread_over_the_steps():
    cores = Cores(available=[0, 1, 2, 3], first=2)
    assert cores.take(1) == [2]
    assert cores.take(2) == [3, 0]
    assert cores.take(1) == [1]
    cores.give_back([3, 0])
    assert cores.take(2) == [3, 0]
    assert sorted(cores.take(99)) == [0, 1, 2, 3]


def test_cores_are_those_this_process_may_use():
    assert set(Cores().take(10_000)) == os.sched_getaffinity(0)


def test_a_watch_looks_only_when_it_is_time():
    watch = MemoryWatch(limit=1)
    assert watch.until_next_look(None) <= 0.05
    assert watch.until_next_look(0.0) == 0.0
    watch._next += 3600.0
    assert watch.look() == ""


def test_a_watch_without_descendants_sees_nothing_and_reports_nothing():
    watch = MemoryWatch(limit=1 << 40)
    watch._next = 0.0
    assert watch.look() == ""
    report = {"peak_memory": 5}
    watch.add_to(report)
    assert report == {"peak_memory": max(5, watch.peak)}


def test_the_limit_of_the_kernel_is_not_raised_above_what_is_allowed(bench):
    body = """
import resource
def step():
    return list(resource.getrlimit(resource.RLIMIT_DATA))
"""
    soft, hard = bench.run(body, policy=LIMIT).result
    assert soft == hard == 2 * 120_000_000 + (1 << 30)
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] != soft


@pytest.fixture
def child():
    """A process below this one that holds 200 MB, more than any that runs steps."""
    code = "kept = bytearray(b'x') * 200_000_000; print('there', flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    yield process
    process.communicate(b"\n")


def test_what_a_child_holds_is_found_and_blamed_on_it(child):
    watch = MemoryWatch(limit=30_000_000)
    watch._next = 0.0
    assert watch.look() == OVER_MEMORY
    assert watch.found.largest_pid == child.pid
    assert 200_000_000 <= watch.found.largest <= watch.found.total == watch.peak
    assert watch.look() == "", "it is said once"
    report = {"peak_memory": 0}
    watch.add_to(report)
    assert report["memory"] == list(watch.found)


def test_the_exact_figure_is_at_most_the_quick_one(child):
    assert 200_000_000 <= _share(child.pid) <= _resident(child.pid)


def test_a_process_that_is_gone_uses_nothing():
    process = subprocess.Popen(["true"])
    process.wait()
    assert _share(process.pid) == _resident(process.pid) == 0
