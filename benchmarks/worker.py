"""One measurement in a process of its own: python -m benchmarks.worker WHAT JSON.

A process that has done nothing else has no other's garbage, caches or memory. Before the clock starts
each side has run a small graph of its own once, so that imports and first-time work count for
neither; the result is one line of JSON.
"""

from __future__ import annotations

import gc
import json
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks import shapes, warm
from benchmarks.memory import figures, forget_peak

WARM_UP = 50


def ours(folder, workers, durability="full", **_):
    """Time one whole run of ``folder``'s recipe, checked before: from the recipe to the RunResult."""
    from framework0.assembly import Options, load_recipe, start_run
    from framework0.workspace import find_workspace

    def run(recipe, space):
        options = Options(concurrency=workers, durability=durability)
        return start_run(recipe, workspace=space, options=options)

    with tempfile.TemporaryDirectory(dir=Path(folder).parent) as small:
        warm = shapes.workspace(Path(small))
        shapes.write_recipe(warm / "recipe.yaml", shapes.layered(WARM_UP, 10))
        space = find_workspace(explicit=warm)
        run(load_recipe(warm / "recipe.yaml", workspace=space), space)
        for name in ("steps",):
            sys.modules.pop(name, None)
    space = find_workspace(explicit=folder)
    recipe = load_recipe(space.root / "recipe.yaml", workspace=space)
    measured, result = timed(lambda: run(recipe, space))
    if not result.ok:
        raise SystemExit(f"the run {result.state}")
    return {**measured, "run": result.id}


def floor(folder, name, shape, steps, workers, synchronous="FULL", **_):
    """Time one floor over the same graph, from the graph to the closed database."""
    from benchmarks.floors import FLOORS

    drive = FLOORS[name]
    drive(shapes.layered(WARM_UP, 10), nothing, workers, Path(folder) / "warm.db", synchronous)
    parents = shapes.SHAPES[shape](steps)
    path = Path(folder) / "floor.db"
    measured, _ = timed(lambda: drive(parents, nothing, workers, path, synchronous))
    return measured


def naps(folder, steps, workers, **_):
    """Time the pool floor over steps that sleep 50 ms each."""
    from time import sleep

    from benchmarks.floors import pool

    path = Path(folder) / "naps.db"
    measured, _ = timed(lambda: pool(shapes.fan(steps), lambda: sleep(0.05), workers, path))
    return measured


def check(folder, **_):
    """Time reading and checking a recipe as a fresh process does it, imports included."""
    started = perf_counter()
    from framework0.assembly import load_recipe
    from framework0.workspace import find_workspace

    space = find_workspace(explicit=folder)
    imported = perf_counter()
    recipe = load_recipe(space.root / "recipe.yaml", workspace=space)
    ended = perf_counter()
    return {
        "seconds": ended - imported,
        "with_imports": ended - started,
        "steps": len(recipe.steps),
    }


def read(folder, reader, **_):
    """Time one reader alone over the same text; its module is imported and warm."""
    load = READERS[reader]()
    load("steps: [{name: one}]\n")
    text = (Path(folder) / "recipe.yaml").read_text()
    measured, _ = timed(lambda: load(text))
    return measured


def _ours():
    from framework0.recipe import parse_text

    return parse_text


def _yaml12():
    import yaml12

    return yaml12.parse_yaml


def _csafe():
    import yaml

    return lambda text: yaml.load(text, yaml.CSafeLoader)


READERS = {"ours": _ours, "yaml12": _yaml12, "CSafeLoader": _csafe}


def nothing():
    return None


def timed(work):
    """Return seconds and peak memory over what was there before, and what ``work`` returned."""
    gc.collect()
    forget_peak()
    before = figures()[0]
    started = perf_counter()
    result = work()
    seconds = perf_counter() - started
    return {"seconds": seconds, "peak": figures()[1] - before}, result


WORK = {
    "ours": ours,
    "floor": floor,
    "naps": naps,
    "check": check,
    "read": read,
    "pool": warm.pool,
    "graph floor": warm.graph_floor,
    "array floor": warm.array_floor,
}


if __name__ == "__main__":
    print(json.dumps(WORK[sys.argv[1]](**json.loads(sys.argv[2]))))
