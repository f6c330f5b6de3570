"""The locked JSON file: counts by many processes at once beside its peers, and reads beside a parse."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter, sleep

from benchmarks.startup import TO_INSTALL
from benchmarks.table import NOT_ASKED, Row, bounded, faster, verdict
from benchmarks.timing import PEERS, PYTHON, REPOSITORY, Series, alternate, series

SIDE = str(Path(__file__).parent / "peers" / "counting.py")
LEAST_AT_ONCE = 2.0
LEAST_ALONE = 1.0
LONGEST = 100
"""Milliseconds that one of 32 processes may wait for its count."""

READS = {"1 kB": (20, 3.0), "100 kB": (2_200, 10.0)}
"""How many texts are in the file, and how much quicker than a parse a read has to be."""


def rows(sizes):
    for name, (texts, least) in READS.items():
        yield reads(sizes, name, texts, least)
    for processes in sizes.counters:
        yield from at_once(sizes, processes)
    for peer in ("filelock, without a sync", "TinyDB", "sqlitedict", "diskcache"):
        yield alone(sizes, peer)


def reads(sizes, name, texts, least):
    from framework0.jsonfile import JsonFile

    with tempfile.TemporaryDirectory(dir=sizes.scratch) as scratch:
        path = Path(scratch) / "p.json"
        file = JsonFile(path)
        group = {f"name{number:04}": f"value {number} of the file" for number in range(texts)}
        file.change(lambda document: document.update(group=group))
        # Settled: read while its times are those of this very moment, its bytes are compared.
        sleep(0.2)
        count = max(10, sizes.calls // (100 * texts))

        def read():
            for _ in range(count):
                file.read()

        def parse():
            for _ in range(count):
                with open(path, "rb") as opened:
                    json.loads(opened.read())

        ours, other = series(sizes.repeats, lambda: timed(read), lambda: timed(parse))
        file.close()
    return faster(
        f"read an unchanged file of {name}", count, ours, "open, json.loads", other, least
    )


def timed(function):
    start = perf_counter()
    function()
    return perf_counter() - start


def at_once(sizes, processes):
    work = f"counts by {processes} process{'es' * (processes > 1)}, synced"
    ours, other = beside(sizes, "ours", "filelock", processes)
    least = LEAST_AT_ONCE if processes > 1 else None
    yield compared(work, ours, "filelock, json, fsync, replace", other, least)
    if ours and processes > 1:
        waits, others = ([worst * 1000 for _, worst in found] for found in (ours, other))
        peer = f"filelock {max(others):,.0f} ms" if others else NOT_ASKED
        yield bounded("… the longest wait", max(waits), LONGEST, "ms", peer)


def alone(sizes, peer):
    ours, other = beside(sizes, "ours, without a sync", peer, 1)
    return compared("counts by 1 process, not synced", ours, peer, other, LEAST_ALONE)


def compared(work, ours, name, other, least):
    """Compare counts a second: of each sample (count a second, longest wait)."""
    mine = Series(1 / rate for rate, _ in ours)
    if not other:
        return Row(work, mine.rate(1), f"{name} {TO_INSTALL}")
    theirs = Series(1 / rate for rate, _ in other)
    ratio = theirs.median / mine.median
    reach = (NOT_ASKED, NOT_ASKED) if least is None else (f"≥ {least:g} ×", verdict(ratio >= least))
    return Row(work, mine.rate(1), f"{name} {theirs.rate(1)}", f"{ratio:.2f} ×", *reach)


def beside(sizes, name, peer, processes):
    """Return the samples of ours and of a peer in turn, both by the peers' interpreter if there is one."""
    python = PEERS / "python"
    if not python.exists() or not has(python, peer):
        return [sample(sizes, PYTHON, name, processes) for _ in range(sizes.repeats)], []
    return alternate(
        sizes.repeats,
        lambda: sample(sizes, python, name, processes),
        lambda: sample(sizes, python, peer, processes),
    )


def has(python, peer):
    module = peer.partition(",")[0].lower()
    words = [python, "-c", f"import {module}"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def sample(sizes, python, name, processes):
    with tempfile.TemporaryDirectory(dir=sizes.scratch) as folder:
        running = [
            subprocess.Popen(
                [python, SIDE, name, folder, str(sizes.seconds)],
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(processes)
        ]
        for process in running:
            assert process.stdout.readline() == "ready\n"
        found = [process.communicate()[0] for process in told(running)]
    counted = [json.loads(text) for text in found]
    return sum(done for done, _ in counted) / sizes.seconds, max(worst for _, worst in counted)


def told(running):
    """Have all begin at once, and return them."""
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    return running
