"""Running again what nothing has changed: every step comes from the cache, none is called."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import shapes
from benchmarks.fresh import measure
from benchmarks.table import NOT_ASKED, Row, bounded
from benchmarks.timing import Series

MOST = 0.5
"""Seconds for 10,000 steps."""


def rows(sizes):
    steps = sizes.cached
    with tempfile.TemporaryDirectory(dir=sizes.scratch) as scratch:
        folder = shapes.workspace(Path(scratch) / "workspace")
        shapes.write_recipe(folder / "recipe.yaml", shapes.layered(steps), more=", cache: true")

        def run():
            return measure("ours", folder=folder, workers=sizes.workers)["seconds"]

        filling = Series([run()])
        again = Series(run() for _ in range(sizes.repeats))
        plain = shapes.workspace(Path(scratch) / "plain")
        shapes.write_recipe(plain / "recipe.yaml", shapes.layered(steps))
        without = Series(
            measure("ours", folder=plain, workers=sizes.workers)["seconds"]
            for _ in range(sizes.repeats)
        )
    other = f"the same no-op steps, not cached {without}"
    yield bounded(f"{steps:,} steps from the cache", again.median, MOST, "s", other, f": {again}")
    yield Row("… the run that fills it", str(filling), NOT_ASKED, NOT_ASKED, "", NOT_ASKED)
