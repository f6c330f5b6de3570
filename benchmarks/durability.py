"""What "durable" means here, observed from outside: the pragma, the syncs, the rows read again."""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from benchmarks import shapes
from benchmarks.fresh import answer_of
from benchmarks.table import NOT_ASKED, Row, verdict
from benchmarks.timing import PYTHON

NAMES = {1: "NORMAL", 2: "FULL"}
READ_AGAIN = """
import json, sys
from framework0.runner import Journal
history = Journal(__import__("pathlib").Path(sys.argv[1])).read(sys.argv[2])
print(json.dumps({"rows": len({record.node for record in history.attempts}),
                  "state": history.summary.state}))
"""
PRAGMA = """
import json, os, sys, time
from pathlib import Path
from framework0.runner import Journal, RunHeader, new_run_id
recorder = Journal(Path(sys.argv[1]), durability=sys.argv[2]).begin(
    RunHeader(run_id=new_run_id(time.time(), os.urandom)), 1)
print(json.dumps(recorder.synchronous))
recorder.close()
"""


def rows(sizes):
    for durability in ("full", "normal"):
        yield facts(sizes, durability)


def facts(sizes, durability):
    steps = sizes.durable
    with tempfile.TemporaryDirectory(dir=sizes.scratch) as scratch:
        folder = shapes.workspace(Path(scratch) / "workspace")
        # Steps of a millisecond: no-op ones would all be in a handful of commits, which proves little.
        shapes.write_recipe(folder / "recipe.yaml", shapes.layered(steps), function="pause")
        run, syncs = traced(folder, sizes.workers, durability, Path(scratch) / "calls")
        journal = folder / ".framework0" / "journal.db"
        with closing(sqlite3.connect(journal)) as connection:
            commits = connection.execute("SELECT count(*) FROM batches").fetchone()[0]
        again = answer_of([PYTHON, "-c", READ_AGAIN, str(journal), run])
        pragma = answer_of([PYTHON, "-c", PRAGMA, str(journal), durability])
    observed = (
        "its syncs not observed: no strace" if syncs is None else f"its syncs observed {syncs:,}"
    )
    whole = again == {"rows": steps, "state": "succeeded"}
    if durability == "full":
        good = whole and pragma == 2 and (syncs is None or syncs >= commits)
        reach = "2, a sync for each commit, every row"
    else:
        good = whole and pragma == 1 and (syncs is None or syncs < commits)
        reach = "1, fewer syncs than commits, every row"
    return Row(
        f"durability={durability}, layered {steps:,}, steps of 1 ms",
        f"PRAGMA synchronous = {pragma} ({NAMES[pragma]}) · commits to the log {commits:,} · {observed}",
        f"rows read again by another process {again['rows']:,} of {steps:,}",
        NOT_ASKED,
        reach,
        verdict(good),
    )


def traced(folder, workers, durability, log):
    """Run the recipe under strace; return the run's id and how often the journal's log was synced."""
    arguments = f'{{"folder": "{folder}", "workers": {workers}, "durability": "{durability}"}}'
    words = [PYTHON, "-m", "benchmarks.worker", "ours", arguments]
    strace = shutil.which("strace")
    if strace is None:
        return answer_of(words)["run"], None
    before = [strace, "-f", "-y", "-qq", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-o", log]
    found = answer_of(words, before=before)
    log_of_journal = re.compile(
        rf"(fsync|fdatasync)\(\d+<{re.escape(str(folder))}/.*journal\.db-wal>"
    )
    return found["run"], sum(
        1 for line in log.read_text().splitlines() if log_of_journal.search(line)
    )
