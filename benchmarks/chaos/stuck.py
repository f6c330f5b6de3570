"""R10: runs with stuck steps, ended by a signal, beside the two seconds that they may take after their grace.

    python -m benchmarks.chaos.stuck                  15 shapes × SIGINT and SIGTERM, with a grace of 5 s
    python -m benchmarks.chaos.stuck --trials 5       five of each
    python -m benchmarks.chaos.stuck --control        what ends stuck runs comes late: must be found

From the signal to the end of the last process; exit code, journal and resume are judged, too. One run at a
time, since the bound is in seconds.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.chaos.__main__ import commit
from benchmarks.table import Row, render, verdict
from benchmarks.timing import Series
from framework0.runner.warden import MARGIN
from tests.reliability.stuck import SHAPES, tried

GRACE = 5.0
BEYOND = 2.0
"""Seconds after the grace in which all has to be over."""

LATE = 3.0
"""Seconds after the grace at which the warden of the control kills."""


def rows(scratch, arguments):
    margin = LATE if arguments.control else MARGIN
    for place, shape in enumerate(SHAPES):
        if arguments.only not in shape.name:
            continue
        for number in (signal.SIGINT, signal.SIGTERM):
            folders = [scratch / f"{place}-{number.name}-{n}" for n in range(arguments.trials)]
            found = [tried(each, shape, number, arguments.grace, margin) for each in folders]
            seconds = Series([each for each, _ in found])
            wrong = [text for _, texts in found for text in texts]
            late = sum(each > arguments.grace + BEYOND for each in seconds.seconds)
            told = f"; {wrong[0]}" if wrong else ""
            yield Row(
                f"{shape.name}, {number.name}",
                f"{arguments.trials - late} of {arguments.trials} in time: {seconds}{told}",
                "–",
                "–",
                f"≤ {arguments.grace + BEYOND:g} s",
                verdict(not late and not wrong),
            )


def main():
    arguments = parsed()
    # Shells have jobs in the background ignore Ctrl-C, and what is ignored stays so in our commands.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="stuck-", dir=arguments.scratch) as scratch:
        found = list(rows(Path(scratch), arguments))
    print(f"python -m benchmarks.chaos.stuck {' '.join(sys.argv[1:])}".rstrip())
    print(f"{time.strftime('%Y-%m-%d %H:%M')} · commit {commit()} · {os.cpu_count()} cores")
    print(f"\n{render(found)}")
    broken = any(row.reached == "NO" for row in found)
    if arguments.control:
        print("\nThe control: what lets no line of Python run is ended late. That has to be found.")
    raise SystemExit(broken is not arguments.control)


def parsed():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=1, help="of each shape and signal")
    parser.add_argument("--grace", type=float, default=GRACE, help="seconds (%(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="shapes with it in their name")
    parser.add_argument(
        "--control", action="store_true", help="a warden that comes late: must fail"
    )
    parser.add_argument("--scratch", help="where the workspaces are made")
    return parser.parse_args()


if __name__ == "__main__":
    main()
