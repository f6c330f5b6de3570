"""Kill processes that count in one JSON file, and kill one change at each call it makes.

    python -m benchmarks.chaos.counts                             32 processes × 1,000, 1,000 kills; crash points
    python -m benchmarks.chaos.counts --quota 100 --kills 100     as in the suite

R17: each process keeps a ledger of the counts it was told are done. With `increment` the count in the file is
at least what the ledgers say, and at most one more for each kill; with `change` and an id of its own for each
count it is exact. A reader without a lock reads all the while. R2 (Linux, with strace): one change is killed as it
enters its first, second, third … call of each kind on the files, until it comes through; the file is then
the old or the new one, what was told is in it, and the next change finds the lock free and removes the drafts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.chaos.__main__ import commit
from benchmarks.table import Row, render, verdict
from benchmarks.timing import PYTHON, environment
from framework0.jsonfile import JsonFile

CALLS = (
    "openat",
    "write",
    "pwrite64",
    "fsync",
    "link",
    "rename",
    "unlink",
    "flock",
    "fcntl",
    "close",
    "pread64",
)

CHANGE = """
import os, sys
from pathlib import Path
from framework0.jsonfile import JsonFile
# Drafts have names of chance; strace has to know them.
os.urandom = lambda count: bytes(count)
JsonFile(Path(sys.argv[1])).set("g", "a", value="new")
print("told", flush=True)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=32)
    parser.add_argument("--quota", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--scratch", default=None)
    arguments = parser.parse_args()
    print(f"python -m benchmarks.chaos.counts · commit {commit()}\n")
    found = []
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        found += [counted(arguments, Path(scratch) / mode, mode) for mode in ("posted", "exact")]
        if shutil.which("strace"):
            found.append(crashed(Path(scratch)))
    print(render(found))
    raise SystemExit(any(row.reached == "NO" for row in found))


def counted(arguments, folder, mode):
    from tests.reliability.counting import hunt

    folder.mkdir()
    start = perf_counter()
    told, killed = hunt(
        folder / "p.json",
        processes=arguments.processes,
        quota=arguments.quota,
        kills=arguments.kills,
        mode=mode,
        seed=arguments.seed,
    )
    count = JsonFile(folder / "p.json").get("count")
    most = told if mode == "exact" else told + killed
    return Row(
        f"{arguments.processes} processes count, {mode}",
        f"{count:,} in the file, {perf_counter() - start:.0f} s",
        f"{told:,} told, {killed:,} kills",
        reach=f"{told:,} to {most:,}",
        reached=verdict(told <= count <= most),
    )


def crashed(scratch):
    points, broken = 0, []
    for call in CALLS:
        number = 1
        while crash(scratch / f"{call}-{number}", call, number, broken):
            number += 1
            points += 1
    for line in broken:
        print(line)
    return Row(
        "one change killed at each of its calls",
        f"{points} points",
        f"{len(broken)} broken",
        reach="0 broken",
        reached=verdict(points > 0 and not broken),
    )


def crash(folder, call, number, broken):
    """Kill one change at that call; return whether there was such a call. Append what is broken."""
    folder.mkdir()
    path = folder / "p.json"
    JsonFile(path).set("g", "a", value="old")
    trace = folder / "trace"
    names = ["", "p.json", "p.json.lock", "p.json.bak"]
    names += [f"p.json.{'00' * 6}.draft", f"p.json.bak.{'00' * 6}.draft"]
    files = [folder / name for name in names]
    command = ["strace", "-q", "-f", "-o", trace]
    command += [word for file in files for word in ("-P", file)]
    command += ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"]
    ended = subprocess.run(
        [*command, PYTHON, "-c", CHANGE, path],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    met = "killed by SIGKILL" in trace.read_text()
    told = ended.stdout == "told\n"
    try:
        left = json.loads(path.read_text())["g"]["a"]
        JsonFile(path, timeout=0).increment("n")
        drafts = [name for name in os.listdir(folder) if name.endswith(".draft")]
    except Exception as error:  # noqa: BLE001
        left, drafts = f"{type(error).__name__}: {error}", []
    if left not in ("old", "new") or (told and left != "new") or drafts:
        broken.append(f"{call} {number}: told {told}, left {left!r}, drafts {drafts}")
    if not met and not told:
        broken.append(f"{call} {number}: {ended.stderr}")
    return met


if __name__ == "__main__":
    main()
