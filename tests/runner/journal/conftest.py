from __future__ import annotations

import os
import subprocess
import sys

import pytest

from framework0.context import Change
from framework0.runner.journal import Journal, RunHeader
from framework0.runner.seams import AttemptRecord, Outcome


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def journal(path):
    journal = Journal(path)
    yield journal
    journal.close()


@pytest.fixture
def header():
    def make(run_id="run-1", **parts):
        parts = {
            "name": "nightly",
            "recipe_name": "numbers",
            "recipe_file": "numbers.yaml",
            "recipe_text": "steps: []  # né\n",
            "recipe_digest": "d1",
            "inputs": {"path": "data.csv"},
            "options": {"concurrency": 4},
            "created_at": 1_795_500_000.25,
            "code": {"read": "c1"},
        } | parts
        return RunHeader(run_id, **parts)

    return make


@pytest.fixture
def record():
    def make(node=0, attempt=1, state="succeeded", **parts):
        name = parts.pop("name", f"step-{node}")
        final = parts.pop("final", True)
        reason = parts.pop("reason", "")
        outcome = Outcome(
            state, **({"seconds": 0.5, "cpu_seconds": 0.25, "peak_memory": 7} | parts)
        )
        return AttemptRecord(
            node, name, attempt, state, final, 1_795_500_001.5 + node, outcome, reason
        )

    return make


@pytest.fixture
def change():
    def make(version, key="total", value=1):
        step = f"step-{version}"
        return Change(version, key, value, False, None, False, "user", "run-1", step, 1, 2.5)

    return make


@pytest.fixture
def python():
    """Run a program in a process of its own and return what it printed; its failure is ours."""

    def run(program, *arguments):
        # Limits and strange users would also spoil the files that coverage writes in children.
        plain = {
            name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")
        }
        command = [sys.executable, "-c", program, *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=300, env=plain, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
