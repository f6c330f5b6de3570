"""The table ``changes`` in a SQLite database: what happened to contexts, in the order of commits.

Each row carries a checksum of itself and of the row before it in the same context, and
``change_heads`` holds how many rows there are and the last checksum: a flipped bit, a missing,
added or moved row is found when the log is read. What a change replaced is not stored; reading
works it out by replaying.

Nothing here opens a database or commits: the caller's transaction decides what belongs together.
"""

from __future__ import annotations

from json import JSONEncoder, loads
from zlib import crc32

from framework0.context.change import Change, Entry
from framework0.context.history import rebase
from framework0.context.values import MARK
from framework0.errors import JournalCorrupt, JournalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from framework0.artifacts import Artifacts

    Home = Callable[[], Artifacts]

_TABLES = """
CREATE TABLE IF NOT EXISTS changes (
    id INTEGER PRIMARY KEY,
    context TEXT NOT NULL,
    version INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT,
    who TEXT NOT NULL,
    run TEXT,
    step TEXT,
    attempt INTEGER,
    at REAL NOT NULL,
    crc INTEGER NOT NULL,
    UNIQUE (context, version)
);
CREATE TABLE IF NOT EXISTS change_heads (
    context TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    crc INTEGER NOT NULL
) WITHOUT ROWID;
"""
_INSERT = """
INSERT INTO changes (context, version, key, value, who, run, step, attempt, at, crc)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_HEAD = "SELECT count, crc FROM change_heads WHERE context = ?"
_MOVE_HEAD = "INSERT OR REPLACE INTO change_heads (context, count, crc) VALUES (?, ?, ?)"
_IN_ORDER_OF_COMMITS = """
SELECT id, version, key, value, who, run, step, attempt, at, crc
FROM changes WHERE context = ? ORDER BY id
"""
_IN_ORDER_OF_VERSIONS = """
SELECT version, key, value, who, run, step, attempt, at
FROM changes WHERE context = ? AND id <= ? ORDER BY version
"""

# Text in SQLite is UTF-8 without exceptions; frozen values hold no lone surrogate.
_encode = JSONEncoder(
    ensure_ascii=False,
    allow_nan=False,
    separators=(",", ":"),
    default=lambda leaf: leaf.to_json(),
).encode


class ChangeLog:
    """The functions over the tables; all take the caller's connection."""

    @staticmethod
    def create(connection: sqlite3.Connection) -> None:
        """Create the tables where they are missing."""
        for statement in _TABLES.split(";"):
            if statement.strip():
                connection.execute(statement)

    @staticmethod
    def append(connection: sqlite3.Connection, context_id: str, changes: Sequence[Change]) -> None:
        """Add ``changes`` to the log of ``context_id``.

        They may be older than rows already there (a step that ended later wrote earlier), but each
        version comes once: sqlite3.IntegrityError otherwise, and the caller rolls back.
        """
        if not changes:
            return
        count, crc = connection.execute(_HEAD, (context_id,)).fetchone() or (0, 0)
        rows = []
        for change in changes:
            value = None if change.removed else _encode(change.value)
            stored = (
                change.version,
                change.key,
                value,
                change.who,
                change.run,
                change.step,
                change.attempt,
                float(change.at),
            )
            crc = _checksum(stored, crc)
            rows.append((context_id, *stored, crc))
        connection.executemany(_INSERT, rows)
        connection.execute(_MOVE_HEAD, (context_id, count + len(rows), crc))

    @staticmethod
    def verify(connection: sqlite3.Connection, context_id: str) -> int:
        """Check every row of ``context_id`` and return the id of the last one, 0 without rows.

        Raises :class:`~framework0.errors.JournalCorrupt` naming the version from which on the log
        is not what was written.
        """
        crc = count = last = version = 0
        for row in connection.execute(_IN_ORDER_OF_COMMITS, (context_id,)):
            last, version, *_, found = row
            crc = _checksum(row[1:-1], crc)
            count += 1
            if crc != found:
                raise JournalCorrupt(
                    f"the context log of {context_id} is damaged: the row of version {version} "
                    f"(number {count}) or the one before it is not what was written; what was "
                    "committed before it is whole"
                )
        head = connection.execute(_HEAD, (context_id,)).fetchone() or (0, 0)
        if tuple(head) != (count, crc):
            raise JournalCorrupt(
                f"the context log of {context_id} is damaged: {head[0]} rows were committed and "
                f"{count} are there; the last one is of version {version}"
            )
        return last

    @staticmethod
    def read(
        connection: sqlite3.Connection,
        context_id: str,
        since: int = 0,
        home: Home | None = None,
    ) -> Iterator[Change]:
        """Verify the log of ``context_id``, then yield its changes after version ``since``.

        They come in version order, whatever the order of commits was. Raises JournalCorrupt before
        the first one when the log is damaged. ``home`` returns where references load their values.
        """
        last = ChangeLog.verify(connection, context_id)
        return _replay(connection, context_id, since, last, home)

    @staticmethod
    def remove(connection: sqlite3.Connection, context_id: str) -> int:
        """Delete the log of ``context_id``; return how many changes it held."""
        connection.execute("DELETE FROM change_heads WHERE context = ?", (context_id,))
        return connection.execute("DELETE FROM changes WHERE context = ?", (context_id,)).rowcount


def _replay(
    connection: sqlite3.Connection,
    context_id: str,
    since: int,
    last: int,
    home: Home | None,
) -> Iterator[Change]:
    entries: dict[str, Entry] = {}
    removed_at: dict[str, int] = {}
    for row in connection.execute(_IN_ORDER_OF_VERSIONS, (context_id, last)):
        version, key, text, who, run, step, attempt, at = row
        removed = text is None
        value = None if removed else _decode(text, context_id, version, home)
        blank = Change(version, key, value, removed, None, False, who, run, step, attempt, at)
        change = rebase(blank, entries.get(key), removed_at.get(key, 0))
        if removed:
            entries.pop(key, None)
            removed_at[key] = version
        else:
            entries[key] = Entry(value, version)
        if version > since:
            yield change


def _decode(text: str, context_id: str, version: int, home: Home | None) -> Any:
    try:
        value = loads(text)
    except ValueError as error:
        raise JournalError(
            f"the context log of {context_id} holds a value at version {version} that is no JSON "
            f"({error}); another version of this program must have written it"
        ) from error
    if MARK not in text:
        return value
    from framework0.artifacts import revive

    return revive(value, None if home is None else home())


def _checksum(stored: tuple[Any, ...], before: int) -> int:
    """Return the CRC-32 of a row's parts, continued from the row before it."""
    # repr is canonical for text, None, int and float, and tells them apart.
    return crc32(repr(stored).encode(), before)
