"""Rows and values as the content of a file: CSV, JSON, Parquet."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import UsageError
from framework0.scriptlets.builtin.formats import need_pyarrow
from framework0.scriptlets.builtin.jsontext import dump_json

if TYPE_CHECKING:
    from collections.abc import Sequence


_CRLF: Final = "\r\n"


def rows_of(value: Any) -> list[Any]:
    """Return the rows of ``value``: all mappings, or all lists; raise UsageError otherwise."""
    if not isinstance(value, list):
        raise UsageError(f"value must be a list of rows, not {type(value).__name__}")
    for at, row in enumerate(value):
        if not isinstance(row, dict | list):
            raise UsageError(
                f"value[{at}] is a {type(row).__name__}, not a row: a mapping or a list"
            )
        if type(row) is not type(value[0]):
            raise UsageError(f"value[{at}] is a {type(row).__name__}, and value[0] is not")
    return value


def columns_of(rows: Sequence[Any], given: Sequence[Any] | None) -> list[str]:
    """Return the columns in their order: those given, else every key in the order of its first row."""
    if given is not None:
        if not given or len({str(name) for name in given}) != len(given):
            raise UsageError("columns must be a list of different names")
        return [str(name) for name in given]
    found: dict[str, None] = {}
    for row in rows:
        found.update(dict.fromkeys(row))
    return list(found)


def csv_text(
    rows: Sequence[Any], columns: Sequence[Any] | None, delimiter: str, *, header: bool
) -> str:
    """Return rows as CSV (RFC 4180, with lines that end in a newline alone)."""
    lines = _Lines()
    writer = csv.writer(lines, delimiter=delimiter, lineterminator=_CRLF)
    of_lists = bool(rows) and isinstance(rows[0], list)
    names = [str(name) for name in columns or ()] if of_lists else columns_of(rows, columns)
    if header and names:
        writer.writerow(names)
    for at, row in enumerate(rows):
        if of_lists and names and len(row) != len(names):
            raise UsageError(f"value[{at}] has {len(row)} fields, and columns has {len(names)}")
        fields = row if of_lists else [row.get(name) for name in names]
        writer.writerow([_field(field, at) for field in fields])
    return "".join(lines.written)


class _Lines:
    """Takes the rows one by one, each with its end changed to a newline.

    A writer quotes the characters that its own line ends have: told to end with a newline alone, it
    would leave a carriage return in a field bare, and the row would be read back as two.
    """

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, row: str) -> int:
        self.written.append(row.removesuffix(_CRLF) + "\n")
        return len(row)


def _field(value: Any, at: int) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return value
    raise UsageError(f"value[{at}] holds a {type(value).__name__}, which no CSV field can")


def json_text(value: Any, indent: int | None, at: int | None = None) -> str:
    """Return ``value`` as JSON that ends in a newline; raise UsageError where JSON cannot hold it."""
    try:
        return dump_json(value, indent=indent) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        where = "value" if at is None else f"value[{at}]"
        raise UsageError(f"{where} is no JSON: {error}") from None


def parquet_bytes(rows: Sequence[Any], columns: Sequence[Any] | None) -> bytes:
    """Return rows as Parquet; the type of a column is what all its values have in common."""
    arrow = need_pyarrow()
    from pyarrow import parquet

    if rows and isinstance(rows[0], list):
        raise UsageError("value has rows without names, and Parquet names its columns")
    table: dict[str, Any] = {}
    for name in columns_of(rows, columns):
        try:
            table[name] = arrow.array([row.get(name) for row in rows])
        except (arrow.ArrowException, TypeError, OverflowError) as error:
            raise UsageError(f"column {name!r} holds values of different types: {error}") from None
    if not table:
        raise UsageError("value has no columns, and Parquet needs one: give columns")
    sink = io.BytesIO()
    parquet.write_table(arrow.table(table), sink)
    return sink.getvalue()
