"""Compute the statistics of every numeric column."""

from __future__ import annotations

import statistics
from typing import Any

from orchestrator.context import Context
from scriptlets.framework import BaseScriptlet, Parameter, register_scriptlet


@register_scriptlet
class DataAnalyzerScriptlet(BaseScriptlet):
    """Write ``statistics.<column>`` for every numeric column of ``data.clean``.

    Each is a mapping of count, minimum, median, mean, maximum and deviation (of the sample; 0 for
    a single value), rounded to ``digits`` decimals (4 unless told otherwise). With ``by``, the
    figures of each group of rows that share that column's value are written too, as
    ``statistics.<column>.<value>``. Raises ValueError when there is nothing to compute from.
    """

    parameters = {
        "digits": Parameter(int, default=4, description="decimals kept of each figure"),
        "by": Parameter(str, required=False, description="a column to group the rows by"),
    }

    def run(self, context: Context, params: dict[str, Any]) -> dict[str, Any]:
        rows = context.get("data.clean", [])
        digits = params["digits"]
        columns = numeric_columns(rows)
        if not columns:
            raise ValueError(
                "data.clean has no row with a number in it: was the data loaded and cleaned?"
            )
        for column in columns:
            context.set(f"statistics.{column}", figures([row[column] for row in rows], digits))
            for group, members in groups(rows, params["by"]).items():
                context.set(
                    f"statistics.{column}.{group}",
                    figures([row[column] for row in members], digits),
                )
        self.logger.info("computed the statistics of %s", ", ".join(columns))
        return {"status": "success", "rows": len(rows), "columns": columns}


def numeric_columns(rows: list[dict[str, Any]]) -> list[str]:
    """Return the columns whose every value is a number, in the order of the file."""
    if not rows:
        return []
    return [
        column
        for column in rows[0]
        if all(isinstance(row.get(column), (int, float)) for row in rows)
    ]


def groups(rows: list[dict[str, Any]], column: str | None) -> dict[str, list[dict[str, Any]]]:
    """Return the rows by the value they have in ``column``; nothing without a column."""
    found: dict[str, list[dict[str, Any]]] = {}
    if column is not None:
        for row in rows:
            found.setdefault(str(row[column]), []).append(row)
    return found


def figures(values: list[float], digits: int) -> dict[str, float]:
    """Return the figures that describe ``values``, of which there must be one at least."""
    return {
        "count": len(values),
        "minimum": min(values),
        "median": round(statistics.median(values), digits),
        "mean": round(statistics.fmean(values), digits),
        "maximum": max(values),
        "deviation": round(statistics.stdev(values), digits) if len(values) > 1 else 0.0,
    }
