"""Whole runs with limits: pools over processes, fail_fast, deadlines, and logs of bounded length."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from framework0.assembly import Options, resume_run, run_recipe, start_run
from framework0.errors import RecipeError, UsageError
from framework0.runner import Journal
from framework0.workspace import find_workspace, holder

PATIENCE = 300
"""Seconds for what takes one, on a machine however busy."""

SEAT = '''
import fcntl, os, time
from pathlib import Path

from framework0.scriptlets import BaseScriptlet

HERE = Path(__file__).parent


def sit(pool_size, seconds=0.05):
    """Take one of as many seats as the pool has slots; the seats know nothing of the pool."""
    for number in range(pool_size):
        seat = os.open(HERE / f"seat-{number}", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(seat, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(seat)
            continue
        time.sleep(seconds)
        os.close(seat)
        return number
    raise RuntimeError("more steps than slots at the same time")


def flood(megabytes):
    os.write(1, b"first words\\n")
    for _ in range(megabytes * 10):
        os.write(1, b"y" * 99_999 + b"\\n")
    print("last words")


class Stay(BaseScriptlet):
    """Is over when there is a file, or when it is told to stop."""

    def run(self, context, params):
        while not (HERE / "go").exists():
            if self.cancelled:
                raise RuntimeError("told to stop")
            time.sleep(0.02)


def stuck():
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path("stuck.pid").write_text(str(os.getpid()))
    while True:
        time.sleep(60)
'''


@pytest.fixture
def space(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seats.py").write_text(SEAT)
    (tmp_path / "framework0.toml").write_text("[pools]\ngpu = 2\n")
    return find_workspace(explicit=tmp_path)


def write(space, name, text):
    path = space.root / name
    path.write_text(text)
    return path


def command(path):
    return [sys.executable, "-m", "framework0", "run", str(path), "-q"]


SIX = "order: graph\nsteps:\n" + "".join(
    f"  - {{name: s{n}, module: seats, function: sit, args: {{pool_size: 2}}, pool: gpu}}\n"
    for n in range(6)
)


@pytest.mark.slow
def test_eight_runs_in_eight_processes_never_use_more_than_two_slots(space, unmeasured):
    path = write(space, "six.yaml", SIX)
    runs = [
        subprocess.Popen(command(path), cwd=space.root, stderr=subprocess.PIPE) for _ in range(8)
    ]
    told = [process.communicate(timeout=PATIENCE)[1] for process in runs]
    assert [process.returncode for process in runs] == [0] * 8, told


@pytest.mark.slow
def test_killing_a_run_frees_its_slot_for_a_run_that_waits(space, unmeasured):
    text = "steps:\n  - {{name: s, module: seats, function: sit, args: {{pool_size: 1, seconds: {}}}, pool: {{name: gpu, slots: 2}}}}\n"
    long, short = write(space, "long.yaml", text.format(600)), write(
        space, "short.yaml", text.format(0)
    )
    first = subprocess.Popen(command(long), cwd=space.root, start_new_session=True)
    second = None
    try:
        slot = space.state / "pools" / "gpu" / "slot-2"
        wait_until(lambda: slot.exists() and holder(slot) is not None)
        second = subprocess.Popen(command(short), cwd=space.root)
        queue = space.state / "pools" / "gpu" / "queue"
        wait_until(lambda: queue.exists() and any(queue.iterdir()))
        os.killpg(first.pid, signal.SIGKILL)
        # It would wait for ten minutes.
        assert second.wait(PATIENCE) == 0
    finally:
        for process in filter(None, (first, second)):
            process.kill()
            process.wait()


def wait_until(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_a_recipe_with_a_pool_that_is_not_there_does_not_begin(space):
    path = write(space, "r.yaml", SIX.replace("pool: gpu", "pool: gpus"))
    with pytest.raises(RecipeError, match="no pool called 'gpus'"):
        run_recipe(path, workspace=space)
    assert not space.journal.exists()


def test_a_recipe_found_right_is_looked_at_again_when_the_pools_change(space):
    path = write(space, "r.yaml", SIX)
    assert run_recipe(path, workspace=space).ok
    assert run_recipe(path, workspace=space).ok
    (space.root / "framework0.toml").write_text("[pools]\nother = 2\n")
    with pytest.raises(RecipeError, match="no pool called 'gpu'"):
        run_recipe(path, workspace=find_workspace(explicit=space.root))


FAILING = """
order: graph
steps:
  - {name: s, module: seats, function: sit, args: {pool_size: 0}, pool: {name: gpu, slots: 2}}
"""


def test_a_resume_whose_pool_has_gone_or_shrunk_is_refused_and_stays_possible(space):
    failed = run_recipe(write(space, "r.yaml", FAILING), workspace=space)
    assert failed.state == "failed"
    for settings, said in (("", "no pool 'gpu'"), ("[pools]\ngpu = 1\n", "which has 1")):
        (space.root / "framework0.toml").write_text(settings)
        smaller = find_workspace(explicit=space.root)
        with pytest.raises(UsageError, match=said):
            resume_run(failed.id, workspace=smaller, options=Options(edited="recorded"))
    assert resume_run(failed.id, workspace=space).state == "failed"


FAST = """
order: graph
steps:
  - {name: bad, type: shell, command: ["false"]}
  - {name: long, type: shell, command: [sleep, "600"]}
  - {name: after, type: shell, command: [echo, after], depends_on: [long]}
finally:
  - {name: tidy, type: shell, command: [echo, tidied]}
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["recipe", "option"])
def test_fail_fast_ends_a_run_at_its_first_failure(space, where):
    text = FAST if where == "option" else "fail_fast: true\n" + FAST
    began = time.monotonic()
    result = run_recipe(write(space, "r.yaml", text), workspace=space, fail_fast=where == "option")
    assert time.monotonic() - began < PATIENCE
    assert result.state == "failed"
    assert {name: step.state for name, step in result.steps.items()} == {
        "bad": "failed", "long": "cancelled", "after": "skipped", "tidy": "succeeded",
    }  # fmt: skip
    assert result.steps["long"].failure.kind == "fail_fast"


@pytest.mark.slow
def test_at_the_deadline_a_stuck_step_is_ended_and_the_run_has_failed(space):
    text = """
steps:
  - {name: stuck, module: seats, function: stuck, executor: process}
finally:
  - {name: tidy, type: shell, command: [echo, tidied]}
"""
    for seconds in (0.5, 4, 32, 256):
        path = write(space, "r.yaml", f"deadline: {seconds}{text}")
        result = run_recipe(path, workspace=space)
        assert result.state == "failed"
        assert result.steps["stuck"].failure.kind == "deadline"
        assert result.steps["tidy"].state == "succeeded", result.steps["tidy"]
        # On a busy machine it may not have begun by then.
        if (space.root / "stuck.pid").exists():
            break
    with pytest.raises(ProcessLookupError):
        os.kill(int((space.root / "stuck.pid").read_text()), 0)


@pytest.mark.slow
def test_a_resume_has_the_whole_deadline_again(space):
    text = """
steps:
  - {name: first, module: seats, function: sit, args: {pool_size: 1}}
  - {name: second, module: seats, function: Stay}
"""
    result = run_recipe(write(space, "r.yaml", text), workspace=space, deadline=2.0)
    assert result.state == "failed"
    assert result.steps["first"].state == "succeeded"
    journal = Journal(space.journal)
    history = journal.read(result.id)
    journal.close()
    assert history.decisions[-1, "halted"] == "the run's deadline of 2 s has passed"
    assert history.header.options["deadline"] == 2.0
    (space.root / "go").touch()
    assert resume_run(result.id, workspace=space).ok


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["process", "alone", "thread"])
def test_a_flood_of_100_mb_does_not_fill_the_disk_and_the_step_goes_on(space, executor):
    where = {"process": "executor: process", "alone": "cpu: 64"}.get(executor, "max_log_bytes: 1MB")
    function = "flood" if executor != "thread" else "chatter"
    (space.root / "seats.py").write_text(
        SEAT + '\n\ndef chatter(megabytes):\n    print("first words")\n'
        '    for _ in range(megabytes * 10):\n        print("y" * 99_999)\n    print("last words")\n'
    )
    text = f"""
defaults: {{max_log_bytes: 1MB}}
steps:
  - {{name: s, module: seats, function: {function}, args: {{megabytes: 100}}, {where}}}
"""
    result = run_recipe(write(space, "r.yaml", text), workspace=space)
    assert result.ok, result.steps
    log = space.run_folder(result.id) / "logs" / "00001.1.log"
    assert log.stat().st_size <= 1_000_000
    told = log.read_text()
    assert told.startswith("first words\n")
    assert told.endswith("last words\n")
    (left_out,) = re.findall(r"^… ([\d,]+) bytes of output are left out here", told, re.MULTILINE)
    assert int(left_out.replace(",", "")) > 98_000_000


def test_the_workspace_may_bound_every_log(space):
    (space.root / "framework0.toml").write_text("[limits]\nmax_log_bytes = 2000\n")
    bounded = find_workspace(explicit=space.root)
    text = "steps:\n  - {name: s, type: shell, command: [seq, '10000']}\n"
    result = run_recipe(write(space, "r.yaml", text), workspace=bounded)
    log = bounded.run_folder(result.id) / "logs" / "00001.1.log"
    assert log.stat().st_size <= 2000
    assert log.read_text().endswith("9999\n10000\n")


def test_a_run_without_limits_is_made_of_the_plain_parts(space):
    made = []
    text = "steps:\n  - {name: s, type: shell, command: [echo, hi]}\n"
    path = write(space, "r.yaml", text)
    from framework0.assembly import load_recipe

    start_run(
        load_recipe(path, workspace=space), workspace=space, options=Options(on_run=made.append)
    )
    (run,) = made
    assert [type(run).__name__, type(run.state).__name__, type(run.workshop).__name__] == [
        "Run", "RunState", "Workshop",
    ]  # fmt: skip


def test_the_seats_are_a_witness_that_can_object(space):
    sys.path.insert(0, str(space.root))
    try:
        import seats
    finally:
        sys.path.remove(str(space.root))
    taken = os.open(space.root / "seat-0", os.O_RDWR | os.O_CREAT)
    fcntl.flock(taken, fcntl.LOCK_EX)
    with pytest.raises(RuntimeError, match="more steps than slots"):
        seats.sit(1)
    os.close(taken)
    del sys.modules["seats"]
