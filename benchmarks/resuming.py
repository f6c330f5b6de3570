"""Resuming a large run that was killed half-way: from the fork to the first new step."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path
from time import monotonic

from benchmarks.fresh import answer_of
from benchmarks.half import half_done, half_of
from benchmarks.table import NOT_ASKED, Row, bounded
from benchmarks.timing import CONSOLE_SCRIPT, PYTHON, Series, alternate, environment

MOST = 0.5
READ_AGAIN = """
import json, sys
from pathlib import Path
from framework0.runner import Journal
history = Journal(Path(sys.argv[1])).read(sys.argv[2])
ended = [record.node for record in history.attempts if record.state == "succeeded"]
print(json.dumps([history.summary.state, len(ended), len(set(ended))]))
"""


def rows(sizes):
    with tempfile.TemporaryDirectory(dir=sizes.scratch) as scratch:
        half = Path(scratch) / "half"
        run = half_done(half, sizes.resumed, sizes.workers)
        copies = Copies(Path(scratch), half, run, sizes)
        whole, parted = alternate(sizes.repeats, copies.command, copies.parts)
    found = Series(whole)
    yield bounded(
        f"resume of {sizes.resumed:,} steps at 50 %, to the first new step",
        found.median,
        MOST,
        "s",
        f"from the fork of `framework0 resume`: {found}",
    )
    names = parted[0]["parts"]
    for name in names:
        seconds = statistics.median(part["parts"][name] for part in parted)
        yield Row(f"… {name}", f"{seconds * 1000:.1f} ms", NOT_ASKED)


class Copies:
    """Resumes a new copy of the half-done run each time, and looks at what became of it."""

    def __init__(self, scratch, half, run, sizes):
        self.scratch, self.half, self.run, self.sizes = scratch, half, run, sizes
        self.count = 0

    def copy(self):
        self.count += 1
        return shutil.copytree(self.half, self.scratch / f"copy{self.count}")

    def command(self):
        folder = self.copy()
        words = [CONSOLE_SCRIPT, "resume", self.run, "--quiet"]
        words += ["--concurrency", str(self.sizes.workers)]
        started = monotonic()
        ended = subprocess.run(
            words,
            cwd=folder,
            env=environment(**half_of(folder, self.sizes.resumed)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode != 0:
            raise SystemExit(f"the resume ended with {ended.returncode}:\n{ended.stderr}")
        self.look(folder)
        return float((folder / "stamps").read_text().split()[0]) - started

    def parts(self):
        folder = self.copy()
        words = [PYTHON, "-m", "benchmarks.resumed", str(folder), self.run, str(self.sizes.workers)]
        found = answer_of(words, STARTED=repr(monotonic()), **half_of(folder, self.sizes.resumed))
        self.look(folder)
        return found

    def look(self, folder):
        """Every step has to have succeeded exactly once, or the time means nothing."""
        steps = self.sizes.resumed
        journal = str(folder / ".framework0" / "journal.db")
        found = answer_of([PYTHON, "-c", READ_AGAIN, journal, self.run])
        if found != ["succeeded", steps, steps]:
            raise SystemExit(f"after the resume the journal has {json.dumps(found)}")
