"""``type: sql``: ask a database, or change it in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from framework0.errors import UsageError
from framework0.scriptlets.base import BaseScriptlet
from framework0.scriptlets.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.scriptlets.builtin.interruptible import Line


class Sql(BaseScriptlet):
    """Ask a database, or change it in one transaction: SQLite, or what SQLAlchemy has a URL for.

    ``statements`` run first, then ``query``; if one fails, none of it has happened. Values go into
    ``parameters`` and are bound, never made part of the text. The result holds ``changed`` (rows, where
    the database tells) and, for a query, ``columns``, ``count`` and ``rows`` (unless ``into`` names a context
    key for them). Raises StepError with the database's own words and the number of the statement,
    TimeoutError, UsageError (wrong params, a missing extra) and RefusedError (a file outside of the
    workspace).
    """

    name = "sql"
    version = "1.0"
    parameters: ClassVar[Mapping[str, Any]] = {
        "database": Parameter(
            str,
            description="an SQLite file, :memory:, or a URL as postgresql+psycopg://… (the extra sql)",
        ),
        "query": Parameter(str, required=False, description="one statement that gives rows"),
        "statements": Parameter(
            list,
            required=False,
            description="texts, or mappings of sql and parameters; a list of lists or mappings repeats",
        ),
        "parameters": Parameter(
            object,
            required=False,
            description="values of the query: a list for ?, a mapping for :name (the only form in a URL's)",
        ),
        "read_only": Parameter(
            bool,
            default=False,
            description="refuse every change (SQLite alone; elsewhere, a user's rights do)",
        ),
        "max_rows": Parameter(int, default=100000, description="more rows than this are an error"),
        "timeout": Parameter(object, default="1m", description="how long all of it may take"),
        "into": Parameter(str, required=False, description="the context key for the rows"),
    }

    def validate(self, context: Any, params: dict[str, Any]) -> None:
        """Refuse params that cannot go together."""
        del context
        if params["query"] is None and not params["statements"]:
            raise UsageError("give query or statements: there is nothing to do")
        if params["query"] is None and (
            params["parameters"] is not None or params["into"] is not None
        ):
            raise UsageError("parameters and into belong to a query, and there is none")

    def run(self, context: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Do it."""
        from framework0.scriptlets.builtin.interruptible import run_interruptibly
        from framework0.scriptlets.builtin.params import seconds

        statements = [
            statement(entry, at) for at, entry in enumerate(params["statements"] or (), 1)
        ]
        work = _work(params, statements)
        result: dict[str, Any] = run_interruptibly(
            work,
            cancelled=lambda: self.cancelled,
            timeout=seconds("timeout", params["timeout"]),
            what="the database",
        )
        if params["into"] is not None:
            context.set(params["into"], result.pop("rows"))
        return result


def statement(entry: Any, at: int) -> tuple[str, Any]:
    """Return the text of a statement and its values; raise UsageError for what is none."""
    text, values = entry, None
    if isinstance(entry, dict):
        if unknown := set(entry) - {"sql", "parameters"}:
            raise UsageError(
                f"statements[{at}] has {min(map(str, unknown))!r}: known are sql and parameters"
            )
        text, values = entry.get("sql"), entry.get("parameters")
    if not isinstance(text, str) or not text.strip():
        raise UsageError(f"statements[{at}] has no text")
    return text, values


def _work(params: Mapping[str, Any], statements: list[tuple[str, Any]]) -> Any:
    """Return what does the work, its file and its library found before a thread begins."""
    database = params["database"]
    query = None if params["query"] is None else (params["query"], params["parameters"])
    if "://" in database:
        from framework0.scriptlets.builtin.databases import work_by_url

        def by_url(line: Line) -> dict[str, Any]:
            return work_by_url(line, database, statements, query, params["max_rows"])

        if params["read_only"]:
            raise UsageError("read_only is for SQLite: use a database user who may only read")
        return by_url
    from framework0.scriptlets.builtin.confined import allowed_roots
    from framework0.scriptlets.builtin.sqlite import work_in_file

    roots = allowed_roots()
    read_only = params["read_only"]
    real = database if database == ":memory:" else roots.resolve(database, writing=not read_only)

    def in_file(line: Line) -> dict[str, Any]:
        return work_in_file(
            line, real, roots, statements, query, params["max_rows"], read_only=read_only
        )

    return in_file
