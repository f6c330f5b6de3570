"""Cut the power of a run again and again, and look whether what was acknowledged is still there.

    python -m benchmarks.chaos.powercut --cuts 200                        (as root, on Linux)
    python -m benchmarks.chaos.powercut --cuts 60 --durability normal     must lose something

The workspace lies on an ext4 of its own in a loop-mounted file. A cut is the ioctl that the file
system's own tests use (EXT4_IOC_SHUTDOWN without flushing its journal, see xfstests' ``godown``): all
that is not on the disk by then is gone. Then the process is killed, the file system mounted again, and
the journal compared with what this process had been told before the cut. The ledger of the steps lies
elsewhere. ``--durability normal`` is the control: it syncs at checkpoints only, so it has to lose.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from benchmarks.chaos.__main__ import MEMORY, commit
from benchmarks.chaos.trial import DRIVER, Trial
from benchmarks.table import Row, render, verdict
from benchmarks.timing import PYTHON, REPOSITORY, environment
from framework0.errors import RunNotFound

SHUTDOWN = 0x8004587D
"""``_IOR('X', 125, __u32)``, EXT4_IOC_SHUTDOWN; its argument 2 is "no flush of the journal"."""

NO_FLUSH = struct.pack("I", 2)
SIZE = "192M"
HELD_SECONDS = 60.0
LONGEST = 0.4
"""Seconds from the first acknowledgement of a session to its cut, at most."""


class Disk:
    """An ext4 in a file, mounted, whose power can be cut."""

    def __init__(self, folder):
        self.image = folder / "image"
        self.mount = folder / "mount"
        self.mount.mkdir()
        do("truncate", "-s", SIZE, self.image)
        do("mkfs.ext4", "-q", "-F", self.image)
        do("mount", "-o", "loop", self.image, self.mount)

    def cut(self):
        descriptor = os.open(self.mount, os.O_RDONLY)
        fcntl.ioctl(descriptor, SHUTDOWN, NO_FLUSH)
        os.close(descriptor)

    def again(self):
        """Mount it as after a start of the machine.

        A mount namespace that somebody made meanwhile can keep the file system alive as it was cut off,
        and mounting the file then gives that one: it is done again until the disk can be used.
        """
        end = time.monotonic() + HELD_SECONDS
        do("umount", self.mount)
        do("mount", "-o", "loop", self.image, self.mount)
        while not self.is_alive() and time.monotonic() < end:
            do("umount", self.mount)
            time.sleep(0.1)
            do("mount", "-o", "loop", self.image, self.mount)

    def is_alive(self):
        try:
            descriptor = os.open(self.mount / "probe", os.O_WRONLY | os.O_CREAT)
        except OSError:
            return False
        os.close(descriptor)
        return True

    def close(self):
        subprocess.run(["umount", "-l", self.mount], check=False)


def do(*words):
    subprocess.run(list(map(str, words)), check=True)


@contextmanager
def mounted(folder):
    disk = Disk(folder)
    try:
        yield disk
    finally:
        disk.close()


class CutTrial(Trial):
    """A run whose sessions end with the power."""

    def __init__(self, disk, ledger, steps, words, chance):
        super().__init__(disk.mount, ledger, steps, words)
        self.disk, self.chance = disk, chance
        self.cuts = self.told = 0
        os.sync()

    def one_session(self, **_):
        self.session += 1
        process = subprocess.Popen(
            [PYTHON, DRIVER, self.folder, self.run_id, *self.words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(LEDGER=str(self.ledger), SESSION=str(self.session)),
        )
        told = told_before(process, self.chance.uniform(0, LONGEST))
        self.disk.cut()
        process.kill()
        process.wait()
        process.stdout.close()
        self.cuts += 1
        self.disk.again()
        self._take(told)

    def broken_promises(self):
        try:
            return super().broken_promises()
        except RunNotFound:
            lost = [
                f"{name} was acknowledged and is lost, and its run" for name in self.acknowledged
            ]
            self.run_id = "-"
            self.acknowledged.clear()
            return lost

    def _take(self, told):
        for line in told.split(b"\n")[:-1]:
            word, rest = line.decode().split()
            if word == "run":
                self.run_id = rest
            elif word == "end":
                self.finished = rest == "succeeded"
            else:
                self.acknowledged[word] = self.session
                self.told += 1


def told_before(process, seconds):
    """Return what a process has said so many seconds after its first words; nothing is read after it."""
    descriptor = process.stdout.fileno()
    os.set_blocking(descriptor, False)
    told, end = b"", None
    while end is None or time.monotonic() < end:
        try:
            found = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            found = None
        if found == b"":
            break
        told += found or b""
        if end is None and told.count(b"\n") > 1:
            end = time.monotonic() + seconds
        time.sleep(0.0005)
    return told


def main():
    arguments = parsed()
    chance = random.Random(arguments.seed)
    cuts = told = 0
    broken = []
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as memory:
        while cuts < arguments.cuts:
            # A run that has ended is no longer at risk: the next one gets a new disk.
            with (
                tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch,
                mounted(Path(scratch)) as disk,
            ):
                ledger = Path(memory) / f"ledger{cuts}"
                words = ["--normal"] if arguments.durability == "normal" else []
                trial = CutTrial(disk, ledger, arguments.steps, words, chance)
                found = {}
                while not trial.finished and cuts + trial.cuts < arguments.cuts:
                    trial.one_session()
                    # What is lost stays lost: it is counted once.
                    found.update(dict.fromkeys(trial.broken_promises()))
                broken += found
                cuts, told = cuts + trial.cuts, told + trial.told
                print(f"{cuts} cuts, {told:,} acknowledged", file=sys.stderr, flush=True)
    report(arguments, cuts, told, broken, time.perf_counter() - started)
    control = arguments.durability == "normal"
    raise SystemExit(cuts < arguments.cuts or not told or bool(broken) is not control)


def report(arguments, cuts, told, broken, seconds):
    print(f"python -m benchmarks.chaos.powercut {' '.join(sys.argv[1:])}".rstrip())
    print(f"{time.strftime('%Y-%m-%d %H:%M')} · commit {commit()} · {seconds:,.0f} s\n")
    lost = sum("is lost" in sentence for sentence in broken)
    repeated = sum("ran in session" in sentence for sentence in broken)
    others = len(broken) - lost - repeated
    rows = [
        Row("cuts of the power", f"{cuts:,}", "–", "–", f"≥ {arguments.cuts:,}", verdict(True)),
        Row("steps acknowledged before a cut", f"{told:,}", "–", "–", "> 0", verdict(told > 0)),
        Row("… and lost", f"{lost:,}", "–", "–", "0", verdict(not lost)),
        Row("… and run again", f"{repeated:,}", "–", "–", "0", verdict(not repeated)),
        Row("other broken promises", f"{others:,}", "–", "–", "0", verdict(not others)),
    ]
    print(render(rows))
    for sentence in broken[:10]:
        print(sentence)
    if arguments.durability == "normal":
        print("\nThe control: not every commit is synced. The promises have to be broken.")


def parsed():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos.powercut",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--steps", type=int, default=3_000)
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
