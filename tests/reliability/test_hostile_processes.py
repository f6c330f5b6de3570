"""Hostile steps in warm processes: each ends in its right state, says what happened, and hurts no other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

PATIENCE = 300
"""Seconds for what takes one, on a machine however busy."""

pytestmark = pytest.mark.usefixtures("unmeasured")

STEPS = """
import ctypes, os, resource, signal, sys, threading, time

def fine(value=None):
    print("fine")
    return [os.getcwd(), sys.getrecursionlimit(), bool(os.environ)]

def closes_stdout(): sys.stdout.close(); os.close(1)
def changes_folder(): os.chdir("/")
def changes_environment(): os.environ.clear()
def leaves_a_thread(): threading.Thread(target=time.sleep, args=(600,)).start()
def leaves_a_child():
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True: time.sleep(9)
def floods():
    for _ in range(200): print("x" * 100_000)
def returns_much(): return b"x" * 200_000_000
def returns_a_lock(): return threading.Lock()
def exits(): os._exit(3)
def killed(): os.kill(os.getpid(), signal.SIGKILL)
def crashes(): ctypes.string_at(0)
def raises_exit(): raise SystemExit(3)
def interrupts(): raise KeyboardInterrupt
def recurses(): return recurses()
def fills_the_disk():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open("large", "wb") as file: file.write(b"x" * 100_000)
def ignores_term():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True: time.sleep(9)
def holds_the_interpreter():
    mutex = ctypes.create_string_buffer(64)
    lock = ctypes.PyDLL(None).pthread_mutex_lock
    lock(mutex)
    lock(mutex)
"""

ENDS = {
    "closes_stdout": ("succeeded", ""),
    "changes_folder": ("succeeded", ""),
    "changes_environment": ("succeeded", ""),
    "leaves_a_thread": ("succeeded", ""),
    "leaves_a_child": ("succeeded", ""),
    "floods": ("succeeded", ""),
    "returns_much": ("succeeded", ""),
    "returns_a_lock": ("failed", "_thread.lock cannot be pickled"),
    "exits": ("failed", "ended with exit code 3 before it gave a result"),
    "killed": ("failed", "killed by SIGKILL (often the kernel, for lack of memory)"),
    "crashes": ("failed", "killed by SIGSEGV"),
    "raises_exit": ("failed", "sys.exit(3)"),
    "interrupts": ("failed", ""),
    "recurses": ("failed", "recursion"),
    "fills_the_disk": ("failed", "File too large"),
}


def run(folder, recipe, *words):
    (folder / "steps.py").write_text(STEPS)
    (folder / "recipe.yaml").write_text(recipe)
    return subprocess.run(
        [sys.executable, "-m", "framework0", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def shown(folder):
    command = [sys.executable, "-m", "framework0", "show", "--json"]
    told = json.loads(subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout)
    return {step["name"]: step for step in told["steps"]}


@pytest.mark.slow
def test_fifteen_hostile_steps_end_as_they_must_and_the_quiet_ones_beside_them_do_not_notice(
    tmp_path,
):
    lines = ["defaults: {executor: process}", "order: graph", "steps:"]
    for name in ENDS:
        lines.append(f"  - {{name: {name}, module: steps, function: {name}}}")
        lines += [f"  - {{name: {name} {n}, module: steps, function: fine}}" for n in range(4)]
    reads = "args: {value: '${{ steps.returns_a_lock.result }}'}, depends_on: [returns_a_lock]"
    lines.append(f"  - {{name: reader, module: steps, function: fine, {reads}}}")
    ended = run(tmp_path, "\n".join(lines), "run", "recipe.yaml")
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    steps = shown(tmp_path)
    for name, (state, message) in ENDS.items():
        (attempt,) = steps[name]["attempts"]
        assert (name, attempt["state"]) == (name, state)
        if message:
            assert message in attempt["failure"]["message"]
        for number in range(4):
            (quiet,) = steps[f"{name} {number}"]["attempts"]
            assert quiet["result"] == [str(tmp_path), 1000, True]
    assert steps["reader"]["state"] == "skipped"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ignores_term", "holds_the_interpreter"])
def test_a_stuck_step_is_ended_by_its_timeout_and_by_ctrl_c(tmp_path, name):
    recipe = f"steps: [{{name: stuck, module: steps, function: {name}, timeout: 0.4}}]"
    ended = run(tmp_path, recipe, "run", "recipe.yaml")
    assert ended.returncode == 1
    (attempt,) = shown(tmp_path)["stuck"]["attempts"]
    assert attempt["state"] == "timed_out"
    # Left alone it would go on for ever; how soon it is over is measured in ``benchmarks``.
    assert 0.4 <= attempt["seconds"] < PATIENCE

    (tmp_path / "recipe.yaml").write_text(
        f"defaults: {{executor: process}}\nsteps: [{{name: stuck, module: steps, function: {name}}}]"
    )
    (tmp_path / "steps.py").write_text(
        STEPS.replace(f"def {name}():", f"def {name}():\n    open('up', 'w').close()", 1)
    )
    os.mkfifo(tmp_path / "up")
    process = subprocess.Popen(
        [sys.executable, "-m", "framework0", "run", "recipe.yaml", "--grace", "600"],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    with open(tmp_path / "up") as pipe:
        pipe.read()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == 130
    (attempt,) = shown(tmp_path)["stuck"]["attempts"]
    assert attempt["state"] == "cancelled"
