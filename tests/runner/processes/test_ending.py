"""A timeout and a stop end the step and all it started, whatever it does against it."""

from __future__ import annotations

import itertools
import operator
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import framework0
from framework0.runner import CANCELLED, FAILED, SUCCEEDED, TIMED_OUT
from framework0.runner.processes.tree import TERM_GRACE
from tests.runner.processes.conftest import PATIENCE, sooner_or_later

pytestmark = pytest.mark.usefixtures("unmeasured")

STUCK = {
    "sleep": "def step(): announce('up'); time.sleep(600)",
    "C that holds the interpreter": """
import ctypes
def step():
    announce('up')
    mutex = ctypes.create_string_buffer(64)
    lock = ctypes.PyDLL(None).pthread_mutex_lock
    lock(mutex); lock(mutex)
""",
    "regex": "import re\ndef step(): announce('up'); re.match(r'(a|a)*$', 'a' * 40 + 'b')",
    "bignum": "def step(): announce('up'); pow(3, 7**4000000)",
    "ignores SIGTERM": """
def step():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    announce('up')
    while True: time.sleep(60)
""",
    "stopped itself": "def step(): announce('up'); os.kill(os.getpid(), signal.SIGSTOP)",
    "reads a FIFO nobody writes": """
def step():
    os.mkfifo('never'); announce('up'); os.open('never', os.O_RDONLY)
""",
    "swallows every exception": """
def step():
    announce('up')
    while True:
        try: time.sleep(60)
        except BaseException: continue
""",
}
TIMEOUT = 0.5


@pytest.mark.slow
def test_stuck_steps_time_out_and_are_gone_a_grace_later(bench, make_alive, tmp_path):
    waiting = {}
    for number, (shape, body) in enumerate(STUCK.items()):
        alive = make_alive(f"alive {number}")
        (tmp_path / str(number)).mkdir()
        job = bench.job(
            body, env={"ALIVE": alive.path}, timeout=TIMEOUT, cwd=str(tmp_path / str(number))
        )
        waiting[shape] = (alive, bench.start(job))
    for shape, (alive, outcomes) in waiting.items():
        outcome = outcomes.get(timeout=PATIENCE)
        assert (shape, outcome.state, outcome.failure.kind) == (shape, TIMED_OUT, "timeout")
        assert outcome.failure.message == "ran longer than its timeout of 0.5 s"
        # Left alone they would take ten minutes; how soon it is over is measured in ``benchmarks``.
        assert TIMEOUT <= outcome.seconds < TIMEOUT + TERM_GRACE + 60.0, shape
        assert alive.gone_within(), shape


FAMILY = """
def spin():
    while True: time.sleep(1)

def step():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        announce("child"); spin()
    if os.fork() == 0:
        os.setsid(); announce("session"); spin()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            announce("daemon"); spin()
        os._exit(0)
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        announce("racer")
        # It gives up when the test is over, should that fail to end it.
        while os.path.exists(os.environ["ALIVE"]):
            if os.fork(): os._exit(0)
            os.setsid(); time.sleep(.001)
        os._exit(0)
    announce("step")
    spin()
"""
MEMBERS = ("child", "session", "daemon", "racer", "step")
TRIALS = 40
AT_A_TIME = 8


@pytest.mark.slow
def test_forty_cancels_leave_no_survivor(bench, make_alive):
    survivors = []
    for batch in range(TRIALS // AT_A_TIME):
        trials = []
        for number in range(AT_A_TIME):
            alive = make_alive(f"alive {batch} {number}")
            job = bench.job(FAMILY, env={"ALIVE": alive.path})
            trials.append((job, alive, bench.start(job)))
        for job, alive, _ in trials:
            alive.wait_for(MEMBERS)
            assert bench.executor.stop(job, CANCELLED)
        for job, alive, outcomes in trials:
            outcome = outcomes.get(timeout=PATIENCE)
            assert outcome.state == CANCELLED
            assert outcome.failure.kind == "cancelled"
            if not alive.gone_within():
                survivors.append(job.name)
    assert survivors == []


@pytest.mark.parametrize("bench", ["alone"], indirect=True)
def test_the_negative_control_a_group_kill_leaves_survivors(bench, alive):
    """What the executor must do better than: killing the group misses those that left it."""
    job = bench.job(FAMILY.replace('announce("step")', 'announce(f"step {os.getpid()}")'))
    job.env = {"ALIVE": alive.path}
    program = f"import sys; sys.path.insert(0, {str(bench.folder)!r}); from {job.step.module} import step; step()"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "ALIVE": alive.path},
        start_new_session=True,
    )
    alive.wait_for(MEMBERS)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    left = not alive.gone_within(0.2)
    for found in Path("/proc").glob("[0-9]*/environ"):
        try:
            if alive.path.encode() in found.read_bytes():
                os.kill(int(found.parent.name), signal.SIGKILL)
        except OSError:
            continue
    assert left


def test_a_second_stop_does_not_wait_for_the_grace(bench, make_alive):
    def attempt():
        alive = make_alive()
        job = bench.job(STUCK["ignores SIGTERM"], env={"ALIVE": alive.path})
        outcomes = bench.start(job)
        alive.wait_for(["up"])
        begin = time.monotonic()
        assert bench.executor.stop(job, CANCELLED)
        bench.executor.stop(job, CANCELLED)
        assert outcomes.get(timeout=PATIENCE).state == CANCELLED
        assert bench.executor.stop(job, CANCELLED) is False
        return time.monotonic() - begin < TERM_GRACE

    sooner_or_later(attempt)


def test_a_stopped_step_runs_its_teardown_and_its_finally(bench, make_alive):
    body = """
from scriptlets.framework import BaseScriptlet
class step(BaseScriptlet):
    def run(self, context, params):
        try: announce("up"); time.sleep(600)
        finally: print("finally", self.cancelled)
    def teardown(self, context, params):
        context.set("torn", "down")
"""

    def attempt():
        alive = make_alive()
        job = bench.job(body, env={"ALIVE": alive.path})
        outcomes = bench.start(job)
        alive.wait_for(["up"])
        bench.executor.stop(job, CANCELLED)
        assert outcomes.get(timeout=PATIENCE).state == CANCELLED
        return (job.context, bench.log()) == ({"torn": "down"}, "finally True\n")

    # It has the time of grace for that, which a busy machine may spend on others.
    sooner_or_later(attempt)


def test_a_step_that_finishes_on_its_way_out_has_finished(bench, make_alive):
    body = """
from framework0.errors import StepCancelled
def step():
    try: announce("up"); time.sleep(600)
    except StepCancelled: return "done all the same"
"""

    def attempt():
        alive = make_alive()
        job = bench.job(body, env={"ALIVE": alive.path})
        outcomes = bench.start(job)
        alive.wait_for(["up"])
        bench.executor.stop(job, CANCELLED)
        outcome = outcomes.get(timeout=PATIENCE)
        return (outcome.state, outcome.result) == (SUCCEEDED, "done all the same")

    sooner_or_later(attempt)


def test_a_stop_can_be_a_timeout_kept_by_the_caller(bench, alive):
    job = bench.job(STUCK["sleep"], env={"ALIVE": alive.path})
    outcomes = bench.start(job)
    alive.wait_for(["up"])
    bench.executor.stop(job, TIMED_OUT)
    assert outcomes.get(timeout=PATIENCE).state == TIMED_OUT


def test_a_job_stopped_before_its_process_exists_is_cancelled(bench):
    job = bench.job(STUCK["sleep"].replace("announce('up');", ""))
    outcomes = bench.start(job)
    assert bench.executor.stop(job, CANCELLED)
    assert outcomes.get(timeout=PATIENCE).state == CANCELLED


def test_a_command_that_times_out_takes_its_pipeline_with_it(bench, make_alive):
    command = 'exec 9>"$ALIVE"; echo up >&9; echo so far; (trap "" TERM; sleep 600) | cat'
    timeouts = itertools.accumulate(itertools.repeat(2.0), operator.mul, initial=TIMEOUT)

    def attempt():
        alive = make_alive()
        outcome = bench.run(command=command, env={"ALIVE": alive.path}, timeout=next(timeouts))
        assert outcome.state == TIMED_OUT
        assert alive.gone_within()
        # Its time may be over before it has come to that.
        return bench.log() == "so far\n"

    sooner_or_later(attempt)


def test_what_a_finished_step_left_running_is_ended(bench, alive):
    command = (
        '(exec 9>"$ALIVE"; echo up >&9; exec setsid sleep 600) & read x < /dev/null; echo over'
    )
    outcome = bench.run(command=command, env={"ALIVE": alive.path})
    assert outcome.result == {"exit_code": 0, "stdout": "over"}
    assert alive.gone_within()


def test_shared_memory_of_a_finished_step_is_cleaned_up_by_its_own_tracker(bench):
    body = """
from multiprocessing.shared_memory import SharedMemory
def step():
    return SharedMemory(create=True, size=1000).name
"""
    name = bench.run(body).result
    assert not Path("/dev/shm", name.lstrip("/")).exists()


def test_a_killed_keeper_ends_its_steps_and_the_next_step_gets_a_new_one(own_bench, alive):
    bench = own_bench
    job = bench.job(FAMILY, env={"ALIVE": alive.path})
    outcomes = bench.start(job)
    alive.wait_for(MEMBERS)
    os.kill(bench.keeper().pid(), signal.SIGKILL)
    outcome = outcomes.get(timeout=PATIENCE)
    assert outcome.state == FAILED
    assert "keeper" in outcome.failure.message
    assert alive.gone_within()
    assert bench.run("def step(): return 1").result == 1


def test_a_killed_supervisor_ends_its_step_and_only_that(bench, make_alive):
    one, other = make_alive("one"), make_alive("other")
    family = FAMILY.replace('announce("step")', 'announce(f"step {os.getppid()}")')
    doomed = bench.start(bench.job(family, env={"ALIVE": one.path}))
    spared_job = bench.job(FAMILY, env={"ALIVE": other.path})
    spared = bench.start(spared_job)
    one.wait_for(MEMBERS)
    other.wait_for(MEMBERS)
    words = one.said.decode().split()
    os.kill(int(words[words.index("step") + 1]), signal.SIGKILL)
    outcome = doomed.get(timeout=PATIENCE)
    assert outcome.state == FAILED
    assert "supervisor" in outcome.failure.message
    assert one.gone_within()
    assert spared.empty()
    assert not other.gone_within(0)
    bench.executor.stop(spared_job, CANCELLED)
    assert spared.get(timeout=PATIENCE).state == CANCELLED


def test_closing_the_executor_ends_what_still_runs(own_bench, alive):
    bench = own_bench
    outcomes = bench.start(bench.job(FAMILY, env={"ALIVE": alive.path}))
    alive.wait_for(MEMBERS)
    bench.executor.close()
    assert alive.gone_within()
    assert outcomes.get(timeout=PATIENCE).state == FAILED


def test_a_helper_that_a_thread_forked_does_not_keep_steps_alive(own_bench, alive):
    """multiprocessing's forked workers must not hold the lines by which steps notice the runner's end."""
    import warnings

    bench = own_bench
    outcomes = bench.start(bench.job(STUCK["sleep"], env={"ALIVE": alive.path}))
    alive.wait_for(["up"])
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    bench.executor.close()
    assert alive.gone_within()
    assert outcomes.get(timeout=PATIENCE).state == FAILED
    os.close(write)
    os.close(read)
    os.waitpid(pid, 0)


RUNNER = """
import os, sys
sys.path.insert(0, {folder!r})
from framework0.recipe import Step
from framework0.runner import Job
from framework0.runner.executors.process import ProcessExecutor
from framework0.runner.warden import guarded
from threading import Event

def main():
    executor = ProcessExecutor([{folder!r}])
    job = Job("r", 0, "s", Step("s", 0, module="module_1", function="step"), 1)
    done = Event()
    executor.submit(job, lambda job, outcome: done.set())
    os.write(1, b"%d\\n" % os.getpid())
    done.wait()
    return 0

raise SystemExit(guarded(main, 1.0))
"""


@pytest.mark.slow
@pytest.mark.parametrize("own_bench", ["alone"], indirect=True)
@pytest.mark.parametrize("victim", ["warden", "runner"])
def test_a_killed_warden_or_runner_leaves_nothing_alive(own_bench, make_alive, victim):
    own_bench.job(FAMILY)
    for _ in range(2):
        alive = make_alive()
        process = subprocess.Popen(
            [sys.executable, "-c", RUNNER.format(folder=str(own_bench.folder))],
            env={**os.environ, "ALIVE": alive.path},
            cwd=Path(framework0.__file__).parents[1],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with process.stdout as output:
            runner = int(output.readline())
            alive.wait_for(MEMBERS)
            os.kill(process.pid if victim == "warden" else runner, signal.SIGKILL)
            assert alive.gone_within()
            assert process.wait(PATIENCE) == (-9 if victim == "warden" else 137)
