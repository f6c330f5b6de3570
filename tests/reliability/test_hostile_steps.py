"""Steps that misbehave, each through the whole command: the right state, the reason in words, and the rest of the run.

Each recipe holds one hostile step and one that must not care. Where a thread shares its process with
the runner, some hostility is nobody's to stop; those shapes run in a process, which is where a recipe
has to put what it does not trust.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import NamedTuple

import pytest

from framework0.runner import Journal
from framework0.workspace import find_workspace

pytestmark = pytest.mark.usefixtures("unmeasured")

PATIENCE = 600
"""Seconds for what takes two, on a machine however busy."""

STEPS = """
import ctypes, os, resource, signal, sys, threading, time

def wait():
    while True:
        try:
            time.sleep(60)
        except BaseException:
            continue

def ignores_sigterm():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    wait()

def forks_children_that_ignore_sigterm():
    for _ in range(3):
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.setsid()
            wait()
    wait()

def blocks_in_c():
    mutex = ctypes.create_string_buffer(64)
    lock = ctypes.PyDLL(None).pthread_mutex_lock
    lock(mutex)
    lock(mutex)

def fills_the_disk():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    try:
        with open("large", "wb") as file:
            file.write(b"x" * 2_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)

def floods_stdout():
    line = "x" * 99
    for _ in range(50_000):
        print(line)
    return "done"

def returns_200_mb():
    return "x" * 200_000_000

def returns_what_cannot_be_kept():
    return {"lock": threading.Lock()}

def leaves():
    os._exit(7)

def takes_too_much():
    hoard = []
    while True:
        hoard.append(bytearray(b"x" * 8_000_000))
        time.sleep(0.001)

def raises_system_exit():
    sys.exit("enough")

def raises_keyboard_interrupt():
    raise KeyboardInterrupt

def leaves_a_thread():
    threading.Thread(target=wait).start()
    return "done"

def closes_stdout():
    sys.stdout.close()
    return "done"

def changes_folder_and_environment():
    os.chdir("/")
    os.environ["TOLD"] = "something else"
    return "done"

def recurses():
    return recurses()

def says_where():
    print("still here")
    return [os.getcwd(), os.environ.get("TOLD")]

def uses(value):
    return str(value)
"""


class Shape(NamedTuple):
    """One hostility. ``told`` are words of the failure; ``state`` and ``code`` what must come of it."""

    function: str
    state: str
    told: str = ""
    policy: str = ""
    executors: tuple[str, ...] = ("thread", "process")
    result: object = None


SHAPES = [
    Shape("ignores_sigterm", "timed_out", "longer than its timeout", "timeout: 0.3", ("process",)),
    Shape(
        "forks_children_that_ignore_sigterm",
        "timed_out",
        "longer than its timeout",
        "timeout: 0.3",
        ("process",),
    ),
    Shape("blocks_in_c", "timed_out", "longer than its timeout", "timeout: 0.3", ("process",)),
    Shape("fills_the_disk", "failed", "File too large", executors=("process",)),
    Shape("floods_stdout", "succeeded", result="done"),
    Shape("returns_what_cannot_be_kept", "succeeded", executors=("thread",)),
    Shape("leaves", "failed", "exit code 7", executors=("process",)),
    Shape("takes_too_much", "failed", "memory", "memory: 100MB", ("process",)),
    Shape("raises_system_exit", "failed", "enough"),
    Shape("raises_keyboard_interrupt", "failed", "KeyboardInterrupt"),
    Shape("leaves_a_thread", "succeeded", result="done"),
    Shape("closes_stdout", "succeeded", result="done"),
    Shape("changes_folder_and_environment", "succeeded", executors=("process",), result="done"),
    Shape("recurses", "failed", "maximum recursion depth exceeded"),
]

CASES = [(shape, executor) for shape in SHAPES for executor in shape.executors]


class Trial:
    """One workspace, the command in it, and the pipe that whatever it started holds."""

    def __init__(self, folder, steps):
        self.folder = folder
        (folder / "steps.py").write_text(STEPS)
        (folder / "recipe.yaml").write_text(f"order: graph\nsteps:\n{steps}")
        self.alive, writer = os.pipe()
        self.ended = subprocess.run(
            [sys.executable, "-m", "framework0", "run", "recipe.yaml", "--grace", "1"],
            cwd=folder,
            env={**os.environ, "TOLD": "as it was", "PIPE": str(writer)},
            pass_fds=[writer],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        os.close(writer)
        # The last process that holds the pipe is gone: nothing outlives the command.
        assert os.read(self.alive, 1) == b""
        os.close(self.alive)

    def history(self):
        journal = Journal(find_workspace(explicit=self.folder).journal)
        try:
            (summary,) = journal.runs()
            return journal.read(summary.run_id)
        finally:
            journal.close()


def recipe_of(shape, executor):
    policy = f", {shape.policy}" if shape.policy else ""
    return (
        f"  - {{name: hostile, module: steps, function: {shape.function},"
        f" executor: {executor}{policy}, continue_on_error: true}}\n"
        "  - {name: next, module: steps, function: says_where,"
        f" executor: {executor}, depends_on: [hostile]}}\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "executor"), CASES, ids=[f"{shape.function}-{name}" for shape, name in CASES]
)
def test_a_hostile_step_gets_its_state_and_the_next_one_is_not_hurt(shape, executor, tmp_path):
    trial = Trial(tmp_path, recipe_of(shape, executor))
    history = trial.history()
    records = {record.name: record for record in history.attempts}
    hostile = records["hostile"]
    assert hostile.state == shape.state, trial.ended.stderr
    failure = hostile.outcome.failure
    told = "" if failure is None else f"{failure.kind}: {failure.message}"
    assert shape.told in told
    if shape.result is not None:
        assert hostile.outcome.result == shape.result
    assert records["next"].state == "succeeded", trial.ended.stderr
    assert records["next"].outcome.result == [str(tmp_path), "as it was"]
    assert history.summary.state == "succeeded"
    assert trial.ended.returncode == 0
    assert "Traceback" not in trial.ended.stderr


def test_a_result_that_cannot_be_kept_is_named_and_cannot_travel_to_a_process(tmp_path):
    trial = Trial(
        tmp_path,
        "  - {name: odd, module: steps, function: returns_what_cannot_be_kept}\n"
        "  - {name: beside, module: steps, function: uses, depends_on: [odd],"
        ' args: {value: "${{ steps.odd.result }}"}}\n'
        "  - {name: elsewhere, module: steps, function: uses, depends_on: [odd], executor: process,"
        ' args: {value: "${{ steps.odd.result }}"}}\n',
    )
    records = {record.name: record for record in trial.history().attempts}
    assert records["odd"].state == "succeeded"
    assert "lock" in records["odd"].reason
    assert records["beside"].state == "succeeded", trial.ended.stderr
    assert "lock" in records["beside"].outcome.result
    assert records["elsewhere"].state == "failed"
    assert "cannot be handed to a process" in records["elsewhere"].outcome.failure.message
    assert trial.ended.returncode == 1


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["thread", "process"])
def test_a_result_of_200_mb_is_kept_beside_the_journal_and_comes_back(executor, tmp_path):
    trial = Trial(
        tmp_path,
        f"  - {{name: large, module: steps, function: returns_200_mb, executor: {executor}}}\n",
    )
    assert trial.ended.returncode == 0, trial.ended.stderr
    (record,) = trial.history().attempts
    assert record.state == "succeeded"
    journal = tmp_path / ".framework0"
    small = sum(path.stat().st_size for path in journal.glob("journal*"))
    assert small < 1_000_000
    shown = subprocess.run(
        [sys.executable, "-m", "framework0", "show", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    (step,) = json.loads(shown.stdout)["steps"]
    assert step["attempts"][0]["result"]["bytes"] >= 200_000_000
