"""The tables of a context's file, their version, and how an older file becomes a current one.

    state           one row: the name of this history, its last batch, its last snapshot, and from
                    where on it is kept
    batches         what happened, one row per commit; a number is last version x 2^20 + part
    snapshots       one row per snapshot; the changes since the one before it are its segment. The
                    bytes of both, its calls with an id, its earliest and its last moment
    snapshot_parts  what the snapshots hold, see :mod:`framework0.context.persist.snapshot`
    key_changes     for each segment and key, at which versions it changed
    tags            names for versions
    answers         what calls with an id did whose changes are no longer kept, see
                    :mod:`framework0.context.persist.answers`

A trigger keeps ``state`` at the last batch, so that a commit is one statement, and refuses a batch
whose writer has not seen the one before it.
"""

from __future__ import annotations

import os

from framework0.errors import StoreCorrupt, StoreFromTheFuture

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
    from typing import Final

APPLICATION_ID: Final = 0x46306378
"""``F0cx``: tells ``file`` and us that this database is a context."""

VERSION: Final = 1

MOVED_ON: Final = "another writer was first"
"""What the trigger says to a writer that has not seen the last batch."""

_TABLES: Final = (
    """CREATE TABLE state (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        epoch TEXT NOT NULL,
        number INTEGER NOT NULL,
        crc INTEGER NOT NULL,
        snapshot INTEGER NOT NULL,
        kept_number INTEGER NOT NULL,
        kept_crc INTEGER NOT NULL,
        kept_at REAL NOT NULL
    ) STRICT""",
    """CREATE TABLE batches (
        number INTEGER PRIMARY KEY,
        before INTEGER NOT NULL,
        changes INTEGER NOT NULL,
        first_at REAL NOT NULL,
        last_at REAL NOT NULL,
        operations TEXT,
        text ANY NOT NULL,
        large BLOB,
        crc INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE snapshots (
        version INTEGER PRIMARY KEY,
        parts INTEGER NOT NULL,
        size INTEGER NOT NULL,
        segment INTEGER NOT NULL,
        calls INTEGER NOT NULL,
        first_at REAL NOT NULL,
        last_at REAL NOT NULL
    ) STRICT""",
    """CREATE TABLE snapshot_parts (
        part INTEGER PRIMARY KEY,
        version INTEGER NOT NULL,
        first TEXT NOT NULL,
        text BLOB NOT NULL,
        crc INTEGER NOT NULL
    ) STRICT""",
    "CREATE UNIQUE INDEX parts_by_key ON snapshot_parts (version, first)",
    """CREATE TABLE key_changes (
        segment INTEGER NOT NULL,
        key TEXT NOT NULL,
        versions TEXT NOT NULL,
        PRIMARY KEY (segment, key)
    ) STRICT, WITHOUT ROWID""",
    "CREATE TABLE tags (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE answers (
        operation TEXT PRIMARY KEY,
        at REAL NOT NULL,
        asked TEXT NOT NULL,
        changes TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TRIGGER batches_follow BEFORE INSERT ON batches BEGIN
        SELECT RAISE(ABORT, 'another writer was first')
        WHERE (SELECT number FROM state) IS NOT NEW.before;
    END""",
    """CREATE TRIGGER batches_move_state AFTER INSERT ON batches BEGIN
        UPDATE state SET number = NEW.number, crc = NEW.crc;
    END""",
)

_STEPS: Final[dict[int, tuple[str, ...]]] = {}
"""From each version to the next. A step is never edited once released; fixtures prove each."""


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables in an empty database, or bring an older one up to date, in one transaction.

    The caller holds the gate, so that no other process of ours is doing the same.

    Raises :class:`~framework0.errors.StoreFromTheFuture` and
    :class:`~framework0.errors.StoreCorrupt` before anything is written.
    """
    version = version_of(connection, path)
    if version == VERSION:
        return
    if version == 0:
        # Each has to happen before there are tables, outside of a transaction; the file remembers.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if version == 0:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO state VALUES (1, ?, 0, 0, 0, 0, 0, 0.0)", (new_epoch(),)
            )
            version = VERSION
        for older in range(version, VERSION):
            for statement in _STEPS[older]:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def new_epoch() -> str:
    """Return a random name for a history."""
    return os.urandom(16).hex()


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of the file behind ``connection``, 0 for an empty database."""
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if owner == APPLICATION_ID and 1 <= version <= VERSION:
        return version
    if owner == APPLICATION_ID and version > VERSION:
        raise StoreFromTheFuture(
            f"{path} has format {version}, this version of framework0 knows up to {VERSION}: "
            "nothing was changed; update framework0, or use another context"
        )
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if owner == 0 and version == 0 and tables == 0:
        return 0
    raise StoreCorrupt(
        f"{path} is a database of something else (application id {owner}, format {version}): "
        "nothing was changed; move it away to begin a new context"
    )
