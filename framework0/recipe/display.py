"""Showing text somebody else wrote: made harmless, and measured as a terminal shows it.

A recipe may hold characters that move the cursor, colour the screen or reorder a line. What is shown
has them as visible escapes, so that a message cannot pretend to be another.
"""

from __future__ import annotations

import unicodedata
from typing import Final

TAB_WIDTH: Final = 4
"""Columns from one tab stop to the next; a snippet shows spaces instead."""

_HIDDEN: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Categories of characters that show nothing, or something else than themselves."""

_NO_WIDTH: Final = frozenset(("Mn", "Me"))
_WIDE: Final = frozenset("WF")


def harmless(text: str) -> str:
    """Return ``text`` on one line, with every character that shows nothing as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) not in _HIDDEN:
        return character
    return character.encode("unicode_escape").decode("ascii")


def cells(line: str) -> tuple[list[str], int]:
    """Return what each character of ``line`` is shown as, and how many columns all of it takes."""
    shown = []
    column = 0
    for character in line:
        to_next_stop = " " * (TAB_WIDTH - column % TAB_WIDTH)
        part = to_next_stop if character == "\t" else _visible(character)
        shown.append(part)
        column += width(part)
    return shown, column


def width(text: str) -> int:
    """Return how many terminal columns ``text`` takes."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1
