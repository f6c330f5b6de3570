"""Finding and ending what is below a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import framework0
from framework0.recipe import Policy, Step
from framework0.runner import FAILED, SUCCEEDED, TIMED_OUT, Failure, Job, Outcome
from framework0.runner.executors.process import _Attempt
from framework0.runner.processes import tree
from framework0.runner.processes.ends import with_survivors
from framework0.runner.processes.supervisor import report
from tests.runner.processes.conftest import PATIENCE


def run_alone(program):
    """Run a program that may become a subreaper and reap every child, away from the test's own process."""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=Path(framework0.__file__).parents[1],
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_process_is_found_below_its_ancestors_only():
    with subprocess.Popen(["sleep", "600"]) as child:
        below = tree.descendants(os.getpid())
        assert child.pid in [process.pid for process in below]
        assert child.pid not in [p.pid for p in tree.descendants(os.getpid(), spare=[child.pid])]
        assert tree.look(child.pid).parent == os.getpid()
        child.kill()
    assert tree.look(child.pid) is None


def test_a_name_with_parentheses_and_spaces_does_not_confuse(tmp_path):
    odd = tmp_path / "a) R 1 (b"
    odd.symlink_to("/bin/sleep")
    with subprocess.Popen([str(odd), "600"]) as child:
        assert tree.look(child.pid).parent == os.getpid()
        child.kill()


def test_an_id_that_names_another_process_now_is_not_signaled():
    with subprocess.Popen(["sleep", "600"]) as child:
        known = tree.look(child.pid)
        assert tree.send(known._replace(started=known.started - 1), signal.SIGKILL)
        assert child.poll() is None
        assert tree.send(known, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    assert tree.send(known, signal.SIGKILL)


def test_what_may_not_be_signaled_is_named_after_the_limit():
    """Another user's process, as the kernel answers for one: only root could make a real one."""
    program = """
import os, subprocess, time
from framework0.runner.processes import tree
tree.KILL_LIMIT = 0.05
child = subprocess.Popen(["sleep", "600"])
def refuse(pid, number): raise PermissionError
kill, os.kill = os.kill, refuse
print(tree.Children(time.sleep).end(0.01) == [child.pid])
os.kill = kill
tree.KILL_LIMIT = 60.0
print(tree.Children(time.sleep).end(0.0) == [])
"""
    assert run_alone(program) == "True\nTrue\n"


def test_survivors_fail_even_a_step_that_succeeded():
    outcome = with_survivors(Outcome(SUCCEEDED, 5), [7, 8])
    assert (outcome.state, outcome.result) == (FAILED, 5)
    assert "process 7, 8, which it started, could not be ended" in outcome.failure.message


def test_survivors_are_added_to_another_failure():
    job = Job("r", 0, "s", Step("s", 0, policy=Policy()), 1)
    job.timeout = 2.0
    outcome = _Attempt(job).judge(report("overdue", survivors=[9], seconds=2.5))
    assert outcome.state == TIMED_OUT
    assert outcome.seconds == 2.5
    assert outcome.failure == Failure(
        "timeout",
        "ran longer than its timeout of 2 s; process 9, which it started, could not be ended "
        "(another user's, or stuck in the kernel)",
    )


def test_elsewhere_the_kernel_is_not_asked(monkeypatch):
    from framework0.runner.processes import kernel

    monkeypatch.setattr(sys, "platform", "darwin")
    assert kernel.become_subreaper() is False
    assert kernel.die_with_parent(os.getppid(), signal.SIGKILL) is False


def test_shared_memory_that_was_named_goes_with_a_tree_that_is_killed_at_once(tmp_path):
    program = """
import os, signal, subprocess, sys, time
from pathlib import Path
from framework0.runner.processes import tree
from framework0.runner.processes.kernel import become_subreaper
# A second is enough for a tracker, unless others have the processor for all of it.
tree.TRACKER_GRACE, tree.KILL_LIMIT = 60.0, 120.0
become_subreaper()
def deaf(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (ignored,) = (int(line.split()[1], 16) for line in lines if line.startswith("SigIgn"))
    return ignored >> (signal.SIGTERM - 1) & 1
step = '''
import os, sys, time
from multiprocessing import shared_memory
print(shared_memory.SharedMemory(create=True, size=4096).name, flush=True)
time.sleep(600)
'''
with subprocess.Popen([sys.executable, "-c", step], stdout=subprocess.PIPE) as child:
    name = child.stdout.readline().decode().strip()
    there = Path("/dev/shm", name).exists()
    # A tracker that is still starting may need longer than it gets; once it has begun it ignores SIGTERM.
    while not any(tree.is_tracker(one) and deaf(one.pid) for one in tree.descendants(os.getpid())):
        time.sleep(0.01)
    print(there, tree.Children(time.sleep).end(0.0), Path("/dev/shm", name).exists())
    child.returncode = -9
"""
    assert run_alone(program) == "True [] False\n"


def test_what_only_calls_itself_a_tracker_lives_a_second_longer():
    program = """
import signal, subprocess, sys, time
from framework0.runner.processes import tree
tree.KILL_LIMIT = 60.0
ignore = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
command = [sys.executable, "-c", ignore, "multiprocessing.resource_tracker"]
child = subprocess.Popen(command, stdout=subprocess.PIPE)
child.stdout.readline()
begun = time.monotonic()
print(tree.Children(time.sleep).end(0.0), tree.TRACKER_GRACE <= time.monotonic() - begun < 50.0)
"""
    assert run_alone(program) == "[] True\n"
