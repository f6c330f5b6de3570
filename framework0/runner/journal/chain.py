"""What makes a history trustworthy: each row's checksum is seeded by the row before it.

CRC-32 (ISO-HDLC, as in zlib) finds every single flipped bit and every burst of up to 32 bits; the
seed finds rows that were dropped, doubled, swapped or taken from another run. It is a guard
against broken disks, not against people: whoever may write the file may also recompute it.
"""

from __future__ import annotations

import json
from zlib import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final


def _reference(value: Any) -> Any:
    """Return what stands in a row for an artifact, the one thing in a value that is no JSON."""
    from framework0.artifacts import Artifact

    if type(value) is Artifact:
        return value.to_json()
    raise TypeError(f"a {type(value).__name__} is not JSON")


encode: Final = json.JSONEncoder(
    separators=(",", ":"), check_circular=False, allow_nan=False, default=_reference
).encode
"""JSON as the journal writes it: ASCII only, no spaces, no NaN; the same value, the same text."""


def link(text: bytes, previous: int) -> int:
    """Return the checksum of a row that follows one with the checksum ``previous``."""
    return crc32(text, previous)


def seal(values: list[Any]) -> int:
    """Return the checksum of a row that stands alone."""
    return crc32(encode(values).encode("ascii"))
