"""Reading and checking a large recipe, and the reader alone beside others."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from benchmarks import shapes
from benchmarks.fresh import measure
from benchmarks.table import bounded, longer
from benchmarks.timing import Series, alternate

MOST = 0.30


def rows(sizes):
    with tempfile.TemporaryDirectory(dir=sizes.scratch) as scratch:
        folder = shapes.workspace(Path(scratch))
        path = shapes.write_everyday_recipe(folder / "recipe.yaml", sizes.read)
        megabytes = path.stat().st_size / 1e6
        yield from checking(sizes, folder)
        work = f"the reader alone, {sizes.read:,} steps, {megabytes:.1f} MB"
        readers = ("ours", "yaml12", "CSafeLoader")
        measures = [
            lambda reader=reader: measure("read", folder=folder, reader=reader)["seconds"]
            for reader in readers
        ]
        ours, yaml12, csafe = map(Series, alternate(sizes.repeats, *measures))
        yield longer(work, ours, "yaml12, no checks of its own", yaml12)
        yield longer("″", ours, "PyYAML CSafeLoader", csafe)


def checking(sizes, folder):
    """The first reading of a recipe, and the next one, which the workspace's cache makes shorter."""

    def first():
        shutil.rmtree(folder / ".framework0" / "cache", ignore_errors=True)
        return measure("check", folder=folder)

    samples = alternate(sizes.repeats, first, lambda: measure("check", folder=folder))
    for when, parts in zip(("first time", "again, unchanged"), samples, strict=True):
        found = Series(part["seconds"] for part in parts)
        imports = Series(part["with_imports"] for part in parts)
        yield bounded(
            f"{sizes.read:,} steps read and checked, {when}",
            found.median,
            MOST,
            "s",
            f"{found} · with imports {imports}",
        )
