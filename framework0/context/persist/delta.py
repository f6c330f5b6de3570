"""What one text has that another has not: small when a small part of a large value changed. Pure.

A delta says which parts of the text before are taken over, and what stands between them. Where the
texts part, the first stretch of the new text that is found again near by joins them (the idea of
rsync's rolling blocks, with ``str.find`` in the place of the rolling sum): equal parts cost the
speed of ``memcmp``, and every place that differs a few searches. Texts are canonical JSON as
:mod:`framework0.context.persist.texts` writes it, but any text will do.
"""

from __future__ import annotations

import zlib
from json import dumps, loads
from zlib import compress, crc32, decompress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

LEVEL: Final = 6
"""zlib's level for what is small and kept long."""

_ANCHOR: Final = 24
"""Characters that must be equal to call a place the same; JSON repeats itself in shorter ones."""

_NEAR: Final = 4_096
"""Characters around the place where the texts parted in which the next common part is looked for."""

_FAR_AFTER: Final = 2_048
"""Characters of new text without anything known before the whole old text is searched."""

_FAR_SEARCHES: Final = 64
"""Searches of the whole old text: each takes about 0.1 ms for a megabyte."""

_SEARCHES: Final = 5_000
"""Searches in all; whoever changes more than so many places has written a new value."""


def encode_delta(before: str, after: str) -> bytes:
    """Return what makes ``after`` out of ``before``; large when they have little in common."""
    parts: list[int] = []
    literals: list[str] = []
    expected = 0
    for start, length, literal in _parts(before, after):
        # Mostly the next part begins where the last one ended, or near by: a small number.
        parts += (start - expected, length, len(literal))
        expected = start + length
        literals.append(literal)
    head = [len(before), crc32(after.encode("utf-8", "surrogatepass")), *parts]
    text = dumps(head, separators=(",", ":")) + "\n" + "".join(literals)
    return compress(text.encode("utf-8", "surrogatepass"), LEVEL)


def apply_delta(before: str, delta: bytes) -> str:
    """Return the text that ``delta`` makes out of ``before``.

    Raises ValueError when ``delta`` is damaged or was made for another text.
    """
    try:
        head, literals = decompress(delta).decode("utf-8", "surrogatepass").split("\n", 1)
        length, crc, *parts = loads(head)
    except (zlib.error, ValueError, TypeError) as error:
        raise ValueError(f"this is no delta: {error}") from error
    if length != len(before):
        raise ValueError(f"the delta is for a text of {length} characters, not {len(before)}")
    made: list[str] = []
    place = taken = 0
    for start, size, new in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        place += start
        made += (before[place : place + size], literals[taken : taken + new])
        place += size
        taken += new
    after = "".join(made)
    if crc32(after.encode("utf-8", "surrogatepass")) != crc:
        raise ValueError("the delta does not lead to the text it was made for")
    return after


def _parts(before: str, after: str) -> list[tuple[int, int, str]]:
    """Return (start in ``before``, length, new text behind it) until ``after`` is complete."""
    end = _equal_end(before, after)
    old, new = len(before) - end, len(after) - end
    search = _Search(before, after, old, new)
    parts = []
    here = there = 0
    while there < new:
        length = _equal_start(before, here, old, after, there, new)
        found = search.join(here + length, there + length)
        if found is None:
            parts.append((here, length, after[there + length : new]))
            break
        parts.append((here, length, after[there + length : found[1]]))
        here, there = found
    if end:
        parts.append((old, end, ""))
    return parts


class _Search:
    """Looks for the next place from which on both texts are the same again."""

    def __init__(self, before: str, after: str, old: int, new: int) -> None:
        self.before, self.after = before, after
        self.old, self.new = old, new
        self.searches = _SEARCHES
        self.far = _FAR_SEARCHES

    def join(self, here: int, there: int) -> tuple[int, int] | None:
        """Return a place in each text at or behind these two where an anchor's length is equal."""
        ahead = 0
        while there + ahead + _ANCHOR <= self.new and self.searches:
            anchor = self.after[there + ahead : there + ahead + _ANCHOR]
            found = self._find(anchor, here, ahead)
            if found >= 0:
                return self._widen(found, there + ahead, there)
            # The longer nothing is found, the larger the steps.
            ahead += max(8, ahead >> 3)
        return None

    def _find(self, anchor: str, here: int, ahead: int) -> int:
        # What replaces something is most often as long as that was.
        if self.before.startswith(anchor, here + ahead) and here + ahead + _ANCHOR <= self.old:
            return here + ahead
        self.searches -= 1
        found = self.before.find(anchor, here, min(self.old, here + ahead + _NEAR))
        if found < 0:
            found = self.before.find(anchor, max(0, here - _NEAR), min(self.old, here + _ANCHOR))
        if found < 0 and ahead >= _FAR_AFTER and self.far:
            self.far -= 1
            found = self.before.find(anchor, 0, self.old)
        return found

    def _widen(self, found: int, place: int, least: int) -> tuple[int, int]:
        """Go back over what is equal before the anchor as well."""
        while place > least and found > 0 and self.before[found - 1] == self.after[place - 1]:
            found -= 1
            place -= 1
        return found, place


def _equal_start(one: str, start: int, end: int, other: str, begin: int, stop: int) -> int:
    """Return how many characters are equal from ``start`` and ``begin`` on."""
    most = min(end - start, stop - begin)
    length, step = 0, 64
    while length < most and step:
        step = min(step, most - length)
        if one.startswith(other[begin + length : begin + length + step], start + length):
            length += step
            step *= 4
        else:
            # One that is equal to a part fits into half of it, or into half of that.
            step >>= 1
    return length


def _equal_end(one: str, other: str) -> int:
    most = min(len(one), len(other))
    length, step = 0, 64
    while length < most and step:
        step = min(step, most - length)
        end = len(other) - length
        if one.endswith(other[end - step : end], 0, len(one) - length):
            length += step
            step *= 4
        else:
            step >>= 1
    return length
