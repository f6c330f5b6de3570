"""A batch: the changes of one commit as one row, and the changes again. Pure.

``text`` is JSON: one list per group of changes that came from the same hand at the same moment,

    [at, who, run, step, attempt, [change, …]]

and a change is ``[key]`` (removed), ``[key, value]``, ``[key, value, expires]`` or, for a large value,
``[key, bytes, expires, form]``: so many bytes of ``large`` hold its text, whole (``t``) or as what
differs from the text the key had before (``d``, see :mod:`framework0.context.persist.delta`). Versions
are not written: they follow one another. What a change replaced is not written either: whoever reads
from a picture on knows it.

Changes that repeat each other's words are most of a batch, so longer texts are compressed.
"""

from __future__ import annotations

import zlib
from json import loads
from zlib import compress, crc32, decompress

from framework0.context.change import Entry
from framework0.context.persist.delta import apply_delta, encode_delta
from framework0.context.persist.texts import decode, encode, revived
from framework0.context.values import MARK, weigh
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Final

    from framework0.context.change import Change
    from framework0.context.persist.texts import Home

PART_BITS: Final = 20
"""A batch is numbered by its last version; those without a change follow it below 2^20."""

LARGE: Final = 4_096
"""A value of so many bytes is looked at for what has changed in it."""

_COMPRESSED_FROM: Final = 1_024
"""Bytes of text below which compressing saves less than a page's rounding."""

_QUICK: Final = 1
"""zlib's level for what every commit waits for."""

_WHOLE_AGAIN: Final = 32
"""Deltas in a row before the whole value is written again: reading one walks through all of them."""

_SET_PARTS: Final = 2
_LARGE_PARTS: Final = 4
"""How many parts the change has that sets a value, and that of a large one; others have three or one."""

_SCALARS: Final = frozenset({int, float, bool, type(None)})


class Batch(NamedTuple):
    """One row.

    The ``number`` of this batch and of the one before it, how many changes, the earliest moment of
    them and that of the last, ids of calls, and the changes themselves. ``crc`` goes on from the row
    before.
    """

    number: int
    before: int
    changes: int
    first_at: float
    last_at: float
    operations: str | None
    text: str | bytes
    large: bytes | None
    crc: int

    @property
    def version(self) -> int:
        """The version of its last change, or of the last one before it."""
        return self.number >> PART_BITS

    def checksum(self, crc: int) -> int:
        """Return the checksum of this row's content, continued from that of the row before it."""
        number, before, changes, first_at, last_at, operations, text, large, _ = self
        # repr is canonical for text, None, int and float, and tells them apart.
        head = repr((number, before, changes, first_at, last_at, operations, type(text).__name__))
        crc = crc32(head.encode("utf-8", "surrogatepass"), crc)
        crc = crc32(text.encode("utf-8") if isinstance(text, str) else text, crc)
        return crc if large is None else crc32(large, crc)


class Chains:
    """How many deltas in a row lead to the present value of each large key, and their bytes.

    The text of the large value that was written last is at hand: whatever changes most often and
    costs most to write is then written once for each change, not twice.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int]] = {}
        self._text: tuple[str, int, str] = ("", 0, "")

    def text_of(self, change: Change) -> str:
        """Return the text of what ``change`` replaced."""
        key, version, text = self._text
        return text if (key, version) == (change.key, change.previous) else encode(change.old)

    def wrote(self, change: Change, text: str) -> None:
        """Have the text of what ``change`` set at hand."""
        self._text = change.key, change.version, text

    def add(self, key: str, size: int) -> None:
        """Count one more delta."""
        count, total = self._known.get(key, (0, 0))
        self._known[key] = (count + 1, total + size)

    def end(self, key: str) -> None:
        """Begin anew: the whole value was written, or removed."""
        self._known.pop(key, None)

    def clear(self) -> None:
        """Begin anew with every key: a snapshot holds their values."""
        self._known.clear()
        self._text = ("", 0, "")

    def allows(self, key: str, whole: int) -> bool:
        """Tell whether another delta is worth its reading."""
        count, total = self._known.get(key, (0, 0))
        return count < _WHOLE_AGAIN and total < whole // 2


def is_large(value: Any) -> bool:
    """Tell whether ``value`` is worth looking for what has changed in it."""
    kind = type(value)
    if kind in _SCALARS:
        return False
    if kind is str:
        return len(value) >= LARGE
    return weigh(value) >= LARGE


def write_changes(changes: Sequence[Change], chains: Chains) -> tuple[str | bytes, bytes | None]:
    """Return the ``text`` and the ``large`` of a batch of ``changes`` with versions in a row."""
    groups: list[list[Any]] = []
    large: list[bytes] = []
    hand: tuple[Any, ...] = ()
    members: list[Any] = []
    # Within a batch a key can change again: its delta is then from what the batch itself wrote.
    for change in changes:
        _, key, value, removed, _, _, who, run, step, attempt, at, _, expires = change
        if (at, who, run, step, attempt) != hand:
            hand = (at, who, run, step, attempt)
            members = []
            groups.append([*hand, members])
        if removed:
            members.append((key,))
            chains.end(key)
        elif is_large(value):
            form, blob = _large(change, chains)
            large.append(blob)
            members.append((key, len(blob), expires, form))
        elif expires is None:
            members.append((key, value))
        else:
            members.append((key, value, expires))
    return _packed(encode(groups)), b"".join(large) if large else None


def _large(change: Change, chains: Chains) -> tuple[str, bytes]:
    text = encode(change.value)
    kept = _delta_or_whole(change, text, chains)
    chains.wrote(change, text)
    return kept


def _delta_or_whole(change: Change, text: str, chains: Chains) -> tuple[str, bytes]:
    if change.existed and is_large(change.old) and chains.allows(change.key, len(text)):
        delta = encode_delta(chains.text_of(change), text)
        if len(delta) < len(text) // 4:
            chains.add(change.key, len(delta))
            return "d", delta
    chains.end(change.key)
    return "t", compress(text.encode("utf-8", "surrogatepass"), _QUICK)


def _packed(text: str) -> str | bytes:
    if len(text) < _COMPRESSED_FROM:
        return text
    return compress(text.encode("utf-8", "surrogatepass"), _QUICK)


def unpacked(text: str | bytes) -> str:
    """Return the text that may have been compressed; raises ValueError when it is none."""
    if isinstance(text, str):
        return text
    try:
        return decompress(text).decode("utf-8", "surrogatepass")
    except zlib.error as error:
        raise ValueError(f"it cannot be decompressed ({error})") from error


class Told(NamedTuple):
    """One change as a batch tells it. ``value`` of a large one waits in ``large`` (see :meth:`Reader`)."""

    version: int
    key: str
    value: Any
    removed: bool
    expires: float | None
    form: str
    who: str
    run: str | None
    step: str | None
    attempt: int | None
    at: float


def read_changes(batch: Batch, home: Home | None) -> Iterator[Told]:
    """Yield what ``batch`` tells, in order; raises ValueError when it is not what was written."""
    text = unpacked(batch.text)
    groups = loads(text)
    marked = MARK in text
    version = batch.version - batch.changes
    large = batch.large or b""
    taken = 0
    for at, who, run, step, attempt, members in groups:
        for member in members:
            version += 1
            key = member[0]
            value, expires = (
                member[1:3] if len(member) > _SET_PARTS else (*member[1:], None, None)[:2]
            )
            form = ""
            if len(member) == _LARGE_PARTS:
                form, end = member[3], taken + value
                value, taken = large[taken:end], end
            elif marked:
                value = revived(value, home)
            removed = len(member) == 1
            yield Told(version, key, value, removed, expires, form, who, run, step, attempt, at)
    if version != batch.version:
        raise ValueError(f"it says {batch.changes} changes and holds others")


def add_values(batch: Batch, values: dict[str, Any], home: Home | None, upto: int) -> None:
    """Move ``values`` along to version ``upto``, or to the end of ``batch`` if that is before."""
    text = unpacked(batch.text)
    if batch.large is not None or MARK in text or batch.version > upto:
        for told in read_changes(batch, home):
            if told.version > upto:
                return
            if told.removed:
                values.pop(told.key, None)
            else:
                before = values.get(told.key)
                values[told.key] = value_of(told, Entry(before, 0), home)
        return
    for *_, members in loads(text):
        for member in members:
            if len(member) == 1:
                values.pop(member[0], None)
            else:
                values[member[0]] = member[1]


def value_of(told: Told, before: Entry | None, home: Home | None) -> Any:
    """Return the value of a change, given what its key held before; raises ValueError."""
    if not told.form:
        return told.value
    if told.form == "t":
        return decode(unpacked(told.value), home)
    if before is None:
        raise ValueError(f"what {told.key!r} held before version {told.version} is missing")
    return decode(apply_delta(encode(before.value), told.value), home)
