"""Reading one run back: every row checked against the one before it, or a clear refusal."""

from __future__ import annotations

import json

from framework0.context import ChangeLog
from framework0.errors import JournalCorrupt
from framework0.runner.journal.chain import link
from framework0.runner.journal.entries import read_entry
from framework0.runner.journal.marks import read_marks
from framework0.runner.journal.runrow import COLUMNS, RunRow
from framework0.runner.journal.schema import BATCH_BITS
from framework0.runner.journal.trouble import explained
from framework0.runner.journal.values import Decision, RunHistory, Session
from framework0.runner.seams import AttemptRecord
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any, Final

    from framework0.artifacts import Artifacts
    from framework0.context import Change

    Home = Callable[[], Artifacts]

_RUN: Final = f"SELECT {COLUMNS} FROM runs WHERE id = ?"  # noqa: S608

_ALL_RUNS: Final = f"SELECT {COLUMNS} FROM runs NOT INDEXED"  # noqa: S608

_BATCHES: Final = (
    "SELECT id, records, CAST(text AS BLOB), crc FROM batches WHERE id BETWEEN ? AND ? ORDER BY id"
)

_MARK: Final = b'"$artifact"'


class Stored(NamedTuple):
    """What the database holds of one run, as of one moment, verified."""

    row: RunRow
    recipe_text: str
    items: list[list[Any]]
    changes: list[Change]
    position: tuple[int, int, int]


def read_stored(
    connection: sqlite3.Connection, path: Path, run_id: str, home: Home | None = None
) -> Stored | None:
    """Return all of one run from one consistent look at the database; None when it has no such run.

    References to artifacts load their values from what ``home`` returns.
    Raises :class:`~framework0.errors.JournalCorrupt` naming the run and the first entry that
    cannot be trusted.
    """
    with explained(path, "read"):
        connection.execute("BEGIN")
        try:
            return _read(connection, path, run_id, home)
        finally:
            connection.execute("ROLLBACK")


def history_of(stored: Stored, marks_path: Path, state: str) -> RunHistory:
    """Return the history as its reader wants it; ``state`` is the run's state as it is now."""
    attempts: list[AttemptRecord] = []
    decisions: dict[tuple[int, str], Any] = {}
    sessions: list[Session] = []
    unkept: dict[tuple[int, int], int] = {}
    for item in stored.items:
        entry = read_entry(item, unkept)
        if isinstance(entry, AttemptRecord):
            attempts.append(entry)
        elif isinstance(entry, Decision):
            decisions[entry.node, entry.kind] = entry.value
        elif isinstance(entry, Session):
            sessions.append(entry)
    summary = stored.row.summary(state, len(stored.items))
    return RunHistory(
        stored.row.full_header(stored.recipe_text),
        summary,
        tuple(sessions),
        tuple(attempts),
        decisions,
        stored.changes,
        read_marks(marks_path),
        unkept,
    )


def _read(
    connection: sqlite3.Connection, path: Path, run_id: str, home: Home | None
) -> Stored | None:
    found = connection.execute(_RUN, (run_id,)).fetchone()
    row = _search(connection, path, run_id) if found is None else RunRow(*found).verified(path)
    if row is None:
        return None
    items, position = _read_batches(connection, path, row, home)
    _check_end(connection, path, row, position)
    text = _read_recipe(connection, path, row)
    changes = list(ChangeLog.read(connection, row.id, home=home))
    return Stored(row, text, items, changes, position)


def _search(connection: sqlite3.Connection, path: Path, run_id: str) -> RunRow | None:
    """Look without the index, which may be what is damaged; so may the id that is looked for."""
    for found in connection.execute(_ALL_RUNS):
        row = RunRow(*found).verified(path)
        if row.id == run_id:
            return row
    return None


def _read_batches(
    connection: sqlite3.Connection, path: Path, row: RunRow, home: Home | None
) -> tuple[list[list[Any]], tuple[int, int, int]]:
    items: list[list[Any]] = []
    crc = row.seed
    number = 0
    first = row.run << BATCH_BITS
    last = first + (1 << BATCH_BITS) - 1
    for identity, count, text, stored_crc in connection.execute(_BATCHES, (first, last)):
        number += 1
        crc = -1 if text is None else link(text, crc)
        if identity != first + number or crc != stored_crc:
            raise _damaged(path, row.id, len(items) + 1)
        batch = json.loads(text)
        if len(batch) != count:
            raise _damaged(path, row.id, len(items) + 1)
        if _MARK in text:
            from framework0.artifacts import revive

            batch = revive(batch, None if home is None else home())
        items += batch
    return items, (number, len(items), crc)


def _check_end(
    connection: sqlite3.Connection, path: Path, row: RunRow, position: tuple[int, int, int]
) -> None:
    """Compare where the history ends with what two other places say about its end."""
    head = connection.execute(
        "SELECT batch, records, crc FROM heads WHERE run = ?", (row.run,)
    ).fetchone()
    _, records, crc = position
    sealed = row.head is None or (row.records, row.head) == (records, crc)
    if head != position or not sealed:
        raise _damaged(path, row.id, records + 1)


def _read_recipe(connection: sqlite3.Connection, path: Path, row: RunRow) -> str:
    digest = json.loads(row.header)["recipe_digest"]
    found = connection.execute(
        "SELECT CAST(text AS BLOB), crc FROM recipes WHERE digest = ?", (digest,)
    ).fetchone()
    # A damaged column can also have become NULL.
    text = None if found is None else found[0]
    if text is None or link(text, 0) != found[1]:
        raise JournalCorrupt(
            f"{path}: the recipe of run {row.id} is damaged or missing: "
            "restore a copy of the journal, or prune the run"
        )
    return str(text, "utf-8")


def _damaged(path: Path, run_id: str, entry: int) -> JournalCorrupt:
    return JournalCorrupt(
        f"{path}: run {run_id} is damaged from entry {entry} of its history on: nothing was "
        "changed; restore a copy of the journal, or rerun it"
    )
