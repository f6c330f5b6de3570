"""Group commit: whatever has gathered goes into one transaction, at once when nothing else runs.

One thread per run writes. Handing the interpreter lock to it and back is what a commit costs most
when other threads compute, so a batch is one row and, without context changes, one statement that
is its own transaction. Between processes a gate (flock) lets one writer in at a time: SQLite's own
lock would be polled for.
"""

from __future__ import annotations

import sqlite3
import time

from framework0.context import ChangeLog
from framework0.errors import JournalError
from framework0.runner.journal.chain import link
from framework0.runner.journal.entries import write_batches
from framework0.runner.journal.schema import BATCH_BITS
from framework0.runner.journal.trouble import explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Final

    from framework0.context import Change
    from framework0.runner.journal.entries import Entry
    from framework0.runner.journal.runrow import RunRow
    from framework0.workspace import Gate

_INSERT: Final = "INSERT INTO batches VALUES (?, ?, ?, ?)"

LOOK_SECONDS: Final = 0.25
"""How often a writer makes sure that its file is still the one at its path."""


class HistoryWriter:
    """Appends to one run's history. Used by one thread at a time; after an error by none."""

    __slots__ = (
        "_batch",
        "_connection",
        "_context",
        "_file",
        "_gate",
        "_head",
        "_limit",
        "_looked",
        "_path",
        "_run",
        "records",
    )

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        gate: Gate,
        row: RunRow,
        *,
        position: tuple[int, int, int],
        result_bytes: int,
    ) -> None:
        """Write behind ``position``: the number of the last batch, entries so far, the checksum."""
        self._path = path
        self._connection = connection
        self._gate = gate
        self._run = row.run << BATCH_BITS
        self._context = row.id
        self._batch, self.records, self._head = position
        self._limit = result_bytes
        found = path.stat()
        self._file = (found.st_dev, found.st_ino)
        self._looked = time.monotonic()

    @property
    def synchronous(self) -> int:
        """SQLite's own answer to ``PRAGMA synchronous``: 2 is FULL, 1 is NORMAL."""
        return int(self._connection.execute("PRAGMA synchronous").fetchone()[0])

    def commit(
        self, entries: Sequence[Entry], changes: Sequence[Change] = (), row: RunRow | None = None
    ) -> None:
        """Make ``entries`` (one at least), ``changes`` and the run's new ``row`` durable, or none.

        Raises :class:`~framework0.errors.JournalError`; the connection is then never written again.
        """
        rows = self._rows(entries)
        if row is not None or time.monotonic() - self._looked > LOOK_SECONDS:
            self._look()
        try:
            with self._gate:
                if len(rows) == 1 and not changes and row is None:
                    self._connection.execute(_INSERT, rows[0])
                else:
                    self._transaction(rows, changes, row)
        except sqlite3.Error as error:
            raise explain(error, self._path, "write") from error
        except OSError as error:
            raise self._no_gate(error) from error
        self._batch += len(rows)
        self._head = rows[-1][3]
        self.records += sum(count for _, count, _, _ in rows)

    def close(self) -> None:
        """Close the connection and the gate."""
        try:
            # The last one to leave moves the log into the database, and must not be overtaken.
            with self._gate:
                self._connection.close()
        except OSError as error:
            raise self._no_gate(error) from error
        finally:
            # SQLite's own locks guard this too; the gate only keeps others from polling for them.
            self._connection.close()
            self._gate.close()

    def _no_gate(self, error: OSError) -> JournalError:
        return JournalError(
            f"cannot lock {self._gate.path}: {error.strerror} (errno {error.errno}); "
            "resume the run when that is repaired"
        )

    def _rows(self, entries: Sequence[Entry]) -> list[tuple[int, int, str, int]]:
        try:
            batches = list(write_batches(entries, self._limit))
        except (TypeError, ValueError, RecursionError) as error:
            raise JournalError(f"cannot write to {self._path}: not JSON: {error}") from error
        rows = []
        head = self._head
        for number, (count, text) in enumerate(batches, self._batch + 1):
            head = link(text.encode("ascii"), head)
            rows.append((self._run + number, count, text, head))
        return rows

    def _transaction(
        self, rows: list[tuple[int, int, str, int]], changes: Sequence[Change], row: RunRow | None
    ) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        for values in rows:
            connection.execute(_INSERT, values)
        if changes:
            ChangeLog.append(connection, self._context, changes)
        if row is not None:
            self._sealed(row, rows).update(connection)
        connection.execute("COMMIT")

    def _sealed(self, row: RunRow, rows: list[tuple[int, int, str, int]]) -> RunRow:
        if row.finished is None:
            return row.sealed()
        # The end is part of what it seals: how many entries there are, and the last checksum.
        head = rows[-1][3]
        records = self.records + sum(count for _, count, _, _ in rows)
        return row._replace(records=records, head=head).sealed()

    def _look(self) -> None:
        """Notice that the file was removed or replaced: what is written then, nobody will find."""
        self._looked = time.monotonic()
        try:
            there = self._path.stat()
        except OSError as error:
            raise JournalError(
                f"{self._path} is gone ({error.strerror}, errno {error.errno}): "
                "put it back, then resume the run"
            ) from error
        if (there.st_dev, there.st_ino) != self._file:
            raise JournalError(
                f"{self._path} was replaced while run {self._context} wrote to it: "
                "put the old file back, then resume the run"
            )
