"""An example that is killed in the middle goes on, and what it counts is counted once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import await_end_of
from tests.octo.conftest import FILE, LIBRARIES

pytestmark = pytest.mark.slow

MANY, FEW = 100_000, 60
"""Records: more than can be processed before somebody looks, and those that are left for the second time."""

BEGINNING = 120
"""Seconds for a machine to come to its work, on a machine that is busy with something else."""


def processed(made):
    try:
        found = json.loads((made.folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0
    return found.get("step_node_dataprocessor", {}).get("processed_records", 0)


def test_a_data_processor_that_is_killed_begins_its_count_anew(instance):
    made = instance("dataprocessor")
    lines = (made.folder / "deliveries.csv").read_text(encoding="utf-8").splitlines()
    rows = [lines[1 + number % (len(lines) - 1)] for number in range(MANY)]

    def deliver(rows):
        (made.folder / "deliveries.csv").write_text("\n".join([lines[0], *rows]) + "\n", "utf-8")

    deliver(rows)
    engine = subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "framework0",
            "step",
            "run",
            made.folder,
            "--library",
            LIBRARIES / "dataprocessor",
        ],
        cwd=made.folder.parent,
        env={**os.environ, "FRAMEWORK0_HOME": str(made.folder.parent / "state")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + BEGINNING
    while processed(made) < 5:
        assert engine.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    at_work = Path(f"/proc/{engine.pid}/task/{engine.pid}/children").read_text("ascii").split()
    engine.kill()
    engine.wait(timeout=120)
    # What works for it ends after it.
    for process in at_work:
        await_end_of(int(process))
    left = made.read()
    assert left["global_parameters"]["current_step_state"] == "EXECUTE"
    assert 5 <= left["step_node_dataprocessor"]["processed_records"] < MANY
    rows = rows[:FEW]
    deliver(rows)
    made.step("resume")
    left = made.read()
    assert left["step_node_dataprocessor"]["processed_records"] == FEW
    assert left["step_engine"]["visit"] == 1
    summary = json.loads((made.folder / "by_region.json").read_text(encoding="utf-8"))
    assert sum(region["deliveries"] for region in summary.values()) == sum(
        not row.endswith(",") for row in rows
    )
