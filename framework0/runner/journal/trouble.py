"""From SQLite's errors to ours: which file, which errno, and what to do next."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager

from framework0.errors import JournalCorrupt, JournalError
from framework0.workspace import is_sqlite_damage, sqlite_cause, sqlite_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Final

_ANOTHER_HOME: Final = "or set FRAMEWORK0_HOME to a folder that is"

_HINTS: Final = {
    sqlite3.SQLITE_FULL: "make room, then resume the run",
    sqlite3.SQLITE_IOERR: "check the disk, its quota and the file-size limit, then resume the run",
    sqlite3.SQLITE_READONLY: f"make it writable, {_ANOTHER_HOME}",
    sqlite3.SQLITE_CANTOPEN: f"make the folder writable, {_ANOTHER_HOME}",
    sqlite3.SQLITE_PERM: "ask its owner",
}

_RESTORE: Final = (
    "nothing was changed; move it and its -wal file away to begin a new one, or restore a copy"
)


def explain(error: sqlite3.Error, path: Path, doing: str) -> JournalError:
    """Return the journal's error for what SQLite raised while ``doing`` something to ``path``."""
    if is_sqlite_damage(error):
        return JournalCorrupt(f"{path} is damaged or not a journal ({error}): {_RESTORE}")
    hint = _HINTS.get(sqlite_code(error), "nothing was overwritten")
    return JournalError(f"cannot {doing} the journal {path}: {sqlite_cause(error)}; {hint}")


@contextmanager
def explained(path: Path, doing: str) -> Iterator[None]:
    """Turn what SQLite raises inside the block into the journal's own errors."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path, doing) from error
    except UnicodeDecodeError as error:
        # SQLite quotes from a damaged schema in its message, which then is no text either.
        raise JournalCorrupt(f"{path} is damaged ({error}): {_RESTORE}") from error
