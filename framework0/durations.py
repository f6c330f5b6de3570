"""How people write a length of time: ``90``, ``90s``, ``5m``, ``1h30m``, ``1.5h``, ``250ms``."""

from __future__ import annotations

import math
import re
from typing import Any, Final

LONGEST: Final = 10 * 366 * 86_400.0
"""Ten years, in seconds: what is longer is a slip of the unit, and overflows some timers."""

FORMS: Final = "a number of seconds, or like 90s, 5m, 1h30m, 250ms"

PATTERN: Final = (
    r"^(?=.*[0-9]) *([0-9]+(\.[0-9]+)?|([0-9]+(\.[0-9]+)? ?d *)?([0-9]+(\.[0-9]+)? ?h *)?"
    r"([0-9]+(\.[0-9]+)? ?m(?!s) *)?([0-9]+(\.[0-9]+)? ?s *)?([0-9]+(\.[0-9]+)? ?ms)?) *$"
)
"""The texts among them, as a regular expression for the JSON Schema."""

_UNITS: Final = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|[dhms])")
_NUMBER: Final = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?")
_LONGEST_TEXT: Final = 40


def parse_duration(value: Any, *, zero: bool = False) -> float:
    """Return the seconds that ``value`` means; ``zero`` says whether none at all is allowed.

    Units go from large to small, each at most once. Raises ValueError whose text completes the
    sentence "timeout …".
    """
    if isinstance(value, bool):
        raise ValueError(f"must be {FORMS}, not {str(value).lower()}")  # noqa: TRY004
    if isinstance(value, (int, float)):
        seconds = float(value)
    elif isinstance(value, str):
        seconds = _from_text(value.strip())
    else:
        raise ValueError(f"must be {FORMS}")  # noqa: TRY004
    if math.isnan(seconds):
        raise ValueError("is not a number")
    if seconds < 0:
        raise ValueError("must not be negative")
    if seconds == 0 and not zero:
        raise ValueError("must be longer than zero")
    if seconds > LONGEST:
        raise ValueError("must not be longer than ten years")
    return seconds


def _from_text(text: str) -> float:
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"must be {FORMS}, not a text of {len(text)} characters")
    if _NUMBER.fullmatch(text):
        return float(text)
    seconds = 0.0
    position = 0
    smallest = math.inf
    while position < len(text):
        part = _PART.match(text, position)
        if part is None or _UNITS[part[2]] >= smallest:
            raise ValueError(f"must be {FORMS}, not {text!r}")
        smallest = _UNITS[part[2]]
        seconds += float(part[1]) * smallest
        position = part.end()
        while text[position : position + 1] == " ":
            position += 1
    if not text:
        raise ValueError(f"must be {FORMS}, not an empty text")
    return seconds
