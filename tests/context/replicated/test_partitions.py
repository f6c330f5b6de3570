"""One machine of three is cut off, killed or stopped under load: what clients saw is one history."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unmeasured")]
ROOT = Path(__file__).resolve().parents[3]


def partition(*words: str) -> tuple[int, str]:
    """Run the program that does it, in namespaces of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.chaos.partition", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.stdout.count("\n") == 3, done.stderr
    return done.returncode, done.stdout


# Only the engine that chooses another leader within two seconds is tried here, and each part lasts but for a
# moment longer than it has the calls it needs; the program itself does the rest at length.
FEW = ("--engine", "etcd", "--needed", "40", "--cut", "4", "--seconds", "6")


def test_what_was_read_fresh_and_written_is_one_history() -> None:
    code, table = partition(*FEW, "--fault", "leader")
    assert code == 0, table
    assert table.rstrip().endswith("| yes |")


def test_the_checker_refuses_what_a_cut_off_server_serves_without_asking() -> None:
    code, table = partition(*FEW, "--stale")
    assert code == 1
    assert re.search(r"NO: the calls on k\d fit no order", table), table
