"""How a run begins: its folder, its lock and its rows come into being together, behind the gate."""

from __future__ import annotations

import sqlite3
import time

from framework0.errors import JournalError
from framework0.runner.journal import runs
from framework0.runner.journal.chain import encode, link
from framework0.runner.journal.entries import write_batches
from framework0.runner.journal.marks import StartMarks
from framework0.runner.journal.runrow import RunRow, header_text
from framework0.runner.journal.schema import BATCH_BITS
from framework0.runner.journal.trouble import explained
from framework0.runner.journal.values import RUNNING, RunHeader, Session
from framework0.tuples import NamedTuple
from framework0.workspace import Lock, hold, make_private_folder, this_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


class Begun(NamedTuple):
    """A run that can be recorded: its row, where its history stands, and what it holds."""

    row: RunRow
    position: tuple[int, int, int]
    marks: StartMarks
    lock: Lock


def begin_run(
    connection: sqlite3.Connection, path: Path, folder: Path, header: RunHeader, nodes: int
) -> Begun:
    """Create the run in ``folder`` and in the journal at ``path``, durably.

    The caller holds the gate: pruning, which sweeps folders without a row, does so as well.
    """
    make_private_folder(folder)
    lock = hold(folder / runs.LOCK, f"run {header.run_id}")
    marks = None
    try:
        marks = StartMarks(folder / runs.STARTED, nodes)
        with explained(path, "write"):
            row, position = _insert(connection, path, header, nodes)
    except BaseException:
        let_go(marks, lock)
        raise
    return Begun(row, position, marks, lock)


def session() -> Session:
    """Return who works on the run from now on."""
    who = this_process()
    return Session(time.time(), who.pid, who.host)


def process_text() -> str:
    """Return what the run's row says about this process."""
    return encode(this_process()._asdict())


def let_go(marks: StartMarks | None, lock: Lock) -> None:
    """Release what a run holds that could not begin."""
    if marks is not None:
        marks.close()
    lock.release()


def _insert(
    connection: sqlite3.Connection, path: Path, header: RunHeader, nodes: int
) -> tuple[RunRow, tuple[int, int, int]]:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        "INSERT OR IGNORE INTO recipes VALUES (?, ?, ?)",
        (header.recipe_digest, header.recipe_text, link(header.recipe_text.encode("utf-8"), 0)),
    )
    run = connection.execute("SELECT coalesce(max(run), 0) + 1 FROM runs").fetchone()[0]
    row = RunRow(
        run,
        header.run_id,
        header.recipe_name,
        header.created_at,
        nodes,
        RUNNING,
        None,
        None,
        None,
        header_text(header),
        process_text(),
        0,
    ).sealed()
    try:
        row.insert(connection)
    except sqlite3.IntegrityError as error:
        raise JournalError(f"{path} already has a run {row.id}: give it another id") from error
    connection.execute("INSERT INTO heads VALUES (?, 0, 0, ?)", (run, row.seed))
    first = next(write_batches([session()], 0))
    head = link(first.text.encode("ascii"), row.seed)
    connection.execute(
        "INSERT INTO batches VALUES (?, ?, ?, ?)", ((run << BATCH_BITS) + 1, 1, first.text, head)
    )
    connection.execute("COMMIT")
    return row, (1, 1, head)
