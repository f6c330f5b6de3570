"""However it ends, nothing of a sandbox is left: limits, timeouts, a killed runner, keeper or supervisor."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
from pathlib import Path

import pytest

from framework0.runner.executors.process import ProcessExecutor
from framework0.runner.sandbox.plan import CPU, MEMORY, narrowed
from tests.runner.processes.conftest import Bench
from tests.runner.sandbox.conftest import PATIENCE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unmeasured")]


def descendants(pid):
    """Return the processes below ``pid``, the deepest last, by their numbers out here."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found += [int(name), *descendants(int(name))]
    return found


def all_gone(descriptors):
    """Wait until all processes of the pidfds have ended; say whether they have."""
    poll = select.poll()
    for one in descriptors:
        poll.register(one, select.POLLIN)
    left = set(descriptors)
    while left:
        ready = poll.poll(PATIENCE * 1000)
        if not ready:
            return False
        for one, _ in ready:
            poll.unregister(one)
            left.discard(one)
            os.close(one)
    return True


def waiting(space, call):
    """Start an untrusted run whose step waits behind its walls; return it and pidfds of all below it."""
    space.recipe(call("who"), call("waits", ", depends_on: [who]"))
    runner = space.start("run", "--untrusted", "r.yaml", "--json", "-s")
    for line in runner.stdout:
        if b"waiting" in line or b'"run_finished"' in line:
            break
    below, handles = [], []
    for pid in descendants(runner.pid):
        # What the first step had may be just about to be gone.
        with contextlib.suppress(ProcessLookupError):
            handles.append(os.pidfd_open(pid))
            below.append(pid)
    return runner, below, handles


def test_a_timeout_ends_all_that_is_inside(space, call, ended, has_all):
    space.recipe(call("waits", ", timeout: 0.5s"))
    done = space.run("run", "--untrusted", "r.yaml", "--json")
    if not has_all:
        assert done.returncode == 5
        return
    event = ended(done, "waits")
    assert event["state"] == "timed_out"
    # Inside they would sleep for ten minutes.
    assert event["seconds"] < 300


@pytest.mark.parametrize("who", ["runner", "first below it", "all but the innermost"])
def test_nothing_of_a_sandbox_survives_a_kill_and_the_run_goes_on(space, call, has_all, who):
    runner, below, handles = waiting(space, call)
    if not has_all:
        assert runner.wait() == 5
        return
    assert len(below) >= 6
    chosen = {
        "runner": [runner.pid],
        "first below it": below[:1],
        "all but the innermost": [runner.pid, *below[:-4]],
    }
    for pid in chosen[who]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert all_gone(handles)
    runner.communicate(timeout=PATIENCE)
    # The same run goes on, in the same mode; the step that had ended is not done again.
    (space.folder / "steps.py").write_text(
        "import os\ndef who(): 1/0\ndef waits():\n    return os.getuid()\n"
    )
    done = space.run("resume", "--as-recorded", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    ends = {one["step"]: one for one in events if one["event"] == "step_finished"}
    assert done.returncode == 0, done.stderr
    assert list(ends) == ["waits"]
    assert ends["waits"]["result"] == 1000


@pytest.fixture
def bench(space, has_all):
    """Run steps behind a plan with limits of the test's own."""
    assert has_all
    made = []

    def make(**own):
        bench = Bench(space.folder)
        bench.executor = ProcessExecutor([space.folder], {**space.plan(), **own})
        made.append(bench)
        return bench

    yield make
    for one in made:
        one.executor.close()


BURNS = """
def step():
    print("burning", flush=True)
    while True:
        pass
"""


def test_a_step_that_uses_up_its_processor_time_is_ended(bench):
    outcome = bench(cpu=1).run(BURNS)
    assert outcome.state == "failed"
    assert "SIGXCPU" in outcome.failure.message


def test_one_that_takes_no_notice_is_killed_a_little_later(bench, monkeypatch):
    outcome = bench(cpu=1).run(
        "import signal\nsignal.signal(signal.SIGXCPU, lambda *_: print('noted', flush=True))\n"
        + BURNS
    )
    assert outcome.state == "failed"
    assert "SIGKILL" in outcome.failure.message


def test_without_that_wall_it_goes_on(bench):
    burning = "def step():\n    while time.process_time() < 1.3: pass\n    return 'over'"
    assert bench(cpu=3600).run(burning).result == "over"


def test_all_processes_of_a_step_share_the_memory_there_is(bench):
    taking = """
def step():
    reading, writing = os.pipe()
    for _ in range(4):
        if os.fork() == 0:
            held = os.urandom(60 << 20)
            os.write(writing, b"x")
            time.sleep(600)
    for _ in range(4):
        os.read(reading, 1)
    END
"""
    outcome = bench(memory=200 << 20).run(taking.replace("END", "time.sleep(600)"))
    assert outcome.state == "failed"
    assert "more than its limit of 210 MB" in outcome.failure.message
    assert bench(memory=2 << 30).run(taking.replace("END", "return 'held'")).result == "held"


def test_a_step_may_only_narrow_its_walls(space):
    plan = space.plan()
    assert narrowed(plan, None, None) == plan
    assert narrowed(plan, 1 << 40, None)["memory"] == plan["memory"] == MEMORY
    assert narrowed(plan, 10 << 20, "/x")["memory"] == (20 << 20) + (1 << 30)
    assert narrowed(plan, 10 << 20, "/x")["folder"] == "/x"
    assert plan["cpu"] == CPU


def test_a_fork_bomb_meets_its_limit_and_ends_with_its_step(bench):
    bomb = """
def step():
    made = 0
    try:
        while True:
            if os.fork() == 0:
                time.sleep(600)
            made += 1
    except OSError as error:
        return [made, error.errno]
"""
    outcome = bench().run(bomb)
    made, number = outcome.result
    assert made < 400
    assert number == 11
    assert not outcome.failure


def test_a_step_that_sends_nonsense_fails_alone(bench):
    nonsense = """
import socket
def step():
    for name in os.listdir("/proc/self/fd"):
        try:
            line = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue
        body = BODY
        line.sendall(len(body).to_bytes(4, "big") + body)
    return "went on"
"""
    bodies = (
        b"[" * 100_000,
        b"{",
        b'["progress", 1e999, {}]',
        b'["outcome", "cured", 1, null]',
        b'["set", []]',
        b"7",
    )
    one = bench()
    for body in bodies:
        outcome = one.run(nonsense.replace("BODY", repr(body)))
        assert outcome.state in ("failed", "succeeded"), (body, outcome)
    assert one.run("def step(): return 'fine'").result == "fine"


def test_without_any_wall_a_step_still_gets_a_folder_and_an_environment_of_its_own(bench):
    own = "def step(): return [os.getcwd(), os.environ.get('HOME'), sorted(os.environ)]"
    walls = ["namespaces", "own root", "process limit", "Landlock", "system call filter"]
    folder, home, names = bench(missing=walls).run(own).result
    assert folder == home
    assert not os.path.exists(folder)
    assert "PYTEST_CURRENT_TEST" not in names
    assert bench(missing=walls).run(own, cwd="/").result[0] == "/"
