"""From SQLite's errors to ours: which file, which errno, and what to do next."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager

from framework0.errors import StoreCorrupt, StoreError
from framework0.workspace import is_sqlite_damage, sqlite_cause, sqlite_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Final

_HINTS: Final = {
    sqlite3.SQLITE_FULL: "make room, then write again",
    sqlite3.SQLITE_IOERR: (
        "check the disk, its quota and the file-size limit, then open the context again"
    ),
    sqlite3.SQLITE_READONLY: "make it and its folder writable, or use another context",
    sqlite3.SQLITE_CANTOPEN: "make the folder writable, or use another context",
    sqlite3.SQLITE_PERM: "ask its owner",
}

RESTORE: Final = (
    "nothing was changed; move it and its -wal file away to begin a new context, or restore a copy"
)


def explain(error: sqlite3.Error, path: Path, doing: str) -> StoreError:
    """Return our error for what SQLite raised while ``doing`` something to ``path``."""
    if is_sqlite_damage(error):
        return StoreCorrupt(f"{path} is damaged or not a context ({error}): {RESTORE}")
    hint = _HINTS.get(sqlite_code(error), "nothing was overwritten")
    return StoreError(f"cannot {doing} the context {path}: {sqlite_cause(error)}; {hint}")


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
