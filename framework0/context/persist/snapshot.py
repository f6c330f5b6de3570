"""A snapshot: everything a context held at one version, in parts that can be read alone. Pure.

A part is some keys in a row as JSON, compressed: ``[keys, values, versions, ends, removals]``, where
``ends`` maps a key to when its value ends by itself, and ``removals`` maps keys that were removed to the
version of that, as long as that change is kept. Lists side by side are read in half the time of pairs.
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
    gone = {key: at for key, at in removed.items() if at > kept_since}
    keys = sorted([*entries, *gone]) if gone else sorted(entries)
    for start in range(0, len(keys) or 1, KEYS_A_PART):
        chosen = keys[start : start + KEYS_A_PART]
        there = [(key, entries[key]) for key in chosen if key in entries]
        content = [
            [key for key, _ in there],
            [entry[0] for _, entry in there],
            [entry[1] for _, entry in there],
            {key: entry[2] for key, entry in there if entry[2] is not None},
            {key: gone[key] for key in chosen if key in gone},
        ]
        packed = compress(encode(content).encode("utf-8", "surrogatepass"), _LEVEL)
        first = chosen[0] if start else ""
        yield Part(version, first, packed, _sealed(version, first, packed))


def read_part(part: Part, picture: Picture, kept_since: int, home: Home | None) -> None:
    """Add what ``part`` tells to ``picture``; raises ValueError when it is not what was written.

    Removals at or before ``kept_since`` are forgotten.
    """
    keys, values, versions, ends, gone = _content(part, home)
    entries = picture.entries
    new = tuple.__new__
    for key, value, version in zip(keys, values, versions, strict=True):
        entries[key] = new(Entry, (value, version, None))
    for key, end in ends.items():
        entries[key] = entries[key]._replace(expires=end)
    for key, at in gone.items():
        if at > kept_since:
            picture.removed[key] = at


def read_values(part: Part, values: dict[str, Any], home: Home | None) -> None:
    """Add the values that ``part`` tells to ``values``; raises like :func:`read_part`."""
    content = _content(part, home)
    values.update(zip(content[0], content[1], strict=True))


def _content(part: Part, home: Home | None) -> list[Any]:
    if not part.intact():
        raise ValueError(
            f"the part from key {part.first!r:.80} on of the snapshot of version {part.version} is "
            "not what was written"
        )
    text = unpacked(part.text)
    content: list[Any] = loads(text)
    if MARK in text:
        content[1] = revived(content[1], home)
    return content


def _sealed(version: int, first: str, text: bytes) -> int:
    return crc32(text, crc32(f"{version} {first}".encode()))
