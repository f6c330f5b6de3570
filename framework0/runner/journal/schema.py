"""The journal's tables, their version, and how an older file becomes a current one.

    runs      one row per run: its header, and its end once it has one, under a checksum
    recipes   the text of each recipe once, by digest
    batches   the history: one row per commit and run, ``id`` = run x 2^32 + number of the batch
    heads     the last batch of each run, kept by a trigger: a lost tail is noticed
    changes   the context's changes (the context room owns this table)

``attempts`` is a view over the history for people and their tools; nothing of ours reads it.
"""

from __future__ import annotations

from framework0.context import ChangeLog
from framework0.errors import JournalCorrupt, JournalFromTheFuture

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
    from typing import Final

APPLICATION_ID: Final = 0x46306A6C
"""``F0jl``: tells ``file`` and us that this database is a journal."""

VERSION: Final = 2

BATCH_BITS: Final = 32
"""A run's batches are numbered below 2^32; runs below 2^31 fit beside them in 63 bits."""

_TABLES: Final = (
    """CREATE TABLE runs (
        run INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        recipe TEXT NOT NULL,
        created REAL NOT NULL,
        nodes INTEGER NOT NULL,
        state TEXT NOT NULL,
        finished REAL,
        records INTEGER,
        head INTEGER,
        header TEXT NOT NULL,
        process TEXT NOT NULL,
        crc INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE recipes (
        digest TEXT PRIMARY KEY,
        text TEXT NOT NULL,
        crc INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE batches (
        id INTEGER PRIMARY KEY,
        records INTEGER NOT NULL,
        text TEXT NOT NULL,
        crc INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE heads (
        run INTEGER PRIMARY KEY,
        batch INTEGER NOT NULL,
        records INTEGER NOT NULL,
        crc INTEGER NOT NULL
    ) STRICT""",
    """CREATE TRIGGER batches_move_heads AFTER INSERT ON batches BEGIN
        UPDATE heads SET batch = NEW.id & 4294967295, records = records + NEW.records, crc = NEW.crc
        WHERE run = NEW.id >> 32;
    END""",
)

_BY_RECIPE: Final = "CREATE INDEX runs_by_recipe ON runs (recipe, run)"

_ATTEMPTS: Final = """CREATE VIEW attempts AS
    SELECT runs.id AS run,
        json_extract(entry.value, '$[0]') AS node,
        json_extract(entry.value, '$[1]') AS name,
        json_extract(entry.value, '$[2]') AS attempt,
        json_extract(entry.value, '$[3]') AS state,
        json_extract(entry.value, '$[4]') AS final,
        json_extract(entry.value, '$[5]') AS at,
        json_extract(entry.value, '$[6]') AS seconds,
        json_extract(entry.value, '$[7]') AS cpu,
        json_extract(entry.value, '$[8]') AS peak,
        json_extract(entry.value, '$[9].reason') AS reason,
        json_extract(entry.value, '$[9].failure[0]') AS failure,
        json_extract(entry.value, '$[9].failure[1]') AS message,
        json_extract(entry.value, '$[9].result') AS result
    FROM runs
    JOIN batches ON batches.id BETWEEN runs.run << 32 AND (runs.run + 1 << 32) - 1
    JOIN json_each(batches.text) AS entry
    WHERE json_type(entry.value, '$[0]') = 'integer'"""

_STEPS: Final[dict[int, tuple[str, ...]]] = {1: (_BY_RECIPE, _ATTEMPTS)}
"""From each version to the next. A step is never edited once released; fixtures prove each."""


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables in an empty database, or bring an older one up to date, in one transaction.

    The caller holds the gate, so that no other process of ours is doing the same.

    Raises :class:`~framework0.errors.JournalFromTheFuture` and
    :class:`~framework0.errors.JournalCorrupt` before anything is written.
    """
    version = version_of(connection, path)
    if version == VERSION:
        return
    if version == 0:
        # Has to happen outside of a transaction, and only the first time: the file remembers it.
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if version == 0:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            for statement in _TABLES:
                connection.execute(statement)
            ChangeLog.create(connection)
            version = 1
        for older in range(version, VERSION):
            for statement in _STEPS[older]:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of the journal behind ``connection``, 0 for an empty database."""
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if owner == APPLICATION_ID and 1 <= version <= VERSION:
        return version
    if owner == APPLICATION_ID and version > VERSION:
        raise JournalFromTheFuture(
            f"{path} has format {version}, this version of framework0 knows up to {VERSION}: "
            "nothing was changed; update framework0, or use another workspace"
        )
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if owner == 0 and version == 0 and tables == 0:
        return 0
    raise JournalCorrupt(
        f"{path} is a database of something else (application id {owner}, format {version}): "
        "nothing was changed; move it away to begin a new journal"
    )
