"""From SQLite's errors to ours: which file, which errno, and what to do next."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager

from framework0.errors import JournalCorrupt, JournalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Final

_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})

_CAUSES: Final = {
    sqlite3.SQLITE_FULL: (
        "no space left on the disk (errno 28, ENOSPC)",
        "make room, then resume the run",
    ),
    sqlite3.SQLITE_IOERR: (
        "input/output error (errno 5, EIO; at a file-size limit errno 27, EFBIG)",
        "check the disk, its quota and the file-size limit, then resume the run",
    ),
    sqlite3.SQLITE_READONLY: (
        "it cannot be written (errno 30, EROFS, or 13, EACCES)",
        "make it writable, or set FRAMEWORK0_HOME to a folder that is",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "it or its folder cannot be opened or created (errno 13, EACCES, or 30, EROFS)",
        "make the folder writable, or set FRAMEWORK0_HOME to a folder that is",
    ),
    sqlite3.SQLITE_PERM: ("access denied (errno 13, EACCES)", "ask its owner"),
}


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without its extension, 0 when the error has none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def explain(error: sqlite3.Error, path: Path, doing: str) -> JournalError:
    """Return the journal's error for what SQLite raised while ``doing`` something to ``path``."""
    code = primary_code(error)
    name = getattr(error, "sqlite_errorname", "")
    if code in _CORRUPT or (not code and "decode" in str(error)):
        return JournalCorrupt(
            f"{path} is damaged or not a journal ({error}): nothing was changed; "
            "move it and its -wal file away to begin a new one, or restore a copy"
        )
    cause, hint = _CAUSES.get(code, (str(error), "nothing was overwritten"))
    detail = f" [{name}]" if name else ""
    return JournalError(f"cannot {doing} the journal {path}: {cause}{detail}; {hint}")


@contextmanager
def explained(path: Path, doing: str) -> Iterator[None]:
    """Turn what SQLite raises inside the block into the journal's own errors."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path, doing) from error
    except UnicodeDecodeError as error:
        # SQLite quotes from a damaged schema in its message, which then is no text either.
        raise JournalCorrupt(
            f"{path} is damaged ({error}): nothing was changed; move it and its -wal file away to "
            "begin a new one, or restore a copy"
        ) from error
