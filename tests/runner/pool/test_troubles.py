"""What can go wrong around the workers: no descriptor left, a broken report, words that are none, ends at once."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections import Counter
from contextlib import contextmanager
from queue import Empty
from threading import Event

import numpy as np
import pytest

from framework0.runner import CANCELLED, FAILED, SUCCEEDED, TIMED_OUT
from framework0.runner.pool import crew as crew_module
from framework0.runner.pool import usage as usage_module
from framework0.runner.pool import wire
from framework0.runner.pool.attempt import Attempt
from framework0.runner.pool.output import Output
from framework0.runner.pool.usage import Usage

WAITS = """
def wait(path):
    with open(path) as pipe: return pipe.read()
def give(value=None): return value
def pid(): return os.getpid()
"""


def open_gate(path):
    with open(path, "w") as pipe:
        pipe.write("go")


@contextmanager
def no_more_descriptors(spare=0):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(int(name) for name in os.listdir("/proc/self/fd"))
    low = [os.dup(0) for _ in range(most)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(low) + 1, limits[1]))
    for _ in range(spare):
        os.close(low.pop())
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in low:
            os.close(descriptor)


def members(pool):
    return pool.executor._pool._crew.members


def test_without_a_descriptor_for_a_worker_the_step_fails_and_says_so(pool):
    pool.write(WAITS)
    with no_more_descriptors():
        outcome = pool.run("pid")
    assert (outcome.state, outcome.failure.kind) == (FAILED, "OSError")
    assert "the step's process cannot be started" in outcome.failure.message
    assert "Too many open files" in outcome.failure.message
    assert pool.run("pid").state == SUCCEEDED


def test_a_worker_that_cannot_be_added_leaves_the_job_to_those_at_work(pool, gate):
    pool.write(WAITS)
    pool.result("pid")
    path = gate("gate")
    slow = pool.start(pool.job("wait", {"path": path}))
    with no_more_descriptors():
        behind = pool.start(pool.job("give", {"value": 7}, timeout=300.0))
        with pytest.raises(Empty):
            behind.get(timeout=0.2)
    open_gate(path)
    assert slow.get(timeout=60)[1].result == "go"
    assert behind.get(timeout=60)[1].result == 7


def test_what_a_failed_start_has_opened_is_closed_again(pool):
    pool.write(WAITS)
    pool.result("pid")
    before = len(os.listdir("/proc/self/fd"))
    crew = pool.executor._pool._crew
    for spare in range(8):
        with (
            no_more_descriptors(spare),
            pytest.raises(OSError, match="Too many open files"),
        ):
            crew.start(None)
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_report_may_submit_the_next_job(pool):
    pool.write(WAITS)
    ends = []
    over = Event()

    def report(job, outcome):
        ends.append(outcome.result)
        if len(ends) < 5:
            pool.executor.submit(pool.job("give", {"value": len(ends)}), report)
        else:
            over.set()

    pool.executor.submit(pool.job("give", {"value": 0}), report)
    assert over.wait(60)
    assert ends == [0, 1, 2, 3, 4]


def test_a_report_may_close_the_pool(pool):
    pool.write(WAITS)
    closed = Event()

    def report(_job, _outcome):
        pool.executor._pool.close()
        closed.set()

    pool.executor.submit(pool.job("pid"), report)
    assert closed.wait(60)
    pool.executor._pool._thread.join(60)
    assert pool.run("pid").failure.message == "the run is over"


def test_a_pool_closed_before_its_first_job_takes_none(pool):
    pool.write(WAITS)
    pool.executor.close()
    outcome = pool.run("pid")
    assert (outcome.state, outcome.failure.message) == (FAILED, "the run is over")


def test_a_worker_started_ahead_is_the_one_that_is_used(pool):
    pool.write(WAITS)
    pool.executor.start()
    pids = {pool.result("pid") for _ in range(3)}
    assert len(pids) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_when_the_pool_itself_breaks_no_job_is_waited_for_for_ever(pool, gate):
    pool.write(WAITS)
    pool.result("pid")
    slow = pool.start(pool.job("wait", {"path": gate("gate")}))

    def report(_job, _outcome):
        raise RuntimeError("a bug of ours")

    pool.executor.submit(pool.job("pid"), report)
    outcome = slow.get(timeout=60)[1]
    assert outcome.state == FAILED
    assert outcome.failure.message == "the pool of processes broke: RuntimeError('a bug of ours')"
    assert pool.run("pid").failure == outcome.failure


def test_what_a_step_writes_into_our_sockets_fails_that_step_alone(pool):
    pool.write(
        WAITS + "import stat\n"
        "def scribble():\n"
        "    for each in range(3, 200):\n"
        "        try:\n"
        "            if stat.S_ISSOCK(os.fstat(each).st_mode): os.write(each, b'\\xff' * 4000)\n"
        "        except OSError: pass\n"
        "    time.sleep(60)\n"
    )
    outcome = pool.run("scribble")
    assert outcome.state in {FAILED, CANCELLED}
    assert outcome.failure is not None
    assert pool.result("give", {"value": 1}) == 1


def test_a_step_that_kills_its_supervisor_is_told_so_and_nobody_waits(pool):
    pool.write(WAITS + "def kill():\n    os.kill(os.getppid(), 9)\n    time.sleep(60)\n")
    outcome = pool.run("kill")
    assert outcome.state == FAILED
    assert "supervisor of the step was killed" in outcome.failure.message
    assert pool.result("give", {"value": 1}) == 1


def test_a_queue_that_is_full_says_so_and_gives_back_all_that_is_in_it(pool, gate):
    pool.write(WAITS)
    pool.result("pid")
    path = gate("gate")
    ends = pool.start(pool.job("wait", {"path": path}))
    with open(path, "w") as pipe:
        # The step has begun, and the pool leaves its worker alone meanwhile.
        member = at_work(pool)
        members(pool).remove(member)
        attempts = []
        while True:
            job = pool.job("give", {"value": "x" * 30_000})
            attempts.append(Attempt(job, lambda _job, _outcome: None))
            if not member.give(attempts[-1]):
                break
            assert len(attempts) < 1_000
        assert len(attempts) > 2
        assert member.take_back() == attempts[:-1]
        members(pool).append(member)
        pipe.write("go")
    assert ends.get(timeout=60)[1].result == "go"


def at_work(pool):
    # The step can begin before the pool has noted whom it was given to.
    while not (found := [each for each in members(pool) if each.given]):
        os.sched_yield()
    return found[0]


def test_what_has_timed_out_took_no_less_than_its_timeout(pool):
    pool.write("def stay(): time.sleep(600)\n")
    ends = pool.start(pool.job("stay", timeout=0.3))
    # As if the pool had been the last to hear that the step has begun.
    at_work(pool).since += 3600.0
    outcome = ends.get(timeout=60)[1]
    assert (outcome.state, outcome.failure.kind) == (TIMED_OUT, "timeout")
    assert outcome.seconds >= 0.3


def test_many_large_arguments_at_once_are_all_there(pool):
    pool.write(WAITS)
    pool.result("pid")
    texts = [f"{number:05d}" * 6_000 for number in range(60)]
    ends = pool.start(*(pool.job("give", {"value": text}) for text in texts))
    assert Counter(ends.get(timeout=60)[1].result for _ in texts) == Counter(texts)


def test_more_large_values_than_one_message_carries_fail_the_step_with_the_reason(pool):
    pool.write("def count(values): return len(values)\n")
    outcome = pool.run("count", {"values": [np.ones(10_000) for _ in range(65)]})
    assert (outcome.state, outcome.failure.kind) == (FAILED, "args")
    assert "more than 64 large values in one step's arguments" in outcome.failure.message
    assert pool.result("count", {"values": [np.ones(10_000) for _ in range(64)]}) == 64


@pytest.mark.slow
def test_at_the_end_what_waits_is_cancelled_and_what_runs_is_ended(pool, gate, monkeypatch):
    monkeypatch.setattr(crew_module, "MOST", 1)
    pool.write(WAITS)
    path = gate("gate")
    ends = pool.start(*(pool.job("wait", {"path": path}) for _ in range(8)))
    # All have been handed out as far as they go when one whose turn has come is stopped.
    last = pool.job("pid", timeout=60.0)
    stopped = pool.start(last)
    assert pool.executor.stop(last, CANCELLED)
    assert stopped.get(timeout=60)[1].state == CANCELLED
    pool.executor.close()
    states = Counter(ends.get(timeout=60)[1].state for _ in range(8))
    assert sum(states.values()) == 8
    assert states[SUCCEEDED] == 0
    assert states[CANCELLED] >= 4


def test_stopping_a_step_whose_leftovers_are_being_ended_does_not_stop_another(pool):
    pool.write(
        WAITS + "def leave():\n"
        "    if os.fork() == 0:\n"
        "        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "        while True: time.sleep(9)\n"
        "    return 'done'\n"
    )
    found = None
    while found is None:
        job = pool.job("leave")
        ends = pool.start(job)
        # It takes a second, in which a busy machine may not come to look.
        found = one_being_dismissed(pool, ends)
        if found is not None:
            assert found.take_back() == []
            pool.executor.stop(job, CANCELLED)
        assert ends.get(timeout=60)[1].result == "done"
    assert pool.result("give", {"value": 2}) == 2


def one_being_dismissed(pool, ends):
    while ends.empty():
        for each in list(members(pool)):
            if each.given and not each.fit:
                return each
        time.sleep(0.002)
    return None


@pytest.mark.parametrize(
    ("facts", "kind", "text"),
    [
        ({"cwd": "/nowhere"}, "FileNotFoundError", "the step's folder '/nowhere' cannot be"),
        ({"module": "nothing"}, "framework0.errors.", "nothing"),
        ({"module": "broken"}, "framework0.errors.", "ZeroDivisionError: division by zero"),
    ],
)
def test_what_cannot_be_begun_says_why_and_the_worker_goes_on(pool, facts, kind, text):
    pool.write(WAITS)
    pool.write("1 / 0\n", "broken")
    before = pool.result("pid")
    outcome = pool.run("pid", **facts)
    assert outcome.state == FAILED
    assert outcome.failure.kind.startswith(kind)
    assert text in outcome.failure.message
    assert pool.result("pid") == before


def test_a_step_finds_its_own_variables_and_folder_and_the_next_does_not(pool, tmp_path):
    pool.write("def look(): return [os.environ.get('MINE'), os.getcwd()]\n")
    before = pool.result("look")
    assert pool.result("look", env={"MINE": "1"}, cwd=str(tmp_path)) == ["1", str(tmp_path)]
    assert pool.result("look") == before


def test_a_fork_that_comes_back_out_of_the_step_performs_nothing_more(pool, tmp_path):
    pool.write(
        WAITS + "def split():\n    child = os.fork()\n    if child: os.waitpid(child, 0)\n"
        "    return os.getpid()\n"
    )
    worker = pool.result("pid")
    assert pool.result("split") == worker
    assert pool.result("pid") == worker


def test_output_that_the_step_itself_cuts_off_is_lost_and_what_follows_is_not(pool):
    pool.write("def cut():\n    print('gone'); os.ftruncate(1, 0)\ndef talk(): print('there')\n")
    cut, talk = pool.job("cut"), pool.job("talk")
    assert pool.start(cut).get(timeout=60)[1].state == SUCCEEDED
    assert pool.start(talk).get(timeout=60)[1].state == SUCCEEDED
    assert "gone" not in pool.log(cut)


def test_output_nobody_asked_for_is_dropped(pool):
    pool.write("def talk(): print('words'); return 1\n")
    job = pool.job("talk")
    job.log.close()
    job.log = None
    assert pool.start(job).get(timeout=60)[1].result == 1


def test_output_needs_no_disk_that_has_unnamed_files():
    output = Output("/proc/self")
    os.write(output.descriptor, b"words")
    assert output.size() == 5
    output.close()
    output.close()
    assert output.descriptor == -1


def test_a_frame_that_comes_in_pieces_is_one_frame():
    here, there = socket.socketpair()
    near, far = wire.Talk(here), wire.Talk(there)
    near.send((wire.PROGRESS, "x" * 1000, 2))
    data = there.recv(10_000)
    for begin in range(0, len(data), 100):
        here.send(data[begin : begin + 100])
        frames = far.arrived()
        assert frames == [] or begin >= len(data) - 100
    assert frames == [((wire.PROGRESS, "x" * 1000, 2), [])]
    # What was sent and never read breaks the connection of the other side, which is an end as well.
    far.send((wire.READY,))
    near.send((wire.READY,))
    far.close()
    assert near.arrived(socket.MSG_DONTWAIT)
    near.arrived(socket.MSG_DONTWAIT)
    assert near.ended
    near.close()


def burn(seconds):
    from time import process_time

    until = process_time() + seconds
    while process_time() < until:
        pass


def test_what_short_jobs_used_does_not_count_for_those_after_them():
    usage = Usage()
    # The one after a job that was asked about is asked about as well.
    usage.used(1.0, 0.0)
    usage.used(0.0, 0.0)
    burn(0.1)
    assert usage.used(0.000_01, 0.1)[0] == 0.1
    processor, peak, _, _ = usage.used(1.0, 0.0)
    assert processor < 0.05
    assert peak > 1_000_000


@pytest.mark.parametrize("refused", ["open", "pwrite"])
def test_a_kernel_that_sets_no_peak_back_still_tells_the_rest(monkeypatch, refused):
    def refuse(*_words):
        raise OSError(1, "not here")

    monkeypatch.setattr(usage_module.os, refused, refuse)
    usage = Usage()
    burn(0.05)
    processor, peak, _, _ = usage.used(1.0, 0.0)
    assert 0.04 < processor < 1
    assert peak > 1_000_000


def test_children_a_step_has_waited_for_are_in_its_figures(pool):
    pool.write(
        "import subprocess\n"
        "CODE = 'x = bytearray(60_000_000)\\nfor _ in range(2_000_000): pass'\n"
        "def call(): subprocess.run([sys.executable, '-c', CODE], check=True)\n"
        "def light(): return 1\n"
    )
    pool.result("light")
    outcome = pool.run("call")
    assert outcome.cpu_seconds > 0.02
    assert outcome.peak_memory > 60_000_000
    assert pool.run("light").cpu_seconds < 0.02


def test_workers_can_be_told_to_measure_nothing(tmp_path, monkeypatch):
    from tests.runner.pool.conftest import PoolBench

    monkeypatch.setattr(crew_module, "MEASURED", False)
    bench = PoolBench(tmp_path)
    bench.write("def pid(): return os.getpid()\n")
    outcome = bench.run("pid")
    bench.executor.close()
    assert outcome.seconds > 0
    assert (outcome.cpu_seconds, outcome.peak_memory) == (0, 0)
