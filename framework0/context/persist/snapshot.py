"""A snapshot: everything a context held at one version, in parts that can be read alone. Pure.

A part is the JSON object of some keys in a row, compressed: ``{key: [value, version]}``, with when it
ends behind that if it ends by itself, and ``{key: [version]}`` for a key whose removal is still kept.
A part is found by its first key; that of the first part is the empty text.
"""

from __future__ import annotations

from json import loads
from zlib import compress, crc32

from framework0.context.change import Entry
from framework0.context.persist.batches import unpacked
from framework0.context.persist.texts import encode, revived
from framework0.context.values import MARK
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Final

    from framework0.context.persist.texts import Home

KEYS_A_PART: Final = 256
"""Keys in one part: reading one key decodes some ten kilobytes, and a whole picture few rows."""

_LEVEL: Final = 1
"""zlib's level: writers wait for snapshots, and a higher one saves a tenth of them."""


_PAIR: Final = 2
"""A value and its version; alone stands the version of a removal, and behind both an end."""


class Part(NamedTuple):
    """One row: of the snapshot at ``version`` the keys from ``first`` on."""

    version: int
    first: str
    text: bytes
    crc: int

    def intact(self) -> bool:
        """Tell whether the row is what was written."""
        return _sealed(self.version, self.first, self.text) == self.crc


class Picture:
    """The entries at one version, and at which version the keys that are gone were removed."""

    __slots__ = ("entries", "removed")

    def __init__(self, entries: Any = None, removed: Any = None) -> None:
        self.entries: dict[str, Entry] = {} if entries is None else entries
        self.removed: dict[str, int] = {} if removed is None else removed


def write_parts(
    version: int, entries: Mapping[str, Entry], removed: Mapping[str, int], kept_since: int
) -> Iterator[Part]:
    """Yield the parts of a snapshot, at least one.

    Removals at or before ``kept_since`` are forgotten.
    """
    gone = {key: (at,) for key, at in removed.items() if at > kept_since}
    keys = sorted([*entries, *gone]) if gone else sorted(entries)
    for start in range(0, len(keys) or 1, KEYS_A_PART):
        chosen = keys[start : start + KEYS_A_PART]
        content: dict[str, Any] = {}
        for key in chosen:
            entry = entries.get(key)
            content[key] = gone[key] if entry is None else entry if entry[2] else entry[:2]
        packed = compress(encode(content).encode("utf-8", "surrogatepass"), _LEVEL)
        first = chosen[0] if start else ""
        yield Part(version, first, packed, _sealed(version, first, packed))


def read_part(part: Part, picture: Picture, kept_since: int, home: Home | None) -> None:
    """Add what ``part`` tells to ``picture``; raises ValueError when it is not what was written.

    Removals at or before ``kept_since`` are forgotten.
    """
    if not part.intact():
        raise ValueError(
            f"the part from key {part.first!r:.80} on of the snapshot of version {part.version} is "
            "not what was written"
        )
    text = unpacked(part.text)
    content = loads(text)
    if MARK in text:
        content = {key: [revived(told[0], home), *told[1:]] for key, told in content.items()}
    entries = picture.entries
    new = tuple.__new__
    for key, told in content.items():
        size = len(told)
        if size == _PAIR:
            entries[key] = new(Entry, (told[0], told[1], None))
        elif size == 1:
            if told[0] > kept_since:
                picture.removed[key] = told[0]
        else:
            entries[key] = new(Entry, told)


def _sealed(version: int, first: str, text: bytes) -> int:
    return crc32(text, crc32(f"{version} {first}".encode()))
