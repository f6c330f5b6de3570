"""Put the rows of the context right: trimmed text, numbers as numbers, incomplete rows dropped."""

from __future__ import annotations

import math
from typing import Any

from orchestrator.context import Context
from scriptlets.framework import BaseScriptlet, register_scriptlet


@register_scriptlet
class DataCleanerScriptlet(BaseScriptlet):
    """Turn ``data.rows`` into ``data.clean``.

    Text is trimmed, what reads as a finite number becomes one, and a row with an empty value is
    dropped. In a column of which most values are numbers, a row whose value is not one is dropped
    too. ``data.dropped`` counts the rows that went.
    """

    def run(self, context: Context, params: dict[str, Any]) -> dict[str, Any]:
        rows = [
            {column: converted(value) for column, value in row.items()}
            for row in context.get("data.rows", [])
        ]
        numeric = numeric_columns(rows)
        clean = [row for row in rows if is_complete(row, numeric)]
        dropped = len(rows) - len(clean)
        context.set("data.clean", clean)
        context.set("data.dropped", dropped)
        self.logger.info("kept %d rows, dropped %d", len(clean), dropped)
        return {"status": "success", "kept": len(clean), "dropped": dropped}


def converted(value: Any) -> Any:
    """Return the number a text stands for, else the text without blanks around it."""
    text = str(value).strip()
    for reading in (int, float):
        try:
            number = reading(text)
        except ValueError:
            continue
        return number if math.isfinite(number) else ""
    return text


def numeric_columns(rows: list[dict[str, Any]]) -> set[str]:
    """Return the columns of which more than half of the values that are there are numbers."""
    numbers: dict[str, int] = {}
    values: dict[str, int] = {}
    for row in rows:
        for column, value in row.items():
            if value != "":
                values[column] = values.get(column, 0) + 1
                numbers[column] = numbers.get(column, 0) + (not isinstance(value, str))
    return {column for column, count in numbers.items() if count * 2 > values[column]}


def is_complete(row: dict[str, Any], numeric: set[str]) -> bool:
    """Tell whether no value is missing and every numeric column holds a number."""
    return all(
        value != "" and not (column in numeric and isinstance(value, str))
        for column, value in row.items()
    )
