"""The engine: no-op steps on threads, durable, against the floors and Dask over the same graphs."""

from __future__ import annotations

import math
import tempfile
from itertools import pairwise
from pathlib import Path

from benchmarks import shapes
from benchmarks.fresh import answer_of, measure
from benchmarks.startup import TO_INSTALL
from benchmarks.table import NOT_ASKED, Row, bounded, faster, verdict
from benchmarks.timing import PEERS, Series, alternate

LEAST = 0.5
MOST_GROWTH = 1.1
MOST_BYTES = 3.0
DASK = Path(__file__).parent / "peers" / "dask_steps.py"


def rows(sizes):
    layered = {}
    for shape, steps in sizes.graphs:
        work = f"{shape} {steps:,}, no-op"
        found = measured(sizes, shape, steps)
        ours, pool = found["ours"], found["pool"]
        yield faster(work, steps, ours, "pool floor", pool, least=LEAST)
        for name in ("pool, NORMAL", "lean"):
            yield faster("″", steps, ours, name, found[name])
        if "dask" in found:
            yield faster("″", steps, ours, "Dask threaded", found["dask"], least=1)
        else:
            yield Row("″", ours.rate(steps), f"Dask {TO_INSTALL}", NOT_ASKED, "≥ 1 ×", NOT_ASKED)
        if shape == "layered":
            layered[steps] = found
    yield from growth(layered)
    yield from memory(layered)


def measured(sizes, shape, steps):
    """Return the durations of each side, and the peaks of ours; every sample is a process of its own."""
    with tempfile.TemporaryDirectory(dir=sizes.scratch) as scratch:
        folders = Folders(Path(scratch), shape, steps)
        graph = {"shape": shape, "steps": steps, "workers": sizes.workers}

        def floor(name, synchronous):
            return lambda: measure(
                "floor", folder=folders.empty(), name=name, synchronous=synchronous, **graph
            )

        sides = {
            "ours": lambda: measure("ours", folder=folders.workspace(), workers=sizes.workers),
            "pool": floor("pool", "FULL"),
            "pool, NORMAL": floor("pool", "NORMAL"),
            "lean": floor("lean", "FULL"),
        }
        python = PEERS / "python"
        if python.exists() and steps <= sizes.most_for_dask:
            words = [str(python), str(DASK), shape, str(steps), str(sizes.workers)]
            sides["dask"] = lambda: answer_of([*words, str(folders.empty())])
        samples = dict(zip(sides, alternate(sizes.repeats, *sides.values()), strict=True))
    found = {name: Series(part["seconds"] for part in parts) for name, parts in samples.items()}
    return {**found, "peaks": [part["peak"] for part in samples["ours"]]}


class Folders:
    """A new folder for each sample, so that no run finds what another has left."""

    def __init__(self, scratch, shape, steps):
        self.scratch = scratch
        self.parents = shapes.SHAPES[shape](steps)
        self.count = 0

    def empty(self):
        self.count += 1
        folder = self.scratch / str(self.count)
        folder.mkdir()
        return folder

    def workspace(self):
        folder = shapes.workspace(self.empty() / "workspace")
        shapes.write_recipe(folder / "recipe.yaml", self.parents)
        return folder


def growth(layered):
    """How the time grows with the number of steps: the slope between the ends on a log-log scale."""
    counts = sorted(layered)

    def slope(name, low, high):
        times = [layered[count][name].median for count in (low, high)]
        return math.log(times[1] / times[0]) / math.log(high / low)

    first, last = counts[0], counts[-1]
    pairs = [(first, last), *pairwise(counts[1:])]
    for low, high in pairs:
        ours, floor = slope("ours", low, high), slope("pool", low, high)
        yield Row(
            f"growth exponent, layered {low:,} to {high:,}",
            f"{ours:.2f}",
            f"pool floor {floor:.2f}",
            NOT_ASKED,
            f"≤ {MOST_GROWTH}",
            verdict(ours <= MOST_GROWTH),
        )


def memory(layered):
    """Peak memory a step, over what the process had with the checked recipe in its hands."""
    steps = max(layered)
    most = max(layered[steps]["peaks"]) / steps / 1000
    work = f"peak memory a step, layered {steps:,}: the run"
    yield bounded(work, most, MOST_BYTES, "kB", "over the same process before it")
