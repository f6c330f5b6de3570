"""``type: read``: a file's rows, value or text as the result or into the context."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final

from framework0.errors import StepCancelled, UsageError
from framework0.scriptlets.base import BaseScriptlet
from framework0.scriptlets.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOOK: Final = 1_000
"""Rows between two looks whether the step was told to stop: some milliseconds."""


class Read(BaseScriptlet):
    """Read a file: CSV, JSON, JSON lines, Parquet or text.

    The result holds ``path``, ``format`` and, unless ``into`` names a context key for it, ``rows``
    (CSV, JSON lines, Parquet; their number is ``count``), ``value`` (JSON) or ``text``. Raises
    BrokenFile, which begins with file and line; FileNotFoundError and other OSErrors; UsageError
    (wrong params, a missing extra) and RefusedError (a path outside of the workspace).
    """

    name = "read"
    version = "1.0"
    parameters: ClassVar[Mapping[str, Any]] = {
        "path": Parameter(str, description="the file, relative to the workspace"),
        "format": Parameter(
            str,
            required=False,
            choices=("csv", "json", "jsonl", "parquet", "text"),
            description="what it is; by its ending, unless given",
        ),
        "into": Parameter(str, required=False, description="the context key for what was read"),
        "columns": Parameter(
            dict,
            required=False,
            description="types of CSV columns: string, integer, number, boolean, date",
        ),
        "nulls": Parameter(
            list,
            required=False,
            description="texts that mean null in CSV columns that are no text, as n/a",
        ),
        "delimiter": Parameter(
            str,
            required=False,
            description="what stands between CSV fields; a comma, or by the ending",
        ),
        "header": Parameter(
            bool, default=True, description="whether the first CSV line names the columns"
        ),
        "encoding": Parameter(str, default="utf-8", description="how the text is encoded"),
        "limit": Parameter(int, required=False, description="how many rows are read at most"),
        "max_bytes": Parameter(
            int, default=268435456, description="the largest file that is read, in bytes"
        ),
    }

    def validate(self, context: Any, params: dict[str, Any]) -> None:
        """Refuse params that cannot go together."""
        del context
        if params["columns"] and not params["header"]:
            raise UsageError("columns names columns, and header is false: there are no names")
        if params["limit"] is not None and params["limit"] < 0:
            raise UsageError("limit must not be negative")

    def run(self, context: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Read the file."""
        from framework0.scriptlets.builtin.confined import allowed_roots
        from framework0.scriptlets.builtin.formats import format_of

        path = params["path"]
        kind, delimiter = format_of(path, params["format"], params["delimiter"])
        with os.fdopen(allowed_roots().open_to_read(path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > params["max_bytes"]:
                raise UsageError(
                    f"{path} has {size:,} bytes, more than max_bytes ({params['max_bytes']:,}) allows"
                )
            found = self._found(file, kind, delimiter, params)
        result = {"path": path, "format": kind, **found}
        if params["into"] is not None:
            name = next(name for name in ("rows", "value", "text") if name in result)
            context.set(params["into"], result.pop(name))
        return result

    def _found(
        self, file: IO[bytes], kind: str, delimiter: str, params: dict[str, Any]
    ) -> dict[str, Any]:
        from framework0.scriptlets.builtin import rows
        from framework0.scriptlets.builtin.formats import known_encoding

        path, encoding = params["path"], known_encoding(params["encoding"])
        if kind == "parquet":
            return self._counted(rows.parquet_rows(file, path), params["limit"])
        text = rows.text_of(file, encoding)
        try:
            if kind == "csv":
                columns = params["columns"] or {}
                found = rows.csv_rows(
                    text, path, delimiter, columns, params["nulls"] or (), header=params["header"]
                )
                return self._counted(found, params["limit"])
            if kind == "jsonl":
                return self._counted(rows.jsonl_rows(text, path), params["limit"])
            whole = text.read()
            return {"value": rows.json_value(whole, path)} if kind == "json" else {"text": whole}
        except UnicodeDecodeError:
            raise rows.broken_encoding(file, path, encoding) from None
        finally:
            # The file is closed by whoever opened it.
            text.detach()

    def _counted(self, rows: Iterator[Any], limit: int | None) -> dict[str, Any]:
        found: list[Any] = []
        for row in rows:
            if limit is not None and len(found) >= limit:
                break
            found.append(row)
            if len(found) % LOOK == 0 and self.cancelled:
                raise StepCancelled("the step was told to stop")
        return {"count": len(found), "rows": found}
