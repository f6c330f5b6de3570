"""How people write a number of bytes: ``1048576``, ``512MB``, ``1.5 GB``, ``64KiB``."""

from __future__ import annotations

import re
from typing import Any, Final

FORMS: Final = "a number of bytes, or like 512MB, 1.5GB, 64KiB"

LARGEST: Final = 2**60
"""Bytes: an exbibyte is more than any machine has, and fits every program's whole numbers."""

PATTERN: Final = r"^ *[0-9]+(\.[0-9]+)? ?([KMGTkmgt][iI]?)?[Bb]? *$"
"""The texts among them, as a regular expression for the JSON Schema."""

_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_TEXT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(?:([kmgt])(i?))?b?", re.IGNORECASE)
_LONGEST_TEXT: Final = 40


def parse_size(value: Any) -> int:
    """Return the bytes that ``value`` means: ``KB`` is 1,000 of them, ``KiB`` 1,024.

    Raises ValueError whose text completes the sentence "memory …".
    """
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"must be {FORMS}")  # noqa: TRY004
    size = value if isinstance(value, int) else _from_text(value.strip())
    if size < 0:
        raise ValueError("must not be negative")
    if size > LARGEST:
        raise ValueError("is more than any machine has")
    return size


def _from_text(text: str) -> int:
    found = _TEXT.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if found is None:
        raise ValueError(f"must be {FORMS}, not {text[:_LONGEST_TEXT]!r}")
    number, unit, binary = found.groups(default="")
    factor: int = (1024 if binary else 1000) ** _POWERS[unit.lower()]
    return round(float(number) * factor)


def size_text(size: float) -> str:
    """Return ``size`` bytes as people say it, to three digits: ``512 MB``."""
    unit = "bytes"
    for larger in ("KB", "MB", "GB", "TB", "PB"):
        # Already here where rounding would show four digits.
        if size < 999.5:  # noqa: PLR2004
            break
        size, unit = size / 1000, larger
    return f"{size:.3g} {unit}"
