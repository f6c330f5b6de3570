"""What the tests of the command share: a workspace with recipes, and the command as people run it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from typing import NamedTuple

import pytest

STEPS = '''
"""The functions of the recipes below."""

import os
from pathlib import Path


def hello(who="you"):
    print("hello", who)
    return f"hello {who}"


def count(context, upto=3):
    context.set("count.upto", upto)
    return list(range(upto))


def total(context):
    context.set("count.total", sum(range(context.get("count.upto"))))
    return context.get("count.total")


def fail_until_mended():
    """Fail while there is no file ``mended`` in the current folder."""
    if not Path("mended").exists():
        raise ValueError("the file mended is missing")
    return "mended"


def note(text):
    """Leave a trace outside, so that a test can count how often this ran."""
    with open("notes", "a", encoding="utf-8") as file:
        file.write(text + "\\n")


def wait_for_opening(gate="gate"):
    """Say that it waits, then wait until somebody opens the named pipe for writing."""
    Path("waiting").write_text(str(os.getpid()), encoding="ascii")
    with open(gate, encoding="utf-8") as opened:
        return opened.read()
'''

RECIPES = {
    "one.yaml": """
metadata: {name: one}
inputs:
  who: {type: string, default: you}
steps:
  - {name: greet, module: steps, function: hello, args: {who: "${{ inputs.who }}"}}
""",
    "good.yaml": """
metadata: {name: good}
inputs:
  upto: {type: integer, default: 4}
steps:
  - {name: count, module: steps, function: count, args: {upto: "${{ inputs.upto }}"}}
  - {name: total, module: steps, function: total, depends_on: [count]}
  - {name: greet, module: steps, function: hello, depends_on: [total]}
""",
    "mendable.yaml": """
metadata: {name: mendable}
order: graph
steps:
  - {name: first, module: steps, function: note, args: {text: first}}
  - {name: shaky, module: steps, function: fail_until_mended, depends_on: [first]}
  - {name: after, module: steps, function: note, args: {text: after}, depends_on: [shaky]}
""",
    "waiting.yaml": """
metadata: {name: waiting}
order: graph
steps:
  - {name: first, module: steps, function: note, args: {text: first}}
  - {name: gate, module: steps, function: wait_for_opening, executor: process, depends_on: [first]}
""",
    "wrong.yaml": """
metadata: {name: wrong}
steps:
  - {name: greet, modul: steps, function: hello}
  - {name: greet, module: steps, function: helo}
""",
}


PATIENCE = 120
"""Seconds in which anything that must come has come, on a machine that is busy with much else."""


@pytest.fixture(autouse=True)
def only_some_measured(request):
    """Have commands measure what they cover only where a test asks for it, by ``pytest.mark.measured``.

    Measuring takes two thirds of a command's time, and most commands cover nothing that others do not.
    Who tries a new verb, or a new part of one, marks a test that goes all through it.
    """
    if request.node.get_closest_marker("measured") is None:
        request.getfixturevalue("unmeasured")


class Said(NamedTuple):
    """How the command ended: its exit code and what it wrote."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture
def workspace(tmp_path):
    """A folder with ``steps.py``, the recipes above and a workspace of its own."""
    return new_workspace(tmp_path / "workspace")


def new_workspace(folder):
    """Make ``folder`` a workspace with ``steps.py`` and the recipes above, and return it."""
    folder.mkdir()
    (folder / ".framework0").mkdir(mode=0o700)
    (folder / "steps.py").write_text(STEPS, encoding="utf-8")
    for name, text in RECIPES.items():
        (folder / name).write_text(text.lstrip(), encoding="utf-8")
    return folder


@pytest.fixture
def environment():
    """The variables a command runs with: no terminal, no colors, nothing of a developer's own."""
    return plain_environment()


def plain_environment():
    """Return this process's variables without what makes one developer's commands differ from another's."""
    own = {"COLUMNS", "PYTHONUNBUFFERED"}
    kept = {name: value for name, value in os.environ.items() if name not in own}
    return {**kept, "TERM": "dumb", "PYTHONIOENCODING": "utf-8"}


@pytest.fixture
def framework0(workspace, environment):
    """Run ``framework0 WORDS`` in the workspace as a person would; return how it ended."""

    def run(*words, cwd=None, env=None, stdin="", timeout=PATIENCE):
        ended = subprocess.run(
            [sys.executable, "-m", "framework0", *map(str, words)],
            cwd=cwd or workspace,
            env={**environment, **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        return Said(ended.returncode, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def started(workspace, environment):
    """Start ``framework0 WORDS`` and return the living process; it is ended with the test."""
    begun = []

    def start(*words, env=None, **options):
        process = subprocess.Popen(
            [sys.executable, "-m", "framework0", *map(str, words)],
            cwd=workspace,
            env={**environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


@pytest.fixture
def pipes(workspace):
    """The named pipes ``gate`` and ``waiting``; returns a function that awaits the step ``gate``."""
    os.mkfifo(workspace / "gate")
    os.mkfifo(workspace / "waiting")
    # Open for both, so that neither side waits for the other when it opens the pipe.
    descriptor = os.open(workspace / "waiting", os.O_RDWR | os.O_NONBLOCK)

    def await_step():
        ready, _, _ = select.select([descriptor], [], [], PATIENCE)
        assert ready, f"the step has not begun within {PATIENCE} s"
        return int(os.read(descriptor, 100))

    yield await_step
    os.close(descriptor)


@pytest.fixture
def waiting_run(pipes, started):
    """A run of ``waiting.yaml`` whose step ``gate`` has begun; returns its process and its id.

    Writing to the pipe ``gate`` in the workspace lets the step end.
    """
    process, run_id, _ = run_to_the_gate(started, pipes)
    return process, run_id


@pytest.fixture
def killed_run(pipes, started):
    """A run of ``waiting.yaml`` that was killed while its step ``gate`` waited; returns its id."""
    process, run_id, step = run_to_the_gate(started, pipes)
    process.kill()
    # Whoever works for it ends after it, and leaves the streams and the pipe open until then.
    process.communicate(timeout=PATIENCE)
    await_end_of(step)
    return run_id


def run_to_the_gate(started, await_step):
    """Return a run of ``waiting.yaml`` at its step ``gate``: its process, its id, the step's process id."""
    process = started("run", "waiting.yaml", "--json")
    event = first = json.loads(process.stdout.readline())
    # Told only when it is in the journal, where others look: the next step may begin before that.
    while event["event"] != "step_finished":
        event = json.loads(process.stdout.readline())
    return process, first["run"], await_step()


def await_end_of(pid):
    """Wait until a process that is no child of ours has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([descriptor], [], [], PATIENCE)
        assert ready, f"process {pid} has not ended within {PATIENCE} s"
    finally:
        os.close(descriptor)
