"""One machine of three is cut off, killed or stopped under load: what clients saw is one history."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]


def partition(*words: str) -> tuple[int, str]:
    """Run the program that does it, in namespaces of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.chaos.partition", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.stdout.count("\n") == 3, done.stderr
    return done.returncode, done.stdout


# NATS needs about six seconds to choose another leader, etcd less than two.
@pytest.mark.parametrize(
    ("engine", "fault", "cut"),
    [("etcd", "leader", 5), ("etcd", "kill", 4), ("nats", "leader", 14), ("nats", "kill", 12)],
)
def test_what_was_read_fresh_and_written_is_one_history(engine: str, fault: str, cut: int) -> None:
    code, table = partition(
        *("--engine", engine, "--fault", fault, "--seconds", str(cut + 4), "--cut", str(cut))
    )
    assert code == 0, table
    assert table.rstrip().endswith("| yes |")


def test_the_checker_refuses_what_a_cut_off_server_serves_without_asking() -> None:
    code, table = partition("--engine", "etcd", "--stale", "--seconds", "9", "--cut", "5")
    assert code == 1
    assert re.search(r"NO: the calls on k\d fit no order", table), table
