"""SQLite for ``type: sql``: one file, one transaction, and no way to another file."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from framework0.errors import Framework0Error, RefusedError, StepError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework0.scriptlets.builtin.confined import Roots
    from framework0.scriptlets.builtin.interruptible import Line

Statement = tuple[str, Any]

BUSY: Final = 30.0
"""Seconds to wait for another writer; the step's own timeout ends it sooner."""

ASKED_EVERY: Final = 100_000
"""Instructions of SQLite between two looks whether the step has ended: some milliseconds."""

_ENDING: Final = frozenset({"begin", "commit", "end", "rollback"})


def work_in_file(
    line: Line,
    path: str,
    roots: Roots,
    statements: Sequence[Statement],
    query: Statement | None,
    most: int,
    *,
    read_only: bool,
) -> dict[str, Any]:
    """Do everything in one transaction on the file ``path`` (or ``:memory:``).

    SQLite opens files by name, so a link put in the place of the file after it was checked would be
    followed; the file must be in a folder whose other writers are trusted. Other files cannot be
    attached unless they lie in the allowed folders.
    """
    refusals: list[str] = []
    try:
        connection = _opened(path, read_only=read_only)
    except sqlite3.Error as error:
        raise StepError(f"{path} cannot be opened: {error}") from None
    with closing(connection):
        line.holds(lambda: _interrupt(connection))
        # An interrupt between two statements is lost on SQLite, so each of them asks by itself too.
        connection.set_progress_handler(lambda: line.is_cut, ASKED_EVERY)
        connection.set_authorizer(_guard(roots, refusals, read_only=read_only))
        try:
            connection.execute("BEGIN" if read_only or path == ":memory:" else "BEGIN IMMEDIATE")
            changed = 0
            for at, (text, values) in enumerate(statements, 1):
                changed += max(0, _execute(connection, text, values, f"statements[{at}]").rowcount)
            result: dict[str, Any] = {"changed": changed}
            if query is not None:
                result |= _rows(_execute(connection, *query, "query"), most)
            line.check("COMMIT")
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise _told(error, refusals, "the database") from None
        except Framework0Error as error:
            if refusals:
                raise RefusedError(refusals[0]) from None
            raise error from None
    return result


def _opened(path: str, *, read_only: bool) -> sqlite3.Connection:
    if path == ":memory:":
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    mode = "ro" if read_only else "rwc"
    return sqlite3.connect(
        f"file:{quote(path)}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=BUSY,
        check_same_thread=False,
    )


def _interrupt(connection: sqlite3.Connection) -> None:
    # It may be closed by now: the work was done.
    with suppress(sqlite3.Error):
        connection.interrupt()


def _guard(roots: Roots, refusals: list[str], *, read_only: bool) -> Any:
    def authorize(action: int, first: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_ATTACH and first not in {"", ":memory:"}:
            try:
                if first is None or first.lower().startswith("file:"):
                    raise RefusedError("ATTACH takes a plain path here, written as a text")
                if first != roots.resolve(first, writing=not read_only):
                    raise RefusedError(f"ATTACH {first}: write the full path, with no link in it")
            except Framework0Error as error:
                refusals.append(str(error))
                return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    return authorize


def _execute(connection: sqlite3.Connection, text: str, values: Any, what: str) -> sqlite3.Cursor:
    words = text.split(None, 1)
    if words and words[0].rstrip(";").lower() in _ENDING:
        raise UsageError(f"{what}: {words[0].upper()} is not needed: all of it is one transaction")
    if values is not None and not isinstance(values, list | dict):
        raise UsageError(
            f"{what}: parameters is a {type(values).__name__}: give a list or a mapping"
        )
    try:
        if isinstance(values, list) and values and isinstance(values[0], list | dict):
            return connection.executemany(text, values)
        return connection.execute(text, () if values is None else values)
    except (sqlite3.Error, sqlite3.Warning, TypeError, ValueError, OverflowError) as error:
        raise StepError(f"{what}: {error}") from None


def _rows(cursor: sqlite3.Cursor, most: int) -> dict[str, Any]:
    if cursor.description is None:
        raise UsageError("query gives no rows: put it under statements")
    columns = [str(entry[0]) for entry in cursor.description]
    return rows_as_mappings(columns, cursor.fetchmany(most + 1), most)


def rows_as_mappings(columns: list[str], found: Sequence[Any], most: int) -> dict[str, Any]:
    """Return the rows as mappings; raise UsageError for two columns of one name, or too many rows."""
    twice = {name for name in columns if columns.count(name) > 1}
    if twice:
        raise UsageError(f"query gives two columns called {min(twice)!r}: rename one with AS")
    if len(found) > most:
        raise StepError(f"query gives more than {most:,} rows: raise max_rows, or add a LIMIT")
    rows = [
        {name: _plain(value, name) for name, value in zip(columns, row, strict=True)}
        for row in found
    ]
    return {"columns": columns, "count": len(rows), "rows": rows}


def _plain(value: Any, name: str) -> Any:
    """Return a value of a database as JSON has it: times and decimals as texts."""
    if isinstance(value, str | int | float | bool | list | dict | None):
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if type(value).__name__ in {"Decimal", "UUID"}:
        return str(value)
    raise StepError(
        f"column {name!r} holds {type(value).__name__}, which no result can: select hex({name})"
    )


def _told(error: Exception, refusals: list[str], what: str) -> Framework0Error:
    return RefusedError(refusals[0]) if refusals else StepError(f"{what}: {error}")
