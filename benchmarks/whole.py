"""The whole command over large recipes: reading, checking, running, and leaving."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import shapes
from benchmarks.engine import MOST_BYTES
from benchmarks.memory import peak_of
from benchmarks.table import Row, bounded
from benchmarks.timing import CONSOLE_SCRIPT, commands


def rows(sizes):
    for steps in sizes.whole:
        with tempfile.TemporaryDirectory(dir=sizes.scratch) as scratch:
            folder = shapes.workspace(Path(scratch))
            shapes.write_recipe(folder / "recipe.yaml", shapes.layered(steps))
            (folder / "one.yaml").write_text(shapes.ONE_STEP)
            yield from one_size(sizes, folder, steps)


def one_size(sizes, folder, steps):
    options = ["--quiet", "--concurrency", str(sizes.workers)]
    large = [CONSOLE_SCRIPT, "run", "recipe.yaml", *options]
    small = [CONSOLE_SCRIPT, "run", "one.yaml", *options]
    ours, one = commands(sizes.repeats, lambda: (large, folder), lambda: (small, folder))
    work = f"`framework0 run`, layered {steps:,}"
    yield Row(work, f"{ours} · {ours.rate(steps)}", f"a recipe of one step {one}")
    more = peak_of(large, folder).largest - peak_of(small, folder).largest
    yield bounded(
        "… peak memory a step, reading and checking included",
        more / steps / 1000,
        MOST_BYTES,
        "kB",
        "over a recipe of one step",
    )
