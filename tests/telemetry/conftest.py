"""What the tests of telemetry share: a collector, and a workspace whose recipes do a bit of everything."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.telemetry.collector import Collector

STEPS = '''
import os
import subprocess
import sys


def hello(who="you"):
    print("hello", who)
    return who


def fail(text="no luck"):
    raise ValueError(text)


def environment():
    return os.environ.get("TRACEPARENT", "")


def current_span():
    from opentelemetry import trace
    return format(trace.get_current_span().get_span_context().span_id, "016x")


def child():
    subprocess.run([sys.executable, "-c", "print('from a child')"], stdout=sys.stdout, check=True)


def talk():
    from framework0.logs import get_logger
    print("printed")
    print("to stderr", file=sys.stderr)
    get_logger("steps").warning("logged %s", "well")
    print("no end", end="")


def count():
    """Fail the first time in this folder."""
    with open("times", "a") as file:
        file.write("x")
    if os.path.getsize("times") == 1:
        raise OSError("the first time")
'''


@pytest.fixture
def collector():
    made = Collector()
    yield made
    made.close()


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / ".framework0").mkdir(mode=0o700)
    (folder / "steps.py").write_text(STEPS, encoding="utf-8")
    return folder


@pytest.fixture
def recipe(workspace):
    """Write a recipe of these steps, one line of YAML each, and return its path."""

    def write(*steps, name="mine", head=""):
        lines = "\n".join(f"  - {step}" for step in steps)
        path = workspace / f"{name}.yaml"
        path.write_text(f"metadata: {{name: {name}}}\n{head}steps:\n{lines}\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def command(workspace):
    """Run ``framework0 WORDS`` in the workspace and return the ended process."""

    def run(*words, env=None, program=("-m", "framework0")):
        return subprocess.run(
            [sys.executable, *program, *map(str, words)],
            cwd=workspace,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    return run
