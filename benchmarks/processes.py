"""Steps in warm processes: no-op steps over a graph, and a large array handed from step to step."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from benchmarks import shapes
from benchmarks.beside import command
from benchmarks.engine import Folders
from benchmarks.fresh import answer_of, measure
from benchmarks.startup import TO_INSTALL
from benchmarks.table import NOT_ASKED, Row, bounded, faster, longer, verdict
from benchmarks.timing import Series, alternate, paired
from benchmarks.warm import write_chain, write_graph

PEERS = (("distributed", "Dask LocalCluster"), ("ray", "Ray"))
LEAST = 1.0
LEAST_ARRAYS = 50
MOST_FOR_MEASURING = 1.02
MOST_OVER = 2.0
MOST_COPIES = 2.0


def rows(sizes):
    for shape, steps in sizes.processes:
        yield from graph(sizes, shape, steps)
    yield from measuring(sizes, *sizes.processes[0])
    yield from arrays(sizes, *sizes.array)


def graph(sizes, shape, steps):
    with tempfile.TemporaryDirectory(dir=sizes.scratch) as scratch:
        folders = Folders(Path(scratch), shape, steps)

        def ours():
            folder = shapes.workspace(folders.empty() / "workspace")
            write_graph(folder, folders.parents)
            return measure("pool", folder=folder, workers=sizes.workers)

        def floor():
            return measure("graph floor", shape=shape, steps=steps, workers=sizes.workers)

        mine, theirs = alternate(sizes.repeats, ours, floor)
        arguments = [shape, str(steps), str(sizes.workers)]
        peers = [(title, beside(sizes, name, ours, folders, arguments)) for name, title in PEERS]
    work = f"{shape} {steps:,}, no-op, in processes"
    for name, least in (("seconds", LEAST), ("whole", None)):
        told = "warm" if name == "seconds" else "starts included"
        yield faster(
            f"{work}, {told}",
            steps,
            Series(each[name] for each in mine),
            "graphlib + ProcessPoolExecutor",
            Series(each[name] for each in theirs),
            least=least,
        )
    used, theirs = (Series(each["processor"] for each in side) for side in (mine, theirs))
    yield longer(
        "″ processor time of all processes", used, "graphlib + ProcessPoolExecutor", theirs
    )
    for title, both in peers:
        if both is None:
            yield Row(f"{work}, warm", NOT_ASKED, f"{title} {TO_INSTALL}")
        else:
            yield faster(f"{work}, warm", steps, both[0], title, both[1], least=LEAST)


def beside(sizes, name, ours, folders, arguments):
    """Return the durations of ours and of a peer, taken in turn; None where it is not installed."""
    words = command(name)
    if words is None:
        return None

    def peer():
        return answer_of([*words, *arguments, str(folders.empty())])

    samples = alternate(sizes.repeats_beside, ours, peer)
    return [Series(each["seconds"] for each in side) for side in samples]


def measuring(sizes, shape, steps):
    """Show what it costs that each step's processor time, memory, input and output are measured."""
    with tempfile.TemporaryDirectory(dir=sizes.scratch) as scratch:
        folders = Folders(Path(scratch), shape, steps)

        def run(measured):
            folder = shapes.workspace(folders.empty() / "workspace")
            write_graph(folder, folders.parents)
            return measure("pool", folder=folder, workers=sizes.workers, measured=measured)

        on, off = paired(sizes.pairs * sizes.repeats, lambda: run(True), lambda: run(False))
    work = f"what each of {steps:,} no-op steps uses, measured"
    for name, told in (("seconds", work), ("processor", "″ processor time of all processes")):
        used, bare = ([each[name] for each in side] for side in (on, off))
        ratio = median(one / other for one, other in zip(used, bare, strict=True))
        yield Row(
            told,
            str(Series(used)),
            f"not measured {Series(bare)}",
            f"{ratio:.3f} × (median of {len(used)} pairs)",
            f"≤ {MOST_FOR_MEASURING:g} ×",
            verdict(ratio <= MOST_FOR_MEASURING),
        )


def arrays(sizes, size, steps):
    work = f"an array of {size // 10**6:,} MB through {steps} steps"
    with tempfile.TemporaryDirectory(dir=sizes.scratch) as scratch:
        folders = Folders(Path(scratch), "chain", 1)

        def workspace():
            folder = shapes.workspace(folders.empty() / "workspace")
            write_chain(folder, size, steps)
            return folder

        def ours():
            return measure("pool", folder=workspace(), workers=sizes.workers, peak=True)

        def floor(where):
            return measure("array floor", folder=workspace(), size=size, steps=steps, where=where)

        mine, here = alternate(sizes.repeats, ours, lambda: floor("here"))
        # Once: it takes about a minute, and is no near thing.
        pool = floor("process")
    seconds = Series(each["seconds"] for each in mine)
    ratio = pool["seconds"] / seconds.median
    yield Row(
        work,
        str(seconds),
        f"ProcessPoolExecutor {pool['seconds']:.3g} s",
        f"{ratio:.1f} ×",
        f"≥ {LEAST_ARRAYS} ×",
        verdict(ratio >= LEAST_ARRAYS),
    )
    floor_seconds = Series(each["seconds"] for each in here)
    over = seconds.median - floor_seconds.median
    yield bounded("″ over plain calls in one process", over, MOST_OVER, "s", str(floor_seconds))
    peak = max(each["peak"] for each in mine) / size
    other = f"ProcessPoolExecutor {pool['peak'] / size:.2f}"
    yield bounded("″ peak memory", peak, MOST_COPIES, "arrays", other)
