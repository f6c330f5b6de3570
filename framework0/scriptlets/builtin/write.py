"""``type: write``: a value into a file, whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from framework0.errors import UsageError
from framework0.scriptlets.base import BaseScriptlet
from framework0.scriptlets.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping


class Write(BaseScriptlet):
    """Write a value to a file: CSV, JSON, JSON lines, Parquet or text.

    The file is written beside its place, brought to the disk and then renamed: a reader finds the old
    content or the new one, and a failed step leaves the old one. The result holds ``path``, ``format``,
    ``bytes`` and, for rows, ``count``. Raises UsageError (a value the format cannot hold, a missing
    extra), FileExistsError, other OSErrors (as a full disk), and RefusedError (a path outside of the
    workspace).
    """

    name = "write"
    version = "1.0"
    parameters: ClassVar[Mapping[str, Any]] = {
        "path": Parameter(str, description="the file, relative to the workspace; folders are made"),
        "value": Parameter(object, description="what to write: rows, any JSON value, or a text"),
        "format": Parameter(
            str,
            required=False,
            choices=("csv", "json", "jsonl", "parquet", "text"),
            description="what it becomes; by its ending, unless given",
        ),
        "columns": Parameter(
            list, required=False, description="the columns and their order; all keys, unless given"
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
        "indent": Parameter(int, default=2, description="blanks a level of JSON is indented by"),
        "overwrite": Parameter(bool, default=True, description="whether a file may be replaced"),
    }

    def run(self, context: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Write the file."""
        del context
        from framework0.scriptlets.builtin.confined import allowed_roots
        from framework0.scriptlets.builtin.formats import format_of

        path = params["path"]
        kind, delimiter = format_of(path, params["format"], params["delimiter"])
        content, count = _content(kind, params, delimiter)
        roots = allowed_roots()
        with roots.replacing(path, overwrite=params["overwrite"]) as file:
            file.write(content)
        result = {"path": path, "format": kind, "bytes": len(content)}
        return result if count is None else {**result, "count": count}


def _content(kind: str, params: Mapping[str, Any], delimiter: str) -> tuple[bytes, int | None]:
    """Return the bytes of the file, and how many rows are in it where it has rows."""
    from framework0.scriptlets.builtin import texts
    from framework0.scriptlets.builtin.formats import known_encoding

    value, columns = params["value"], params["columns"]
    if kind == "parquet":
        rows = texts.rows_of(value)
        return texts.parquet_bytes(rows, columns), len(rows)
    encoding = known_encoding(params["encoding"])
    count: int | None = None
    if kind == "csv":
        rows = texts.rows_of(value)
        count = len(rows)
        text = texts.csv_text(rows, columns, delimiter, header=params["header"])
    elif kind == "jsonl":
        if not isinstance(value, list):
            raise UsageError(f"value must be a list, a line for each, not {type(value).__name__}")
        count, text = len(value), "".join(
            texts.json_text(row, None, at) for at, row in enumerate(value)
        )
    elif kind == "json":
        text = texts.json_text(value, max(0, params["indent"]))
    elif isinstance(value, str):
        text = value
    else:
        raise UsageError(f"value must be a text, not {type(value).__name__}: or set `format`")
    try:
        return text.encode(encoding), count
    except UnicodeEncodeError as error:
        raise UsageError(
            f"value has {error.object[error.start]!r}, which {encoding} cannot hold: use utf-8"
        ) from None
