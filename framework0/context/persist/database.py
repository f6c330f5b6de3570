"""How a context's file is opened: private, local, durable, and never by guessing."""

from __future__ import annotations

import os
import stat
from contextlib import closing

from framework0.context.persist.counter import Counter
from framework0.context.persist.schema import prepare, version_of
from framework0.context.persist.trouble import checked
from framework0.errors import RefusedError, StoreError
from framework0.workspace import (
    SYNCHRONOUS,
    Gate,
    connect_sqlite,
    make_private_folder,
    open_private,
    remote_reason,
    sync_folder,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


class Opened:
    """A context's file open for writing, the gate before it, and the number that others watch."""

    __slots__ = ("connection", "counter", "gate", "identity", "path")

    def __init__(self, path: Path, durability: str) -> None:
        """Open the file at ``path``, creating or migrating it.

        Raises :class:`~framework0.errors.StoreError` or one of its kinds, and
        :class:`~framework0.errors.RefusedError` for what is no file of our own.
        """
        if durability not in SYNCHRONOUS:
            raise StoreError(f"durability is 'full' or 'normal', not {durability!r}")
        make_private_folder(path.parent)
        _refuse_remote(path)
        self.path = path
        self.gate = Gate(lock_of(path))
        connection: sqlite3.Connection | None = None
        counter: Counter | None = None
        try:
            with checked(path, "open"), self.gate:
                counter = Counter(lock_of(path))
                _create_or_check(path)
                connection = connect_sqlite(path, "rw")
                prepare(connection, path)
                connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS[durability]}")
        except BaseException:
            if connection is not None:
                connection.close()
            if counter is not None:
                counter.close()
            self.gate.close()
            raise
        self.connection = connection
        self.counter = counter
        self.identity = (_identity(path), _identity(lock_of(path)))

    def check_identity(self) -> None:
        """Notice that a file was removed or replaced: what is written then, nobody will find."""
        for path, opened in zip((self.path, lock_of(self.path)), self.identity, strict=True):
            try:
                found = _identity(path)
            except OSError as error:
                raise StoreError(
                    f"{path} is gone ({error.strerror}, errno {error.errno}): put it back, then open "
                    "the context again"
                ) from error
            if found != opened:
                raise StoreError(
                    f"{path} was replaced while the context was open: put the old file back, then "
                    "open the context again"
                )

    def close(self) -> None:
        """Close everything; the last one to leave moves the log into the database."""
        try:
            with self.gate:
                self.connection.close()
        except OSError as error:
            raise StoreError(
                f"cannot lock {self.gate.path}: {error.strerror} (errno {error.errno})"
            ) from error
        finally:
            # SQLite's own locks guard this too; the gate only keeps others from polling for them.
            self.connection.close()
            self.gate.close()


def lock_of(path: Path) -> Path:
    """Return the lock file that writers of the context at ``path`` pass through, one at a time."""
    return path.with_name(path.name + ".lock")


def _create_or_check(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        # Closing a second opening of an existing database would drop SQLite's own locks (POSIX), so
        # only a file that nobody has open yet is opened by hand.
        os.close(open_private(path))
        _sync_folder(path.parent)
        _sync_folder(path.parent.parent)
        return
    if not stat.S_ISREG(found.st_mode):
        raise RefusedError(f"{path} is not a file: move it away, then try again")
    if found.st_nlink > 1:
        raise RefusedError(
            f"{path} has a second name (hard link): writing would change another file; move it away"
        )
    # Looked at through a reading connection: closing a writing one could rewrite pages.
    with closing(connect_sqlite(path, "ro")) as connection:
        version_of(connection, path)
    # A restored copy may be open to others, and SQLite gives its log the same mode.
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o600)


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _refuse_remote(path: Path) -> None:
    if reason := remote_reason(path):
        raise StoreError(f"{reason}: use a folder on a local disk, or a context server")


def _sync_folder(path: Path) -> None:
    try:
        sync_folder(path)
    except OSError as error:
        raise StoreError(
            f"cannot sync the folder {path}: {error.strerror} (errno {error.errno})"
        ) from error
