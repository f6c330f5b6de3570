"""From SQLite's errors to ours: which file, which errno, and what to do next."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager

from framework0.errors import StoreCorrupt, StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Final

_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})

_CAUSES: Final = {
    sqlite3.SQLITE_FULL: (
        "no space left on the disk (errno 28, ENOSPC)",
        "make room, then write again",
    ),
    sqlite3.SQLITE_IOERR: (
        "input/output error (errno 5, EIO; at a file-size limit errno 27, EFBIG)",
        "check the disk, its quota and the file-size limit, then open the context again",
    ),
    sqlite3.SQLITE_READONLY: (
        "it cannot be written (errno 30, EROFS, or 13, EACCES)",
        "make it and its folder writable, or use another context",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "it or its folder cannot be opened or created (errno 13, EACCES, or 30, EROFS)",
        "make the folder writable, or use another context",
    ),
    sqlite3.SQLITE_PERM: ("access denied (errno 13, EACCES)", "ask its owner"),
}

RESTORE: Final = (
    "nothing was changed; move it and its -wal file away to begin a new context, or restore a copy"
)


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without its extension, 0 when the error has none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def explain(error: sqlite3.Error, path: Path, doing: str) -> StoreError:
    """Return our error for what SQLite raised while ``doing`` something to ``path``."""
    code = primary_code(error)
    if code in _CORRUPT or (not code and "decode" in str(error)):
        return StoreCorrupt(f"{path} is damaged or not a context ({error}): {RESTORE}")
    cause, hint = _CAUSES.get(code, (str(error), "nothing was overwritten"))
    name = getattr(error, "sqlite_errorname", "")
    detail = f" [{name}]" if name else ""
    return StoreError(f"cannot {doing} the context {path}: {cause}{detail}; {hint}")


@contextmanager
def explained(path: Path, doing: str) -> Iterator[None]:
    """Turn what SQLite raises inside the block into our own errors."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path, doing) from error


@contextmanager
def checked(path: Path, doing: str = "read") -> Iterator[None]:
    """Likewise where the content is read: what does not fit is damage."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path, doing) from error
    # It is no text, no JSON, or not shaped as it was written: a flipped bit can do all of that.
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise StoreCorrupt(f"{path} is damaged: {error}; {RESTORE}") from error
