"""SQLite files of ours: how each is opened, where it may not lie, and what SQLite's errors mean."""

from __future__ import annotations

import sqlite3

from framework0.workspace.filesystem import filesystem_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

SYNCHRONOUS: Final = {"full": "FULL", "normal": "NORMAL"}
"""By the name of a durability: FULL syncs the log with every commit and survives a power cut; NORMAL
survives any kill only."""

_BUSY_SECONDS: Final = 60.0
"""A net for tools that write without our gates; among ourselves nobody waits for SQLite for long."""

_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})

_CAUSES: Final = {
    sqlite3.SQLITE_FULL: "no space left on the disk (errno 28, ENOSPC)",
    sqlite3.SQLITE_IOERR: "input/output error (errno 5, EIO; at a file-size limit errno 27, EFBIG)",
    sqlite3.SQLITE_READONLY: "it cannot be written (errno 30, EROFS, or 13, EACCES)",
    sqlite3.SQLITE_CANTOPEN: (
        "it or its folder cannot be opened or created (errno 13, EACCES, or 30, EROFS)"
    ),
    sqlite3.SQLITE_PERM: "access denied (errno 13, EACCES)",
}


def connect_sqlite(path: Path, mode: str) -> sqlite3.Connection:
    """Open the database at ``path``; ``mode`` is SQLite's: ``rw`` or ``ro``, with more options after it.

    Transactions are begun by hand, and any thread may use the connection, one at a time.
    """
    from urllib.parse import quote

    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=64,
    )
    # A flipped bit in a schema must not run anything: functions and triggers stay our own.
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def sqlite_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without its extension, 0 when the error has none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def is_sqlite_damage(error: sqlite3.Error) -> bool:
    """Tell whether the file is no database, or one that something has broken."""
    code = sqlite_code(error)
    return code in _DAMAGE or (not code and "decode" in str(error))


def sqlite_cause(error: sqlite3.Error) -> str:
    """Return in words, with errno and SQLite's own name for it, why SQLite failed."""
    name = getattr(error, "sqlite_errorname", "")
    return _CAUSES.get(sqlite_code(error), str(error)) + (f" [{name}]" if name else "")


def remote_reason(path: Path) -> str:
    """Return why no database may be at ``path``: on a network file system; else an empty text."""
    found = filesystem_of(path.parent)
    if not found.remote:
        return ""
    return (
        f"{path} lies on a network file system ({found.kind} at {found.mount}), where SQLite can "
        "lose what it wrote"
    )
