"""Read a CSV file into the context."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from orchestrator.context import Context
from scriptlets.framework import BaseScriptlet, Parameter, register_scriptlet

WORKSPACE = Path(__file__).resolve().parents[2]


@register_scriptlet
class DataLoaderScriptlet(BaseScriptlet):
    """Read the CSV file ``source``; its first line names the columns.

    Writes ``data.columns`` (the names) and ``data.rows`` (one mapping per line, every value still
    the text it was). Raises FileNotFoundError when there is no such file, and ValueError when it
    has no line of column names or a line is longer than that one.
    """

    parameters = {"source": Parameter(str, description="the CSV file to read")}

    def run(self, context: Context, params: dict[str, Any]) -> dict[str, Any]:
        source = locate(params["source"])
        with source.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            if not columns:
                raise ValueError(f"{source} is empty: its first line must name the columns")
            rows = [whole(row, source, reader.line_num) for row in reader]
        context.set("data.columns", columns)
        context.set("data.rows", rows)
        self.logger.info("read %d rows of %d columns from %s", len(rows), len(columns), source)
        return {"status": "success", "rows": len(rows), "columns": columns}


def locate(source: str) -> Path:
    """Return the file ``source`` means: as given, or from the workspace's root if it is not there.

    So a recipe of this workspace finds its data from whatever folder it is run.
    """
    given = Path(source).expanduser()
    from_root = WORKSPACE / given
    return given if given.exists() or not from_root.exists() else from_root


def whole(row: dict[Any, Any], source: Path, line: int) -> dict[str, str]:
    """Return the row if every value has a column; a value missing at the end becomes empty."""
    if None in row:
        raise ValueError(f"{source}:{line}: more values than there are columns")
    return {column: value or "" for column, value in row.items()}
