"""How the journal's file is opened: private, local, durable, and never by guessing."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing

from framework0.errors import JournalCorrupt, JournalError
from framework0.runner.journal.schema import prepare, version_of
from framework0.runner.journal.trouble import explain, explained
from framework0.workspace import (
    SYNCHRONOUS,
    Gate,
    connect_sqlite,
    make_private_folder,
    open_private,
    remote_reason,
    sqlite_code,
    sync_folder,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def gate_of(path: Path) -> Path:
    """Return the lock file that writers of the journal at ``path`` pass through, one at a time."""
    return path.with_name("journal.lock")


def open_for_writing(path: Path, durability: str) -> tuple[sqlite3.Connection, Gate]:
    """Open the journal for one run's writer, creating or migrating it, and the gate before it.

    Raises :class:`~framework0.errors.JournalError` or one of its kinds.
    """
    if durability not in SYNCHRONOUS:
        raise JournalError(f"durability is 'full' or 'normal', not {durability!r}")
    make_private_folder(path.parent)
    _refuse_remote(path)
    gate = Gate(gate_of(path))
    connection: sqlite3.Connection | None = None
    try:
        with explained(path, "open"):
            with gate:
                _check_file(path)
                if not path.exists():
                    # Closing a second opening of an existing database would drop SQLite's own locks
                    # (POSIX), so only a file that nobody has open yet is opened by hand.
                    os.close(open_private(path))
                    _sync_folder(path.parent.parent)
                else:
                    _refuse_future(path)
                    _make_private(path)
                connection = connect_sqlite(path, "rw")
                prepare(connection, path)
            connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS[durability]}")
    except BaseException:
        _close(connection, gate)
        raise
    return connection, gate


def open_for_reading(path: Path) -> sqlite3.Connection | None:
    """Open the journal for looking only; None when there is none yet. Writes nothing into it."""
    if not _check_file(path):
        return None
    with explained(path, "open"):
        connection = connect_sqlite(path, "ro")
    try:
        version = version_of(connection, path)
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_READONLY_ROLLBACK:
            # Whoever created it died on the way, so nothing was ever in it.
            return None
        if sqlite_code(error) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            return _open_frozen(path)
        raise explain(error, path, "read") from error
    except (sqlite3.Error, UnicodeDecodeError):
        connection.close()
        with explained(path, "read"):
            raise
    except BaseException:
        connection.close()
        raise
    if version == 0:
        connection.close()
        return None
    return connection


def _open_frozen(path: Path) -> sqlite3.Connection | None:
    """Open a journal in a folder that cannot be written, where SQLite cannot keep its index."""
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise JournalError(
            f"cannot read {path}: it was not closed and its folder cannot be written; copy "
            f"{path.name} and {log.name} to a folder that can, and point FRAMEWORK0_HOME there"
        )
    with explained(path, "read"):
        connection = connect_sqlite(path, "ro&immutable=1")
        if version_of(connection, path):
            return connection
        connection.close()
        return None


def _check_file(path: Path) -> bool:
    """Tell whether the journal exists; refuse a link, a folder, a pipe or a device in its place."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise JournalError(
            f"cannot look at {path}: {error.strerror} (errno {error.errno})"
        ) from error
    if not stat.S_ISREG(found.st_mode):
        raise JournalCorrupt(f"{path} is not a file: move it away, then try again")
    return True


def _refuse_future(path: Path) -> None:
    # Looked at through a reading connection: closing a writing one could rewrite pages.
    with closing(connect_sqlite(path, "ro")) as connection:
        try:
            version_of(connection, path)
        except sqlite3.OperationalError as error:
            # Whoever created it died on the way: the next who may write takes that back first.
            if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise


def _make_private(path: Path) -> None:
    # A restored copy may be open to others, and SQLite gives its log the same mode. By name, not
    # by descriptor, for the reason above.
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        try:
            path.chmod(0o600)
        except OSError as error:
            raise JournalError(
                f"{path} can be read by others and its mode cannot be changed: {error.strerror} "
                f"(errno {error.errno}); ask its owner"
            ) from error


def _refuse_remote(path: Path) -> None:
    if reason := remote_reason(path):
        raise JournalError(f"{reason}: set FRAMEWORK0_HOME to a folder on a local disk")


def _sync_folder(path: Path) -> None:
    try:
        sync_folder(path)
    except OSError as error:
        raise JournalError(
            f"cannot sync the folder {path}: {error.strerror} (errno {error.errno})"
        ) from error


def _close(connection: sqlite3.Connection | None, gate: Gate) -> None:
    if connection is not None:
        connection.close()
    gate.close()
