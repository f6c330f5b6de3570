"""A process that writes to a shared context and tells what was acknowledged: the victim of the kills.

    python writer.py PATH NAME FIRST COUNT [sabotage]

It adds 1 to ``count`` and sets its own key, COUNT times, each call with an operation id of its own made
of NAME and a number from FIRST on, and writes ``number version`` to standard output once a call is
acknowledged. A conflict is repeated with the present value under the same number. ``sabotage`` leaves
the ids out of the repetition after a kill, or acknowledges before anything is durable.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from framework0.context import Author, Write
from framework0.context.persist import SQLiteStore
from framework0.errors import OperationReused, VersionConflict


def main():
    path, name, first, count, *sabotage = sys.argv[1:]
    store = SQLiteStore(Path(path), segment_changes=64, keep_changes=None)
    for number in range(int(first), int(first) + int(count)):
        if "early" in sabotage:
            os.write(1, f"{number} {store.version() + 2}\n".encode())
        version = add(store, name, number, with_id="anonymous" not in sabotage)
        if "early" not in sabotage:
            os.write(1, f"{number} {version}\n".encode())
    store.close()


def add(store, name, number, *, with_id):
    operation = f"{name}-{number}" if with_id else None
    while True:
        found = store.get("count")
        before, at = (0, 0) if found is None else (found.value, found.version)
        writes = (Write("count", before + 1), Write(name, number))
        try:
            made = store.apply(writes, Author(name), 1.0, {"count": at}, operation=operation)
        except VersionConflict:
            continue
        except OperationReused:
            # It happened before the kill, on top of another count.
            (own,) = (change for change in store.changes(key=name) if change.value == number)
            return own.version
        return made[-1].version


if __name__ == "__main__":
    main()
