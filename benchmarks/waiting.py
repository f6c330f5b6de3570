"""Steps that wait: how close to ideal many of them run side by side."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import shapes
from benchmarks.engine import Folders
from benchmarks.fresh import measure
from benchmarks.table import Row, verdict
from benchmarks.timing import Series, alternate

NAP = 0.05
MOST = 1.15


def rows(sizes):
    steps, wide = sizes.naps
    with tempfile.TemporaryDirectory(dir=sizes.scratch) as scratch:
        folders = Folders(Path(scratch), "fan", steps)

        def ours():
            folder = shapes.workspace(folders.empty() / "workspace")
            shapes.write_recipe(folder / "recipe.yaml", folders.parents, function="nap")
            return measure("ours", folder=folder, workers=wide)["seconds"]

        def floor():
            return measure("naps", folder=folders.empty(), steps=steps, workers=wide)["seconds"]

        mine, theirs = map(Series, alternate(sizes.repeats, ours, floor))
    ideal = NAP * -(-steps // wide)
    ratio = mine.median / ideal
    yield Row(
        f"{steps} steps of 50 ms at concurrency {wide}",
        str(mine),
        f"ideal {ideal * 1000:.0f} ms · pool floor {theirs}",
        f"{ratio:.3f} ×",
        f"≤ {MOST} × ideal",
        verdict(ratio <= MOST),
    )
