"""What the peers' sides share: the graph that was asked for, and the time it took.

    PEER'S PYTHON peers/NAME_steps.py SHAPE STEPS WORKERS FOLDER

Runs in the peer's own environment, so it imports nothing of ours but the shapes. The clock starts when
the peer has its graph and has run a small one, and stops when it says that all is done.
"""

from __future__ import annotations

import gc
import json
import runpy
import sys
from pathlib import Path
from time import perf_counter

SHAPES = runpy.run_path(str(Path(__file__).parents[1] / "shapes.py"))["SHAPES"]
WARM_UP = 20


def noop(*_):
    return None


def last(parents):
    """Return the nodes nobody waits for: every node is needed by one of them."""
    waited_for = {parent for before in parents for parent in before}
    return [n for n in range(len(parents)) if n not in waited_for]


def asked():
    """Return the shape's name, the number of steps and of workers, and the folder to keep state in."""
    shape, steps, workers, folder = sys.argv[1:5]
    return shape, int(steps), int(workers), Path(folder)


def show(prepare):
    """Time the peer: ``prepare(parents, workers, folder)`` returns what runs that graph to its end."""
    shape, steps, workers, folder = asked()
    small = folder / "small"
    small.mkdir()
    prepare(SHAPES["layered"](WARM_UP, 5), workers, small)()
    whole = folder / "whole"
    whole.mkdir()
    run = prepare(SHAPES[shape](steps), workers, whole)
    gc.collect()
    started = perf_counter()
    run()
    print(json.dumps({"seconds": perf_counter() - started}))
