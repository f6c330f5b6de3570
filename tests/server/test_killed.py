"""A server that is killed while clients write and watch loses nothing it acknowledged (R12, R15)."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tests.conftest import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unmeasured")]

# Seconds for a control to find its fault, which is a matter of chance for a single kill.
PATIENCE = 120


def trial(*words):
    """Run the trial that the long form runs too; return its code and the row of its table."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.chaos.servers", *words],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.stdout.count("\n") == 3, done.stderr
    return done.returncode, done.stdout.splitlines()[-1]


def found_out(sabotage, told):
    """Try a sabotaged side with kill after kill, until the trial tells what is broken."""
    end = time.monotonic() + PATIENCE
    rows = []
    for seed in range(1, 1_000):
        words = ("--kills", "3", "--watchers", "2", "--seed", str(seed), "--sabotage", sabotage)
        code, row = trial(*words)
        if told in row:
            assert code == 1
            return
        rows.append(row)
        assert time.monotonic() < end, rows


def test_ten_kills_lose_nothing_and_tell_nothing_twice():
    code, row = trial("--kills", "10", "--watchers", "10")
    assert code == 0, row
    assert row.startswith("| 10 |")
    assert row.endswith("| yes |")


def test_a_server_that_acknowledges_before_the_commit_is_found_out():
    found_out("early", "acknowledged writes are lost")


def test_a_write_that_is_sent_again_without_a_name_is_found_out():
    found_out("nameless", "happened twice")
