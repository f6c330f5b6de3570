"""Dask's threaded scheduler over one of our graphs: DASK'S PYTHON dask_steps.py SHAPE STEPS WORKERS.

Runs in the peers' own environment, so it imports nothing of ours but the shapes beside it. Dask keeps
nothing: no row, no result after the end.
"""

from __future__ import annotations

import gc
import json
import runpy
import sys
from pathlib import Path
from time import perf_counter

from dask.threaded import get

SHAPES = runpy.run_path(str(Path(__file__).parents[1] / "shapes.py"))["SHAPES"]


def noop(*_):
    return None


def graph_of(parents):
    return {n: (noop, *before) for n, before in enumerate(parents)}


def last(parents):
    """Ask for the nodes nobody waits for: every node is needed by one of them."""
    waited_for = {parent for before in parents for parent in before}
    return [n for n in range(len(parents)) if n not in waited_for]


def main():
    shape, steps, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    small = SHAPES["layered"](200)
    get(graph_of(small), last(small), num_workers=workers)
    parents = SHAPES[shape](steps)
    graph, wanted = graph_of(parents), last(parents)
    gc.collect()
    started = perf_counter()
    get(graph, wanted, num_workers=workers)
    print(json.dumps({"seconds": perf_counter() - started}))


if __name__ == "__main__":
    main()
