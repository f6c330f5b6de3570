"""Which known word a misspelt one was meant to be.

The distance counts letters added, left out, replaced, or swapped with a neighbor (Damerau, "A
technique for computer detection and correction of spelling errors", CACM 7, 1964; the restricted
form, in which no pair is edited twice).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_COMPARED: Final = 100
"""Characters: longer words are not typed by hand, and the work grows with the square."""

LETTERS_FOR_SLIPS: Final = (3, 6)
"""Letters a word must have for one slip, and for two, to be near."""


def near_name(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate nearest to ``word``, or None when none is near.

    Case, spaces and dashes do not count. Words of three letters may differ by one slip, of six by
    two. Of equally near candidates the first is returned.
    """
    plain = _plain(word)
    if len(plain) > LONGEST_COMPARED:
        return None
    allowed = sum(len(plain) >= letters for letters in LETTERS_FOR_SLIPS)
    best: str | None = None
    for candidate in candidates:
        other = _plain(candidate)
        if other == plain:
            return candidate
        if abs(len(other) - len(plain)) <= allowed:
            distance = _distance(plain, other, allowed)
            if distance <= allowed:
                best, allowed = candidate, distance - 1
    return best


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", "_").replace(" ", "_")


def _distance(one: str, other: str, limit: int) -> int:
    """Return the number of slips between two words, or ``limit`` + 1 when there are more."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one):
        earlier, before, row = before, row, [at + 1]
        for place, wanted in enumerate(other):
            cost = min(
                before[place] + (letter != wanted),
                before[place + 1] + 1,
                row[place] + 1,
            )
            if at and place and letter == other[place - 1] and one[at - 1] == wanted:
                cost = min(cost, earlier[place - 1] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]
