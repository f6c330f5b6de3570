"""Cut the power under a shared context again and again, and look whether what was acknowledged is there.

    python -m benchmarks.chaos.contextcut --cuts 100                       (as root, on Linux)
    python -m benchmarks.chaos.contextcut --cuts 40 --durability normal    must lose something

Like ``powercut``, whose disk it uses: the file of the context lies on an ext4 of its own, eight threads of
one process write to it and say what was acknowledged, then all that is not on the disk is gone. After
each cut the context is opened again: every acknowledged change has to be there, under its version, once,
and the file has to pass its own check. It then goes on with the same file.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from benchmarks.chaos.__main__ import commit
from benchmarks.chaos.powercut import mounted, told_before
from benchmarks.table import Row, render, verdict
from benchmarks.timing import PYTHON, REPOSITORY, environment

WRITERS = 8
LONGEST = 0.4
"""Seconds from the first acknowledgement to the cut, at most."""

WRITE = """
import os, sys, threading
from pathlib import Path
from framework0.context import Author, Write
from framework0.context.persist import SQLiteStore

store = SQLiteStore(Path(sys.argv[1]), durability=sys.argv[2], segment_changes=500)
first = int(sys.argv[3])

def write(name):
    for number in range(first, first + 1_000_000):
        value = [number, "x" * 60]
        (change,) = store.apply((Write(name, value),), Author(name), 1.0, operation=f"{name}-{number}")
        os.write(1, f"{name} {number} {change.version}\\n".encode())

for number in range(int(sys.argv[4])):
    threading.Thread(target=write, args=(f"w{number}",), daemon=True).start()
threading.Event().wait()
"""


class ContextTrial:
    """One context on one disk, and what its writers were told before each cut."""

    def __init__(self, disk, durability, chance):
        self.disk, self.durability, self.chance = disk, durability, chance
        self.path = disk.mount / "contexts" / "shared.db"
        self.told = {}
        self.cuts = 0
        self.broken = []

    def one_cut(self):
        process = subprocess.Popen(
            [
                PYTHON,
                "-c",
                WRITE,
                self.path,
                self.durability,
                str(self.cuts * 1_000_000),
                str(WRITERS),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        told = told_before(process, self.chance.uniform(0, LONGEST))
        self.disk.cut()
        process.kill()
        process.wait()
        process.stdout.close()
        self.cuts += 1
        self.disk.again()
        for line in told.split(b"\n")[:-1]:
            name, number, version = line.decode().split()
            self.told[int(version)] = (name, int(number))
        self.check()

    def check(self):
        """Compare the file with what was told; what is lost is counted once."""
        from framework0.context.persist import SQLiteStore

        try:
            with closing(SQLiteStore(self.path)) as store:
                store.verify()
                changes = {
                    change.version: (change.key, change.value[0]) for change in store.changes()
                }
        except Exception as error:  # noqa: BLE001
            # Whatever opening raises after a cut is a broken promise, and the end of this disk.
            self.broken.append(f"cannot be read: {error}")
            self.told.clear()
            return
        lost = [version for version, call in self.told.items() if changes.get(version) != call]
        self.broken += [f"version {version} was acknowledged and is lost" for version in lost]
        times = collections.Counter(changes.values())
        self.broken += [
            f"{call} happened {count} times" for call, count in times.items() if count > 1
        ]
        if sorted(changes) != list(range(1, len(changes) + 1)):
            self.broken.append("versions have gaps")
        # They would be taken for lost again after the next cut.
        self.told = {version: call for version, call in self.told.items() if version not in lost}


def main():
    arguments = parsed()
    chance = random.Random(arguments.seed)
    started = time.perf_counter()
    cuts = acknowledged = 0
    broken = []
    while cuts < arguments.cuts:
        # A file that has been cut often is full of what cuts leave: the next one gets a new disk.
        with (
            tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch,
            mounted(Path(scratch)) as disk,
        ):
            trial = ContextTrial(disk, arguments.durability, chance)
            for _ in range(min(20, arguments.cuts - cuts)):
                trial.one_cut()
            cuts, acknowledged = cuts + trial.cuts, acknowledged + len(trial.told)
            broken += trial.broken
            print(f"{cuts} cuts, {acknowledged:,} acknowledged", file=sys.stderr, flush=True)
    report(arguments, cuts, acknowledged, broken, time.perf_counter() - started)
    control = arguments.durability == "normal"
    raise SystemExit(not acknowledged or bool(broken) is not control)


def report(arguments, cuts, acknowledged, broken, seconds):
    print(f"python -m benchmarks.chaos.contextcut {' '.join(sys.argv[1:])}".rstrip())
    print(f"{time.strftime('%Y-%m-%d %H:%M')} · commit {commit()} · {seconds:,.0f} s\n")
    lost = sum("is lost" in sentence for sentence in broken)
    others = len(broken) - lost
    rows = [
        Row("cuts of the power", f"{cuts:,}", "–", "–", f"≥ {arguments.cuts:,}", verdict(True)),
        Row(
            "changes acknowledged before a cut",
            f"{acknowledged:,}",
            "–",
            "–",
            "> 0",
            verdict(acknowledged > 0),
        ),
        Row("… and lost", f"{lost:,}", "–", "–", "0", verdict(not lost)),
        Row("other broken promises", f"{others:,}", "–", "–", "0", verdict(not others)),
    ]
    print(render(rows))
    for sentence in broken[:10]:
        print(sentence)
    if arguments.durability == "normal":
        print("\nThe control: not every commit is synced. The promises have to be broken.")


def parsed():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos.contextcut",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cuts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--durability", choices=["full", "normal"], default="full")
    parser.add_argument("--scratch", default=str(REPOSITORY / ".bench"))
    arguments = parser.parse_args()
    if os.geteuid():
        parser.error("mounting a file system needs root")
    Path(arguments.scratch).mkdir(parents=True, exist_ok=True)
    return arguments


if __name__ == "__main__":
    main()
