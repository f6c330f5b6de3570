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

encode: Final = json.JSONEncoder(
    separators=(",", ":"), check_circular=False, allow_nan=False
).encode
"""JSON as the journal writes it: ASCII only, no spaces, no NaN; the same value, the same text."""


def link(text: bytes, previous: int) -> int:
    """Return the checksum of a row that follows one with the checksum ``previous``."""
    return crc32(text, previous)


def seal(values: list[Any]) -> int:
    """Return the checksum of a row that stands alone."""
    return crc32(encode(values).encode("ascii"))
