"""JSON as it is read and written by built-in steps: strict both ways."""

from __future__ import annotations

import json
from typing import Any


def parse_json(text: str) -> Any:
    """Return the value of a JSON text.

    Raises ValueError, with line and column, for what is not JSON (NaN and a key given twice among
    it), and for what is nested too deeply to be read.
    """
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def dump_json(value: Any, *, indent: int | None = None) -> str:
    """Return ``value`` as JSON text; raise ValueError or TypeError where JSON cannot hold it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON value")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} stands in it twice")
    return found
