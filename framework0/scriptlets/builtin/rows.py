"""Rows read from CSV, JSON lines and Parquet; whatever is wrong in a file is told with its line."""

from __future__ import annotations

import csv
import io
from typing import IO, TYPE_CHECKING, Any, Final

from framework0.errors import Framework0Error, UsageError
from framework0.scriptlets.builtin.formats import need_pyarrow
from framework0.scriptlets.builtin.jsontext import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

CELL_CHARACTERS: Final = 1024 * 1024
"""Characters of one CSV field; more is a quotation mark that was never closed."""

SHOWN: Final = 40
"""Characters of a field that a message shows."""

BATCH: Final = 10_000
"""Rows of Parquet turned into Python's own values at a time."""

_FLAGS: Final = {"true": True, "false": False}


class BrokenFile(Framework0Error):
    """A file does not hold what its format promises; the message begins with ``file:line``."""


def text_of(file: IO[bytes], encoding: str) -> io.TextIOWrapper:
    """Return the text of a file; a byte order mark is no part of it."""
    name = "utf-8-sig" if encoding == "utf-8" else encoding
    return io.TextIOWrapper(file, encoding=name, newline="")


def broken_encoding(content: IO[bytes], shown: str, encoding: str) -> BrokenFile:
    """Return the error for a file that is not in its encoding, with the first line that is not."""
    content.seek(0)
    for number, line in enumerate(content, 1):
        try:
            line.decode(encoding)
        except UnicodeDecodeError as error:
            byte = line[error.start]
            return BrokenFile(
                f"{shown}:{number}: byte 0x{byte:02x} is no {encoding}: set `encoding`"
            )
    return BrokenFile(f"{shown}: it is not {encoding}: set `encoding`")


def csv_rows(
    text: Iterable[str],
    shown: str,
    delimiter: str,
    columns: Mapping[str, str],
    nulls: Collection[Any] = (),
    *,
    header: bool,
) -> Iterator[Any]:
    """Yield a mapping for each row of CSV, or without ``header`` a list.

    ``columns`` says which columns are no text: ``integer``, ``number``, ``boolean``, ``date``; an
    empty field of such a column is None, and so is one of ``nulls``. Raises :class:`BrokenFile` with the line.
    """
    lines = csv.reader(text, delimiter=delimiter, strict=True)
    names: list[str] | None = None
    typed: list[tuple[int | str, str]] = []
    csv.field_size_limit(max(csv.field_size_limit(), CELL_CHARACTERS))
    try:
        for fields in lines:
            if not fields:
                continue
            if header and names is None:
                names = _header(fields, shown, lines.line_num)
                typed = _typed(columns, names, shown)
                continue
            where = f"{shown}:{lines.line_num}"
            if names is None:
                yield fields
                continue
            if len(fields) != len(names):
                raise BrokenFile(
                    f"{where}: {len(fields)} fields, where the header has {len(names)}"
                )
            row: dict[Any, Any] = dict(zip(names, fields, strict=True))
            for name, kind in typed:
                field = row[name]
                blank = not field.strip() or field.strip() in nulls
                row[name] = None if blank else _converted(field, kind, where, name)
            yield row
    except csv.Error as error:
        raise BrokenFile(f"{shown}:{lines.line_num}: {error}") from None
    if header and names is None and columns:
        raise BrokenFile(f"{shown}:1: it has no header, and columns names some")


def _header(fields: list[str], shown: str, line: int) -> list[str]:
    twice = {name for name in fields if fields.count(name) > 1}
    if twice:
        raise BrokenFile(f"{shown}:{line}: two columns are called {min(twice)!r}")
    return fields


def _typed(columns: Mapping[str, str], names: list[str], shown: str) -> list[tuple[int | str, str]]:
    from framework0.source import near_names

    for name, kind in columns.items():
        if name not in names:
            near = near_names(name, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names[:20])}"
            raise BrokenFile(f"{shown}:1: there is no column {name!r} ({hint})")
        if kind not in CONVERSIONS:
            raise UsageError(f"columns.{name} is {kind!r}: one of {', '.join(CONVERSIONS)}")
    return [(name, kind) for name, kind in columns.items() if kind != "string"]


def _converted(field: str, kind: str, where: str, name: int | str) -> Any:
    try:
        return CONVERSIONS[kind](field.strip())
    except (ValueError, KeyError):
        shown = field if len(field) <= SHOWN else field[:SHOWN] + "…"
        raise BrokenFile(f"{where}: column {name!r} holds {shown!r}, which is no {kind}") from None


def _integer(field: str) -> int:
    # int() takes underscores and digits of every script; data that has them is a mistake.
    if not field.isascii() or "_" in field:
        raise ValueError
    return int(field)


def _number(field: str) -> int | float:
    if not field.isascii() or "_" in field:
        raise ValueError
    try:
        return int(field)
    except ValueError:
        value = float(field)
    if value - value != 0:
        raise ValueError("not finite")
    return value


def _date(field: str) -> str:
    from datetime import date, datetime

    if len(field) == len("2026-01-31"):
        return date.fromisoformat(field).isoformat()
    return datetime.fromisoformat(field).isoformat()


CONVERSIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "string": str,
    "integer": _integer,
    "number": _number,
    "boolean": lambda field: _FLAGS[field.lower()],
    "date": _date,
}


def jsonl_rows(text: Iterable[str], shown: str) -> Iterator[Any]:
    """Yield the value of each line that is not blank; raise :class:`BrokenFile` with the line."""
    for number, line in enumerate(text, 1):
        if line.strip():
            try:
                yield parse_json(line)
            except ValueError as error:
                raise BrokenFile(f"{shown}:{number}: {_said(error)}") from None


def json_value(text: str, shown: str) -> Any:
    """Return the value of a JSON file; raise :class:`BrokenFile` with line and column."""
    try:
        return parse_json(text)
    except ValueError as error:
        line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
        raise BrokenFile(f"{shown}:{line}:{column}: {_said(error)}") from None


def _said(error: ValueError) -> str:
    return str(getattr(error, "msg", error))


def parquet_rows(file: IO[bytes], shown: str) -> Iterator[Any]:
    """Yield a mapping for each row of Parquet; dates and times become ISO 8601 texts."""
    arrow = need_pyarrow()
    from pyarrow import parquet

    try:
        whole = parquet.ParquetFile(file)
        for batch in whole.iter_batches(batch_size=BATCH):
            for row in batch.to_pylist():
                yield {
                    name: _plain(value, f"{shown}: column {name!r}") for name, value in row.items()
                }
    except (arrow.ArrowException, OSError) as error:
        raise BrokenFile(f"{shown}: it is no Parquet file that can be read: {error}") from None


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, list):
        return [_plain(item, where) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item, where) for name, item in value.items()}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if type(value).__name__ in {"Decimal", "UUID"}:
        return str(value)
    raise BrokenFile(f"{where} holds a {type(value).__name__}, which no result can")
