"""The words of a DOT file, each with its place. Source: https://graphviz.org/doc/info/lang.html."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from framework0.errors import LibraryError, Place, Problem
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from typing import NoReturn

MOST_TOKENS: Final = 500_000
"""Words of a file; a drawing that people made has some thousands."""

_SPACE: Final = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/|\#[^\n]*)+", re.DOTALL)
_NAME: Final = re.compile(r"[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*")
_NUMBER: Final = re.compile(r"-?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_SIGN: Final = re.compile(r"->|--|[{}\[\];,=:+]")

IDENTIFIER: Final = "identifier"
TEXT: Final = "text"
SIGN: Final = "sign"
END: Final = "end"


class Token(NamedTuple):
    """One word. ``kind`` is IDENTIFIER (as it stands), TEXT (in quotes), SIGN or END."""

    kind: str
    value: str
    place: Place


class DotFile:
    """The text of a DOT file, and its name for messages."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file

    def tokens(self) -> list[Token]:
        """Return all words, ending with one of kind END.

        Raises :class:`~framework0.errors.LibraryError` with the place of what is no word.
        """
        found: list[Token] = []
        position = 0
        lines = _Lines(self.text)
        while True:
            space = _SPACE.match(self.text, position)
            position = space.end() if space else position
            place = Place(self.file, *lines.at(position))
            if position >= len(self.text):
                found.append(Token(END, "", place))
                return found
            token, position = self._token(position, place)
            found.append(token)
            if len(found) > MOST_TOKENS:
                refuse("dot-syntax", f"the file has more than {MOST_TOKENS:,} words", place)

    def _token(self, position: int, place: Place) -> tuple[Token, int]:
        if quoted := _QUOTED.match(self.text, position):
            return Token(TEXT, _unquoted(quoted[1]), place), quoted.end()
        # A minus before a number is part of it.
        if number := _NUMBER.match(self.text, position):
            return Token(IDENTIFIER, number[0], place), number.end()
        if name := _NAME.match(self.text, position):
            return Token(IDENTIFIER, name[0], place), name.end()
        if sign := _SIGN.match(self.text, position):
            return Token(SIGN, sign[0], place), sign.end()
        return self._refuse(position, place)

    def _refuse(self, position: int, place: Place) -> NoReturn:
        letter = self.text[position]
        if letter == '"':
            refuse("dot-syntax", "this text has no closing quote", place)
        if letter == "<":
            refuse(
                "dot-unsupported",
                "a text like HTML is no label of a step node",
                place,
                "write the label in quotes",
            )
        if self.text.startswith("/*", position):
            refuse("dot-syntax", "this comment does not end", place)
        refuse(
            "dot-syntax", f"{letter!r} has no meaning here", place, "write names with it in quotes"
        )


class _Lines:
    """Positions as lines and columns, asked for in rising order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line = 1
        self._start = 0

    def at(self, position: int) -> tuple[int, int]:
        while (end := self._text.find("\n", self._start, position)) >= 0:
            self._line += 1
            self._start = end + 1
        return self._line, position - self._start + 1


def _unquoted(text: str) -> str:
    return _escapes(text) if "\\" in text else text


def _escapes(text: str) -> str:
    """Resolve an escaped quote and a broken line; other backslashes belong to labels and stay."""
    parts = []
    position = 0
    while position < len(text):
        pair = text[position : position + 2]
        if pair == '\\"':
            parts.append('"')
        elif pair != "\\\n":
            parts.append(pair if pair[0] == "\\" else pair[0])
        position += 2 if pair[0] == "\\" else 1
    return "".join(parts)


def refuse(code: str, message: str, place: Place, hint: str | None = None) -> NoReturn:
    """Raise :class:`~framework0.errors.LibraryError` for one located mistake."""
    raise LibraryError((Problem(code, message, place, hint=hint),))
