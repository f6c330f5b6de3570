"""Looking at one state of the file, however long that takes and whatever is written meanwhile.

Each look has a connection of its own and a transaction around it: SQLite keeps for it what was there
when it began, also what retention removes in the meantime. A look that is never finished would keep
the log from being moved into the database, so a forgotten one ends when Python collects it.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock

from framework0.context.persist.reading import state_of
from framework0.context.persist.trouble import checked
from framework0.workspace import connect_sqlite

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Final

    from framework0.context.change import Change
    from framework0.context.persist.reading import State

    Look = Callable[[sqlite3.Connection, State], Iterator[Change]]

_IDLE: Final = 4
"""Connections kept for the next look: opening one costs as much as reading a hundred rows."""


class Readers:
    """The connections of one store that only read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = Lock()
        self._closed = False

    @contextmanager
    def look(self) -> Iterator[tuple[sqlite3.Connection, State]]:
        """Give a connection that sees one state of the file until the block ends."""
        with checked(self.path):
            connection = self.begin()
            try:
                yield connection, state_of(connection)
            finally:
                self.end(connection)

    def begin(self) -> sqlite3.Connection:
        """Return a connection in a transaction that reads; :meth:`end` takes it back."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = connect_sqlite(self.path, "ro")
        connection.execute("BEGIN")
        return connection

    def end(self, connection: sqlite3.Connection) -> None:
        """End the transaction."""
        connection.execute("ROLLBACK")
        with self._lock:
            if len(self._idle) < _IDLE and not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close what is idle now, and everything else when it is done; looking goes on to work."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


class Looking:
    """An iterator over changes that sees one state of the file from its making to its end."""

    def __init__(self, readers: Readers, look: Look) -> None:
        """Begin to look at once: what ``look`` raises, it raises here.

        ``look`` gets a connection and returns the changes; it is not called again.
        """
        self._readers = readers
        self._connection: sqlite3.Connection | None = None
        with checked(readers.path):
            self._connection = readers.begin()
            try:
                self._changes = look(self._connection, state_of(self._connection))
            except BaseException:
                self.close()
                raise

    def __iter__(self) -> Looking:
        return self

    def __next__(self) -> Change:
        if self._connection is None:
            raise StopIteration
        try:
            with checked(self._readers.path):
                return next(self._changes)
        except BaseException:
            # The end of the changes is the usual case.
            self.close()
            raise

    def close(self) -> None:
        """End the look; a second call does nothing."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._readers.end(connection)

    def __del__(self) -> None:
        self.close()
