"""The file that schedules and their firings are kept in: SQLite, private, and one writer at a time.

It stands beside the journal and is none of it: the journal says what runs did, this says what was due
and what was decided about it. Every change is one transaction that survives a power cut.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from framework0.errors import WorkspaceError
from framework0.workspace import (
    connect_sqlite,
    is_sqlite_damage,
    make_private_folder,
    open_private,
    remote_reason,
    sqlite_code,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Any, Final

VERSION: Final = 1
"""The format of the file; a newer one is refused, never rewritten."""

APPLICATION: Final = 0x46305343
"""What marks the file as ours ("F0SC"), in the header of SQLite."""

_TABLES: Final = """
CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    paused INTEGER NOT NULL,
    seen REAL NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE TABLE firings (
    id INTEGER PRIMARY KEY,
    schedule TEXT NOT NULL,
    due REAL NOT NULL,
    until REAL,
    decision TEXT NOT NULL,
    decided REAL NOT NULL,
    run TEXT UNIQUE,
    caught_up INTEGER NOT NULL,
    ended REAL,
    note TEXT NOT NULL,
    UNIQUE (schedule, due)
) STRICT;
CREATE INDEX open_firings ON firings (due) WHERE run IS NOT NULL AND ended IS NULL;
"""


class Database:
    """The file at ``path``, opened when it is first needed and created when it is first written.

    Any number of processes may use it at once. Every call may raise
    :class:`~framework0.errors.WorkspaceError`; nothing was changed then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file; it is opened again when it is needed again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return what a query finds; nothing while there is no file."""
        with self._explained("read"):
            if self._connection is None and not self.path.exists():
                return []
            return self._opened().execute(query, values).fetchall()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside a transaction; it is durable when the block has been left."""
        with self._explained("write"):
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def stamp(self) -> int:
        """Return a number that is another one after any other process has changed the file."""
        found = self.rows("PRAGMA data_version")
        return int(found[0][0]) if found else 0

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        make_private_folder(self.path.parent)
        if reason := remote_reason(self.path):
            raise WorkspaceError(f"{reason}: set FRAMEWORK0_HOME to a folder on a local disk")
        _ensure_private(self.path)
        connection = connect_sqlite(self.path, "rw")
        try:
            connection.execute("PRAGMA synchronous = FULL")
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if self._version(connection) == VERSION:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have been quicker.
            if not self._version(connection):
                for statement in filter(str.strip, _TABLES.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _version(self, connection: sqlite3.Connection) -> int:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        mark = int(connection.execute("PRAGMA application_id").fetchone()[0])
        if version > VERSION and mark == APPLICATION:
            raise WorkspaceError(
                f"{self.path} was written by a newer version (format {version}, this one knows "
                f"{VERSION}): update framework0"
            )
        if (version or mark) and mark != APPLICATION:
            raise WorkspaceError(f"{self.path} is another program's database: move it away")
        return version

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            hint = ""
            if is_sqlite_damage(error):
                hint = "; nothing was overwritten: restore a copy of it, or move it away and add the schedules again"
            elif sqlite_code(error) == sqlite3.SQLITE_FULL:
                hint = "; the disk is full: make room"
            raise WorkspaceError(f"cannot {verb} {self.path}: {error}{hint}") from error


def _ensure_private(path: Path) -> None:
    """Create the file for its owner only; close an existing one to others, without opening it.

    Closing a second opening of a database would drop the locks of the first (POSIX).
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        os.close(open_private(path))
        return
    if not stat.S_ISREG(found.st_mode):
        raise WorkspaceError(f"{path} is not a file: move it away, then try again")
    if stat.S_IMODE(found.st_mode) & 0o077:
        os.chmod(path, 0o600)
