"""Removing runs: from the database first, then their folders; what a crash leaves, the next removes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from framework0.context import ChangeLog
from framework0.errors import LockHeld
from framework0.runner.journal.database import open_for_writing
from framework0.runner.journal.runs import LOCK
from framework0.runner.journal.schema import BATCH_BITS
from framework0.runner.journal.trouble import explained
from framework0.workspace import hold

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from framework0.workspace import Lock


def remove(path: Path, durability: str, run_ids: Sequence[str]) -> list[str]:
    """Remove these runs and return the ids of those that were; a living run stays."""
    if not path.exists():
        return []
    connection, gate = open_for_writing(path, durability)
    removed = []
    try:
        with explained(path, "write"):
            for run_id in run_ids:
                folder = path.parent / "runs" / run_id
                lock = _hold(folder)
                if isinstance(lock, LockHeld):
                    continue
                try:
                    with gate:
                        _delete(connection, run_id)
                    shutil.rmtree(folder, ignore_errors=True)
                    removed.append(run_id)
                finally:
                    if lock is not None:
                        lock.release()
            with gate:
                _delete_unused_recipes(connection)
                _sweep(connection, path.parent / "runs")
    finally:
        connection.close()
        gate.close()
    return removed


def _hold(folder: Path) -> Lock | LockHeld | None:
    if not folder.is_dir():
        return None
    try:
        return hold(folder / LOCK, "prune")
    except LockHeld as error:
        return error


def _delete(connection: sqlite3.Connection, run_id: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    found = connection.execute("SELECT run FROM runs WHERE id = ?", (run_id,)).fetchone()
    if found is not None:
        run = found[0]
        first = run << BATCH_BITS
        last = first + (1 << BATCH_BITS) - 1
        connection.execute("DELETE FROM batches WHERE id BETWEEN ? AND ?", (first, last))
        connection.execute("DELETE FROM heads WHERE run = ?", (run,))
        ChangeLog.remove(connection, run_id)
        connection.execute("DELETE FROM runs WHERE run = ?", (run,))
    connection.execute("COMMIT")


def _delete_unused_recipes(connection: sqlite3.Connection) -> None:
    connection.execute(
        "DELETE FROM recipes WHERE digest NOT IN"
        " (SELECT json_extract(header, '$.recipe_digest') FROM runs)"
    )


def _sweep(connection: sqlite3.Connection, folder: Path) -> None:
    """Remove folders of runs that the database does not know and no living process holds.

    The caller holds the gate: behind it a run that begins gets its folder and its row at once.
    """
    for child in folder.iterdir() if folder.is_dir() else ():
        lock = _hold(child)
        if lock is None or isinstance(lock, LockHeld):
            continue
        known = connection.execute("SELECT 1 FROM runs WHERE id = ?", (child.name,)).fetchone()
        if known is None:
            shutil.rmtree(child, ignore_errors=True)
        lock.release()
