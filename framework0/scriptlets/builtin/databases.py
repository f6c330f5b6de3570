"""Any database that SQLAlchemy has a URL for, for ``type: sql``; an extra."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from framework0.errors import RefusedError, StepError, UsageError
from framework0.scriptlets.builtin.sqlite import Statement, rows_as_mappings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework0.scriptlets.builtin.interruptible import Line


def work_by_url(
    line: Line, url: str, statements: Sequence[Statement], query: Statement | None, most: int
) -> dict[str, Any]:
    """Do everything in one transaction on the database at ``url``, whose password is never shown."""
    try:
        import sqlalchemy as sa
    except ImportError:
        raise UsageError("a database URL needs SQLAlchemy: pip install 'framework0[sql]'") from None
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise UsageError("database is no URL that SQLAlchemy can read") from None
    if address.get_backend_name() == "sqlite":
        raise RefusedError("database is a URL of SQLite: write the file's path instead")
    try:
        engine = sa.create_engine(address, poolclass=sa.pool.NullPool)
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        raise UsageError(f"{address.render_as_string()} cannot be used: {error}") from None
    return work_on_engine(line, engine, statements, query, most)


def work_on_engine(
    line: Line, engine: Any, statements: Sequence[Statement], query: Statement | None, most: int
) -> dict[str, Any]:
    """Do everything in one transaction of an SQLAlchemy engine."""
    import sqlalchemy as sa

    what = "the database"
    try:
        with engine.begin() as connection:
            held = connection.connection.driver_connection
            line.holds(lambda: _interrupt(held))
            changed = 0
            for at, (text, values) in enumerate(statements, 1):
                what = f"statements[{at}]"
                line.check(what)
                changed += max(0, connection.execute(sa.text(text), _bound(values, what)).rowcount)
            result: dict[str, Any] = {"changed": changed}
            if query is not None:
                what = "query"
                line.check(what)
                found = connection.execute(sa.text(query[0]), _bound(query[1], what))
                if not found.returns_rows:
                    raise UsageError("query gives no rows: put it under statements")
                result |= rows_as_mappings(list(found.keys()), found.fetchmany(most + 1), most)
            line.check("COMMIT")
    except sa.exc.SQLAlchemyError as error:
        # Without the statement and its values, which SQLAlchemy adds.
        raise StepError(f"{what}: {getattr(error, 'orig', None) or error}") from None
    finally:
        engine.dispose()
    return result


def _bound(values: Any, what: str) -> Any:
    rows = values if isinstance(values, list) else [values or {}]
    if not all(isinstance(row, dict) for row in rows):
        raise UsageError(
            f"{what}: parameters must be a mapping, or a list of them, for a database URL"
        )
    return values or {}


def _interrupt(connection: Any) -> None:
    """Ask a driver to stop what it does, in the way it has (SQLite's, psycopg's)."""
    for name in ("interrupt", "cancel"):
        if hasattr(connection, name):
            # It may be closed by now; every driver has errors of its own for that.
            with suppress(Exception):
                getattr(connection, name)()
            return
