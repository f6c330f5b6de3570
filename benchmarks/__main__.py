"""Measure ourselves: python -m benchmarks [TABLE …] [--tiny] [--repeats N] [--scratch FOLDER].

Without names every table is measured, which takes about ten minutes on a quiet machine with two cores.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from importlib import import_module
from typing import NamedTuple

from benchmarks.table import render
from benchmarks.timing import REPOSITORY

TABLES = {
    "start": "startup",
    "engine": "engine",
    "peers": "beside",
    "whole": "whole",
    "durability": "durability",
    "waiting": "waiting",
    "resume": "resuming",
    "cached": "caching",
    "processes": "processes",
    "reading": "reading",
    "bus": "bus",
    "context": "context",
    "store": "store",
    "clusters": "clusters",
    "server": "server",
    "jsonfile": "jsonfile",
    "machine": "machine",
}


class Sizes(NamedTuple):
    """How much of everything; ``workers`` is what both sides get."""

    scratch: str
    starts: int = 20
    looks: int = 10
    repeats: int = 5
    # Times as many samples, where a hundredth matters; what counts is the median of their ratios.
    pairs: int = 8
    workers: int = min(32, (os.cpu_count() or 1) + 4)
    graphs: tuple[tuple[str, int], ...] = (
        ("chain", 1_000),
        ("fan", 1_000),
        ("layered", 1_000),
        ("layered", 10_000),
        ("layered", 100_000),
    )
    most_for_dask: int = 100_000
    beside: tuple[tuple[str, int], ...] = (("chain", 1_000), ("layered", 10_000))
    repeats_beside: int = 3
    whole: tuple[int, ...] = (10_000, 100_000)
    durable: int = 4_000
    naps: tuple[int, int] = (200, 50)
    resumed: int = 10_000
    read: int = 10_000
    cached: int = 10_000
    processes: tuple[tuple[str, int], ...] = (("layered", 10_000), ("chain", 1_000))
    array: tuple[int, int] = (100_000_000, 100)
    deliveries: tuple[int, int] = (200_000, 10)
    calls: int = 200_000
    stored: int = 32_000
    history: int = 1_000_000
    in_flight: tuple[int, ...] = (1, 64)
    cluster_writes: int = 6_400
    clients: int = 100
    idle: int = 2_000
    seconds: float = 2.0
    counters: tuple[int, ...] = (1, 8, 32)
    lives: int = 200


def tiny(scratch):
    """Return sizes that show that everything works, and nothing else."""
    return Sizes(
        scratch,
        starts=1,
        looks=1,
        repeats=1,
        pairs=1,
        graphs=(("chain", 20), ("fan", 20), ("layered", 200), ("layered", 400)),
        beside=(("chain", 20),),
        repeats_beside=1,
        whole=(200,),
        durable=300,
        naps=(8, 4),
        resumed=400,
        read=300,
        cached=300,
        processes=(("layered", 200),),
        array=(1_000_000, 3),
        deliveries=(2_000, 10),
        calls=2_000,
        stored=640,
        history=5_000,
        in_flight=(4,),
        cluster_writes=40,
        clients=4,
        idle=20,
        seconds=0.2,
        counters=(1, 4),
        lives=5,
    )


def main():
    arguments = parsed()
    sizes = tiny(arguments.scratch) if arguments.tiny else Sizes(arguments.scratch)
    if arguments.repeats:
        sizes = sizes._replace(repeats=arguments.repeats, starts=4 * arguments.repeats)
    print(about(sizes), end="\n\n", flush=True)
    found = []
    for name in arguments.tables or TABLES:
        for row in import_module(f"benchmarks.{TABLES[name]}").rows(sizes):
            found.append(row)
            print(" · ".join(row), file=sys.stderr, flush=True)
    print(render(found))
    print(f"\nLoad of the machine at the end: {os.getloadavg()[0]:.2f}")
    missed = [row.work for row in found if row.reached == "NO"]
    print(f"{sum(row.reached == 'yes' for row in found)} reached, {len(missed)} not")


def parsed():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tables", nargs="*", choices=[[], *TABLES], metavar="TABLE")
    parser.add_argument("--tiny", action="store_true", help="small sizes: does it all work?")
    parser.add_argument("--repeats", type=int, default=0, help="samples of each side (5)")
    parser.add_argument(
        "--scratch", default=str(REPOSITORY / ".bench"), help="a folder on the disk to measure"
    )
    arguments = parser.parse_args()
    os.makedirs(arguments.scratch, exist_ok=True)
    return arguments


def about(sizes):
    """Say what was measured where: figures without this are worth nothing."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return "\n".join(
        [
            f"python -m benchmarks {' '.join(sys.argv[1:])}".rstrip(),
            f"{time.strftime('%Y-%m-%d %H:%M')} · commit {commit or 'unknown'}",
            f"Python {platform.python_version()} · {platform.system()} {platform.machine()}",
            f"{os.cpu_count()} cores · load {os.getloadavg()[0]:.2f} · {sizes.workers} workers on both sides",
            f"medians of {sizes.repeats} (starts: {sizes.starts}), in brackets fastest and slowest",
        ]
    )


if __name__ == "__main__":
    main()
