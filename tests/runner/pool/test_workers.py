"""Workers: used again, replaced when they die or are spoilt, and no job lost or begun twice for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from framework0.runner import CANCELLED, FAILED, SUCCEEDED, TIMED_OUT
from framework0.runner.pool import member as member_module
from framework0.runner.pool import output as output_module

MARK = """
def mark(word):
    with open("ledger", "a") as ledger:
        ledger.write(word + "\\n")
def quick(number): mark(str(number)); return os.getpid()
def wait(path):
    mark("wait")
    with open(path) as pipe: pipe.read()
def wait_and_die(path):
    wait(path)
    os.kill(os.getpid(), 9)
def pid(): return os.getpid()
"""


@pytest.fixture
def ledger(pool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pool.executor._pool._crew._folder = str(tmp_path)
    pool.write(MARK)
    return lambda: (tmp_path / "ledger").read_text().split()


def open_gate(path):
    with open(path, "w") as pipe:
        pipe.write("go")


def test_one_worker_is_used_again_and_imports_user_code_once(pool):
    pool.write("print('imported')\ndef pid(): return os.getpid()\n")
    first = pool.job("pid")
    pids = [pool.start(first).get(timeout=60)[1].result]
    pids += [pool.result("pid") for _ in range(5)]
    assert len(set(pids)) == 1
    assert pool.log(first) == "imported\n"


def test_short_steps_are_shared_out_and_each_is_run_once(pool, ledger):
    jobs = [pool.job("quick", {"number": number}) for number in range(200)]
    ends = pool.start(*jobs)
    outcomes = [ends.get(timeout=60)[1] for _ in jobs]
    assert {outcome.state for outcome in outcomes} == {SUCCEEDED}
    assert Counter(ledger()) == Counter(str(number) for number in range(200))
    assert len({outcome.result for outcome in outcomes}) <= 4 * (os.cpu_count() or 1)


def test_what_waits_behind_a_slow_step_runs_elsewhere(pool, ledger, gate):
    # Quick ones first, so that the pool lines jobs up behind each other.
    for number in range(4):
        pool.result("quick", {"number": number})
    paths = [gate(f"gate {number}") for number in range(3)]
    slow = pool.start(*(pool.job("wait", {"path": path}) for path in paths))
    quick = pool.start(*(pool.job("quick", {"number": number}) for number in range(4, 40)))
    for _ in range(36):
        assert quick.get(timeout=60)[1].state == SUCCEEDED
    assert slow.empty()
    for path in paths:
        open_gate(path)
    for _ in paths:
        assert slow.get(timeout=60)[1].state == SUCCEEDED
    assert Counter(ledger()) == Counter([*map(str, range(40)), "wait", "wait", "wait"])


def test_jobs_a_dead_worker_had_not_begun_run_elsewhere_and_have_not_failed(pool, ledger, gate):
    for number in range(4):
        pool.result("quick", {"number": number})
    path = gate("gate")
    doomed = pool.start(pool.job("wait_and_die", {"path": path}))
    behind = pool.start(*(pool.job("quick", {"number": number}) for number in range(4, 12)))
    open_gate(path)
    outcome = doomed.get(timeout=60)[1]
    assert (outcome.state, outcome.failure.kind) == (FAILED, "exit")
    assert "killed by SIGKILL" in outcome.failure.message
    assert [behind.get(timeout=60)[1].state for _ in range(8)] == [SUCCEEDED] * 8
    assert Counter(ledger()) == Counter([*map(str, range(12)), "wait"])


def test_an_idle_worker_that_is_killed_costs_no_step(pool, ledger):
    before = pool.result("pid")
    os.kill(before, signal.SIGKILL)
    for _ in range(20):
        assert pool.run("pid").state == SUCCEEDED
    assert pool.result("pid") != before


@pytest.mark.parametrize("number", range(6))
def test_kills_at_any_moment_fail_only_what_was_at_work(pool, ledger, number):
    worker = pool.result("pid")
    jobs = [pool.job("quick", {"number": each}) for each in range(60)]
    ends = pool.start(*jobs)
    outcomes = []
    for each in range(60):
        if each == number * 9:
            try:
                os.kill(worker, signal.SIGKILL)
            except ProcessLookupError:
                continue
        outcomes.append(ends.get(timeout=60)[1])
    outcomes += [ends.get(timeout=60)[1] for _ in range(60 - len(outcomes))]
    failed = [outcome for outcome in outcomes if outcome.state == FAILED]
    assert len(failed) <= 1
    counted = Counter(ledger())
    assert max(counted.values()) == 1
    # One that was being killed may have done its work or not; all others have.
    assert 60 - len(failed) <= len(counted) <= 60


def test_a_worker_that_cannot_start_fails_the_step_and_does_not_go_on_for_ever(pool, tmp_path):
    pool.write("def noop(): return None\n")
    # Each worker ends because it cannot enter the folder it is to work in.
    pool.executor._pool._crew._folder = str(tmp_path / "nowhere")
    outcome = pool.run("noop")
    assert outcome.state == FAILED
    # Which of the two is heard first, the end of its line or its supervisor, is the kernel's business.
    assert "the step's process cannot be started" in outcome.failure.message


def test_a_worker_is_replaced_after_so_many_steps(pool, monkeypatch):
    monkeypatch.setattr(member_module, "STEPS", 3)
    pool.write("def pid(): return os.getpid()\n")
    pids = [pool.result("pid") for _ in range(9)]
    assert sorted(Counter(pids).values()) == [3, 3, 3]


@pytest.mark.parametrize(
    ("what", "replaced"),
    [
        ("os.chdir('/')", False),
        ("os.environ.clear()", False),
        ("os.environ['MINE'] = '1'", False),
        ("os.umask(0o077)", False),
        ("sys.path.insert(0, '/nowhere')", False),
        ("sys.path = []", False),
        ("sys.setrecursionlimit(60)", False),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", False),
        (
            "signal.setitimer(signal.ITIMER_REAL, 0.001, 0); signal.signal(14, signal.SIG_IGN)",
            False,
        ),
        ("signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])", False),
        ("sys.stdout.close()", False),
        ("sys.stderr = None", False),
        ("os.close(1); os.close(2)", False),
        ("__import__('locale').setlocale(0, 'C.UTF-8')", False),
        ("__import__('gc').disable()", False),
        ("sys.settrace(lambda *a: None)", False),
        (
            "__import__('resource').setrlimit(7, (60, __import__('resource').getrlimit(7)[1]))",
            False,
        ),
        ("__import__('resource').setrlimit(7, (60, 60))", True),
        ("sys.meta_path.append(None)", False),
        ("sys.path_hooks.append(None)", False),
        ("sys.setprofile(lambda *a: None)", False),
        ("sys.setswitchinterval(1)", False),
        ("sys.excepthook = sys.displayhook = None", False),
        ("os.environ = {}", False),
        ("os.nice(1)", True),
        (
            "__import__('threading').Thread(target=time.sleep, args=(60,), daemon=True).start()",
            True,
        ),
        ("__import__('subprocess').Popen(['sleep', '60'])", True),
        ("os.fork() or os._exit(0)", True),
    ],
)
def test_what_a_step_does_to_its_process_is_put_back_or_the_process_replaced(
    shared, what, replaced
):
    pool = shared
    # Modules of its own: the worker is that of the tests before.
    mine, other = f"mine_{pool.count}", f"other_{pool.count}"
    pool.write(
        f"def spoil():\n    {what}\n    return os.getpid()\n"
        "def look():\n"
        "    import gc, locale, resource, threading\n"
        "    umask = os.umask(0); os.umask(umask)\n"
        "    print('seen', file=sys.stdout)\n"
        "    print('too', file=sys.stderr)\n"
        "    return [os.getcwd(), dict(os.environ), umask, list(sys.path), sys.getrecursionlimit(),\n"
        "        str(signal.getsignal(14)), sorted(signal.pthread_sigmask(0, [])),\n"
        "        locale.setlocale(0), gc.isenabled(), sys.gettrace() is None, resource.getrlimit(7),\n"
        "        os.nice(0), threading.active_count(), callable(signal.getsignal(15))]\n",
        mine,
    )
    before = pool.result("look", module=mine)
    worker = pool.result("spoil", module=mine)
    job = pool.job("look", module=mine)
    outcome = pool.start(job).get(timeout=60)[1]
    assert outcome.result == before
    assert pool.log(job) == "seen\ntoo\n"
    pool.write("def pid(): return os.getpid()\n", other)
    assert (pool.result("pid", module=other) != worker) == replaced


def test_a_thread_that_a_module_starts_belongs_to_the_module(pool):
    pool.write(
        "import threading\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
        "def pid(): return os.getpid()\n"
    )
    assert len({pool.result("pid") for _ in range(4)}) == 1


def test_each_step_s_output_is_in_its_own_log_in_order(pool):
    pool.write(
        "import subprocess\n"
        "def talk(n):\n"
        "    print('one', n); sys.stderr.write(f'two {n}\\n'); os.write(1, b'three\\n')\n"
        "    subprocess.run(['echo', 'four'], check=True)\n"
        "    print('end', n, end='')\n"
    )
    jobs = [pool.job("talk", {"n": number}) for number in range(30)]
    ends = pool.start(*jobs)
    for _ in jobs:
        ends.get(timeout=60)
    for number, job in enumerate(jobs):
        assert pool.log(job) == f"one {number}\ntwo {number}\nthree\nfour\nend {number}"


def test_what_a_running_step_prints_can_be_read_while_it_runs(pool, gate, tmp_path):
    pool.write("def talk(path):\n    print('so far'); return open(path).read()\n")
    path = gate("gate")
    job = pool.job("talk", {"path": path})
    ends = pool.start(job)
    log = tmp_path / f"{job.node}.log"
    until = time.monotonic() + 300
    while not (log.exists() and log.read_text() == "so far\n"):
        assert time.monotonic() < until
        time.sleep(0.01)
    open_gate(path)
    assert ends.get(timeout=60)[1].result == "go"


def test_a_flood_of_output_is_in_the_log_and_its_copy_given_back(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(output_module, "_FREED", 1 << 16)
    pool.write("def flood():\n    for n in range(40): os.write(1, b'x' * 99_999 + b'\\n')\n")
    job = pool.job("flood")
    assert pool.start(job).get(timeout=60)[1].state == SUCCEEDED
    assert len(pool.log(job)) == 4_000_000
    (member,) = pool.executor._pool._crew.members
    # In blocks of 512 bytes, whatever the file system's own.
    assert os.fstat(member.output.descriptor).st_blocks * 512 < 200_000


def test_a_timeout_ends_its_step_and_nothing_beside_it(pool, ledger, gate):
    for number in range(4):
        pool.result("quick", {"number": number})
    path = gate("gate")
    slow = pool.start(pool.job("wait", {"path": path}, timeout=0.3))
    quick = pool.start(*(pool.job("quick", {"number": number}) for number in range(4, 30)))
    outcome = slow.get(timeout=60)[1]
    assert (outcome.state, outcome.failure.kind) == (TIMED_OUT, "timeout")
    assert 0.3 <= outcome.seconds < 60.0
    assert [quick.get(timeout=60)[1].state for _ in range(26)] == [SUCCEEDED] * 26


def test_many_steps_that_end_just_in_time_end_well(pool):
    pool.write("def nap(): time.sleep(0.001); return os.getpid()\n")
    jobs = [pool.job("nap", timeout=30.0) for _ in range(100)]
    ends = pool.start(*jobs)
    assert {ends.get(timeout=60)[1].state for _ in jobs} == {SUCCEEDED}


def test_a_timeout_that_passes_as_the_step_ends_hurts_no_other(pool):
    pool.write("def nap(): time.sleep(0.01); return 1\ndef give(n): return n\n")
    naps = [pool.job("nap", timeout=0.0105) for _ in range(20)]
    others = [pool.job("give", {"n": number}) for number in range(60)]
    nap_ends, ends = pool.start(*naps), pool.start(*others)
    assert {nap_ends.get(timeout=60)[1].state for _ in naps} <= {SUCCEEDED, TIMED_OUT}
    assert {ends.get(timeout=60)[1].state for _ in others} == {SUCCEEDED}


def test_a_job_that_waits_is_cancelled_without_being_begun(pool, ledger, gate):
    for number in range(4):
        pool.result("quick", {"number": number})
    paths = [gate(f"gate {number}") for number in range(2)]
    slow = pool.start(*(pool.job("wait", {"path": path}) for path in paths))
    waiting = pool.job("quick", {"number": 99}, timeout=5.0)
    other = pool.start(waiting)
    if pool.executor.stop(waiting, CANCELLED):
        assert other.get(timeout=60)[1].state in {CANCELLED, SUCCEEDED}
    for path in paths:
        open_gate(path)
    assert [slow.get(timeout=60)[1].state for _ in paths] == [SUCCEEDED] * 2


def test_nothing_is_taken_after_the_end(pool):
    pool.write("def noop(): return None\n")
    pool.result("noop")
    pool.executor.close()
    outcome = pool.run("noop")
    assert (outcome.state, outcome.failure.message) == (FAILED, "the run is over")


def test_figures_of_each_step_are_its_own(pool):
    pool.write(
        "def heavy(n):\n    data = bytearray(n)\n    data[::4096] = b'x' * len(data[::4096])\n"
        "def light(): return None\n"
        "def busy():\n    until = time.process_time() + 0.05\n    while time.process_time() < until: pass\n"
    )
    light = pool.run("light")
    heavy = pool.run("heavy", {"n": 60_000_000})
    again = pool.run("light")
    assert heavy.peak_memory > light.peak_memory + 50_000_000
    assert again.peak_memory < light.peak_memory + 30_000_000
    busy = pool.run("busy")
    assert busy.cpu_seconds >= 0.045
    assert pool.run("light").cpu_seconds < 0.02


RUNNER = """
import os, sys
sys.path.insert(0, {folder!r})
from threading import Event
from framework0.recipe import Step
from framework0.runner import Job
from framework0.runner.executors import PoolExecutor, ProcessExecutor
executor = PoolExecutor([{folder!r}], ProcessExecutor([]), lambda step: None)
done = Event()
def report(job, outcome):
    assert outcome.result.segment is not None
    os.write(1, b"made\\n")
job = Job("r", 0, "s", Step("s", 0, module="work", function="make"), 1)
executor.submit(job, report)
second = Job("r", 1, "t", Step("t", 1, module="work", function="hold"), 1)
executor.submit(second, lambda job, outcome: None)
done.wait()
"""


@pytest.mark.slow
def test_a_killed_runner_leaves_no_process_and_no_shared_memory(pool, tmp_path):
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    pool.write(
        "import numpy as np\n"
        f"held = os.open({str(alive)!r}, os.O_WRONLY)\n"
        "def make(): return np.ones(1_000_000)\n"
        "def hold(): os.write(held, b'up'); time.sleep(600)\n"
    )
    reader = os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER.format(folder=str(tmp_path))], stdout=subprocess.PIPE
    )
    with process.stdout as said:
        assert said.readline() == b"made\n"
    os.set_blocking(reader, True)
    assert os.read(reader, 2) == b"up"
    process.kill()
    process.wait()
    # The end of the pipe: every worker is gone, and with them all they had mapped.
    assert os.read(reader, 1) == b""
    os.close(reader)
    assert not [name for name in os.listdir("/dev/shm") if "framework0" in name]
