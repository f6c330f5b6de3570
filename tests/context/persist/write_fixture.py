"""Write the fixture of the present format, once: python -m tests.context.persist.write_fixture."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

from framework0.context import Author, Request, Write
from framework0.context.persist import SQLiteStore, schema

FIXTURES = Path(__file__).parents[2] / "fixtures" / "context"
STEP = Author("load", "run-1", "load", 2)
ENDS = 4_000_000_000.0


def fill(store):
    """Make 40 versions with all that a file can hold."""
    rows = [[number, number / 7] for number in range(600)]
    store.apply(
        (Write("title", "né 𝄞"), Write("rows", rows)), STEP, 1_795_500_000.25, operation="one"
    )
    for number in range(12):
        rows = [*rows]
        rows[number * 40] = ["changed", number]
        store.apply(
            (Write("rows", rows), Write("n", number)), Author("ada"), 1_795_500_001.0 + number
        )
    store.tag("early", 6)
    store.apply((Write("title", removed=True),), STEP, 1_795_500_020.0)
    store.apply((Write("none", removed=True),), STEP, 1_795_500_021.0, operation="nothing")
    # Far enough ahead that it has not ended when this is read.
    store.apply((Write("ends", True, ttl=1e8),), STEP, ENDS - 1e8)
    store.apply_all(
        [
            Request((Write(f"many.{n}", {"n": n, "x": None}),), STEP, 1_795_500_030.0)
            for n in range(12)
        ]
    )


def main():
    target = FIXTURES / f"v{schema.VERSION}.db"
    if target.exists():
        raise SystemExit(f"{target} exists: a fixture is never written again")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "context.db"
        with closing(SQLiteStore(path, segment_changes=10)) as store:
            fill(store)
        shutil.copyfile(path, target)
    os.chmod(target, 0o644)


if __name__ == "__main__":
    main()
