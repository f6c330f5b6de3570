"""Values as a person types and reads them on a command line."""

from __future__ import annotations

import json
import re

from framework0.errors import ValueRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")


def typed(text: str, now: Any, name: str) -> Any:
    """Return the value that ``text`` stands for in place of ``now``: of the same type.

    In place of null, or of nothing, it is read as JSON, and else is a text. Raises
    :class:`~framework0.errors.ValueRefused` naming ``name`` when it cannot be of that type.
    """
    found: Any
    if isinstance(now, str):
        return text
    if isinstance(now, bool):
        found = {"true": True, "false": False}.get(text.lower())
        wanted = "true or false"
    elif isinstance(now, int):
        found = int(text) if _INTEGER.fullmatch(text) else None
        wanted = "an integer"
    else:
        found = _json(text)
        if now is None:
            return text if found is None and text != "null" else found
        if isinstance(now, float):
            wanted = "a number"
            number = isinstance(found, (int, float)) and not isinstance(found, bool)
            found = float(found) if number else None
        else:
            wanted = "a JSON object" if isinstance(now, dict) else "a JSON list"
            found = found if isinstance(found, type(now)) else None
    if found is None:
        raise ValueRefused(
            f"{name} is {json.dumps(now, ensure_ascii=False):.60}, so its new value must be "
            f"{wanted}, which {text!r:.60} is not",
            path=name,
        )
    return found


def shown(value: Any) -> str:
    """Return a value as text: a text itself, groups and lists as JSON with indents."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=4)


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(word: str) -> None:
    raise ValueError(word)
