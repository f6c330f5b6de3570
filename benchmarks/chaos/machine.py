"""Kill the engine of a machine at each of its transitions, through the command, and go on each time.

    python -m benchmarks.chaos.machine                       200 nodes, killed after each of 1,000 transitions
    python -m benchmarks.chaos.machine --when before         the same, each killed right before it is made, then made
    python -m benchmarks.chaos.machine --nodes 5 --control   must find what an engine that forgets has lost

Each session is `framework0 step run` or `step resume`, killed by SIGKILL with a chosen change of the
parameter file. The nodes note each call outside, with visit and attempt. After each kill the file must name the
expected node and state, and the journal must tell an interrupted run. In the end each method of each
node was called, in order, never more often than once and once more for each kill, each time with a
later attempt; and the journal has each visit once.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.chaos.__main__ import commit
from benchmarks.table import NOT_ASKED, Row, render, verdict

SHOWN = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--when", choices=("after", "before"), default="after")
    parser.add_argument("--control", action="store_true", help="an engine that forgets")
    parser.add_argument("--scratch", default=None)
    arguments = parser.parse_args()
    print(f"python -m benchmarks.chaos.machine · commit {commit()}\n")
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        found = hunted(Path(scratch), arguments)
    print(render(found))
    raise SystemExit(any(row.reached == "NO" for row in found))


def hunted(folder, arguments):
    from tests.reliability.machine_kills import Machine

    start = perf_counter()
    machine = Machine(folder, arguments.nodes)
    if arguments.control:
        machine.run_and_kill(4, "forget")
    else:
        # The last transition leaves nothing to go on with.
        while machine.place() < machine.transitions - 1 and not machine.violations:
            if arguments.when == "before":
                machine.run_and_kill(1, "before")
            machine.run_and_kill(1, "after")
    machine.run_and_kill(0, "after")
    violations = machine.judge()
    for violation in violations[:SHOWN]:
        print(f"violation: {violation}")
    wanted = 1 if arguments.control else machine.transitions - 1
    none = not violations
    return [
        Row("transitions of the machine", f"{machine.transitions:,}", NOT_ASKED),
        counted(
            "kills of its engine (SIGKILL)", machine.kills, f"≥ {wanted:,}", machine.kills >= wanted
        ),
        Row("calls of methods, 4 for each node and those again", f"{machine.calls:,}", NOT_ASKED),
        (
            counted("violations found", len(violations), "≥ 1", not none)
            if arguments.control
            else counted("violations", len(violations), "0", none)
        ),
        Row("visits told as lost by the journal", str(machine.lost), NOT_ASKED),
        Row("seconds", f"{perf_counter() - start:.0f}", NOT_ASKED),
    ]


def counted(work, count, reach, good):
    return Row(work, f"{count:,}", NOT_ASKED, NOT_ASKED, reach, verdict(good))


if __name__ == "__main__":
    main()
