"""The words an expression is made of, cut out by hand: no regular expression meets foreign text."""

from __future__ import annotations

from typing import Any, Final

from framework0.errors import ExpressionError
from framework0.tuples import NamedTuple

MAX_LENGTH: Final = 4096
"""Characters in one expression. Longer ones are programs and belong into a scriptlet."""

MAX_DIGITS: Final = 300
"""Characters in one number: more cannot be a number anybody means, and int() of it is slow."""

NUMBER: Final = "number"
TEXT: Final = "text"
NAME: Final = "name"
SIGN: Final = "sign"
END: Final = "end"

_TWO: Final = frozenset({"==", "!=", "<=", ">=", "//", "**", "&&", "||"})
_ONE: Final = frozenset("+-*/%<>=()[]{},:.!?|&~^@;")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "/": "/"}
_CODE_DIGITS: Final = 4
_SURROGATES: Final = range(0xD800, 0xE000)
_DIGITS: Final = frozenset("0123456789")
_QUOTES: Final = frozenset("'\"")


class Token(NamedTuple):
    """One word: its kind, its value (signs and names: the text), and the offsets it spans."""

    kind: str
    value: Any
    start: int
    end: int


def cut(text: str) -> list[Token]:
    """Cut ``text`` into tokens, END last.

    Raises:
        ExpressionError: at the first character that cannot begin a token, or over a limit.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"the expression is {len(text):,} characters long, the limit is {MAX_LENGTH:,}",
            offset=MAX_LENGTH,
            hint="compute this in a scriptlet and read its result",
        )
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        character = text[position]
        if character in " \t\r\n":
            position += 1
            continue
        token = _next(text, position, character)
        tokens.append(token)
        position = token.end
    tokens.append(Token(END, "", len(text), len(text)))
    return tokens


def _next(text: str, start: int, character: str) -> Token:
    if character in _QUOTES:
        return _string(text, start)
    following = text[start + 1 : start + 2]
    if character in _DIGITS or (character == "." and following in _DIGITS and following):
        return _number(text, start)
    if character == "_" or character.isidentifier():
        end = _end_of_name(text, start)
        return Token(NAME, text[start:end], start, end)
    if text[start : start + 2] in _TWO:
        return Token(SIGN, text[start : start + 2], start, start + 2)
    if character in _ONE:
        return Token(SIGN, character, start, start + 1)
    raise ExpressionError(
        f"{_shown(character)} cannot stand in an expression",
        offset=start,
        hint="put text in quotes",
    )


def _end_of_name(text: str, start: int) -> int:
    end = start + 1
    while end < len(text) and (text[end].isidentifier() or text[end] in _DIGITS):
        end += 1
    return end


def _shown(character: str) -> str:
    return repr(character) if character.isprintable() else f"the character U+{ord(character):04X}"


def _number(text: str, start: int) -> Token:
    end = start
    whole = True
    while end < len(text):
        character = text[end]
        if character in _DIGITS or character == "_":
            end += 1
        elif character == "." and whole:
            whole = False
            end += 1
        elif character in "eE" and text[end + 1 : end + 2] and text[end + 1] in "+-0123456789":
            whole = False
            end += 2
        else:
            break
    digits = text[start:end]
    if end < len(text) and text[end].isidentifier():
        end = _end_of_name(text, end)
        shown = text[start : min(end, start + MAX_DIGITS)]
        raise ExpressionError(f"{shown!r} is no number", offset=start, hint="put text in quotes")
    return Token(NUMBER, _value(digits, start, whole=whole), start, end)


def _value(digits: str, start: int, *, whole: bool) -> int | float:
    if len(digits) > MAX_DIGITS:
        raise ExpressionError(f"a number may have at most {MAX_DIGITS} characters", offset=start)
    try:
        number = int(digits) if whole else float(digits)
    except ValueError:
        hint = "write it without leading zeros" if digits.isdecimal() else None
        raise ExpressionError(f"{digits!r} is no number", offset=start, hint=hint) from None
    if number == float("inf"):
        raise ExpressionError(f"{digits!r} is too large for a number", offset=start)
    return number


def _string(text: str, start: int) -> Token:
    quote = text[start]
    parts: list[str] = []
    position = start + 1
    while position < len(text):
        character = text[position]
        if character == quote:
            return Token(TEXT, "".join(parts), start, position + 1)
        if character == "\\":
            written, position = _escape(text, position)
            parts.append(written)
        else:
            parts.append(character)
            position += 1
    raise ExpressionError(
        f"the text that begins here has no closing {quote}", offset=start, hint=f"add {quote}"
    )


def _escape(text: str, start: int) -> tuple[str, int]:
    letter = text[start + 1 : start + 2]
    if letter in _ESCAPES:
        return _ESCAPES[letter], start + 2
    digits = text[start + 2 : start + 6]
    if (
        letter == "u"
        and len(digits) == _CODE_DIGITS
        and all(digit in "0123456789abcdefABCDEF" for digit in digits)
    ):
        code = int(digits, 16)
        if code not in _SURROGATES:
            return chr(code), start + 6
    shown = f"`\\{letter}`" if letter.isprintable() else "this backslash"
    raise ExpressionError(f"{shown} is no escape", offset=start, hint="write \\\\ for a backslash")
