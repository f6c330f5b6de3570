"""A server that is killed while clients write and watch loses nothing it acknowledged (R12, R15)."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow


def trial(*words):
    """Run the trial that the long form runs too; return its code and the row of its table."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.chaos.servers", *words],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.stdout.count("\n") == 3, done.stderr
    return done.returncode, done.stdout.splitlines()[-1]


def test_ten_kills_lose_nothing_and_tell_nothing_twice():
    code, row = trial("--kills", "10")
    assert code == 0, row
    assert row.startswith("| 10 |")
    assert row.endswith("| yes |")


def test_a_server_that_acknowledges_before_the_commit_is_found_out():
    code, row = trial("--kills", "10", "--watchers", "2", "--sabotage", "early")
    assert code == 1
    assert "acknowledged writes are lost" in row


def test_a_write_that_is_sent_again_without_a_name_is_found_out():
    code, row = trial("--kills", "40", "--watchers", "2", "--sabotage", "nameless")
    assert code == 1
    assert "happened twice" in row
