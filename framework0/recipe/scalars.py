"""What an unquoted word of a recipe means: the core schema of YAML 1.2, plus the traps around it.

Source: YAML 1.2.2, section 10.3 (https://yaml.org/spec/1.2.2/#103-core-schema). Words that older
YAML read as something else (``no``, ``1_000``) are text here and get a warning; numbers that mean
two things (``0777``) or that no computer word holds are mistakes.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from framework0.recipe.limits import MAX_INTEGER_BITS

if TYPE_CHECKING:
    from collections.abc import Callable

CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

TRUTHY: Final = {
    **{word: "true" for base in ("yes", "on") for word in (base, base.title(), base.upper())},
    **{word: "false" for base in ("no", "off") for word in (base, base.title(), base.upper())},
}
"""Words that YAML 1.1 read as booleans, and what their author may have meant."""

INTEGER: Final = r"[-+]?[0-9]+"
BASED_INTEGER: Final = r"0o[0-7]+|0x[0-9a-fA-F]+"
FLOAT: Final = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
NOT_FINITE: Final = r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
LEADING_ZERO: Final = r"[-+]?0[0-9]+"
UNDERSCORED: Final = r"[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?"
LONGEST_INTEGER: Final = 40
"""Characters of an integer that is still looked at: more cannot fit 64 bits, unless they are zeros."""

Scalar = str | int | float | bool | None


def resolve(word: str, complain: Callable[..., None]) -> Scalar:
    """Return the value of the unquoted ``word``.

    ``complain(code, message, hint=…, severity=…)`` is called for a word that is a mistake or a
    trap; the value returned then is the nearest sensible one, so that checking can go on.
    """
    if word in CONSTANTS:
        return CONSTANTS[word]
    first = word[0]
    if first in "0123456789+-.":
        return _number(word, complain)
    if word in TRUTHY:
        complain(
            "looks-like-boolean",
            f"{word!r} is text here, not a boolean",
            hint=f"write {TRUTHY[word]}, or quote it if you mean the word",
            severity="warning",
        )
    return word


def _number(word: str, complain: Callable[..., None]) -> Scalar:
    if re.fullmatch(INTEGER, word):
        return _decimal(word, complain)
    if re.fullmatch(BASED_INTEGER, word):
        return _bounded(word, 0, complain)
    if re.fullmatch(FLOAT, word):
        return _float(word, complain)
    return _not_a_number(word, complain)


def _float(word: str, complain: Callable[..., None]) -> float:
    number = float(word)
    if math.isinf(number):
        complain(
            "number-too-large",
            f"{shorten(word)} is larger than any number a computer can hold",
            hint="write a smaller number, or quote it if you mean the text",
        )
        return 0.0
    return number


def _not_a_number(word: str, complain: Callable[..., None]) -> str | None:
    if re.fullmatch(NOT_FINITE, word):
        complain(
            "number-not-finite",
            f"{word!r} is not a number that JSON, the journal or another step could take",
            hint="write a number, or null for no value",
        )
        return None
    if re.fullmatch(UNDERSCORED, word):
        complain(
            "looks-like-number",
            f"{shorten(word)!r} is text here, not a number",
            hint=f"write {shorten(word.replace('_', ''))}, or quote it if you mean the text",
            severity="warning",
        )
    return word


def _decimal(word: str, complain: Callable[..., None]) -> int:
    if re.fullmatch(LEADING_ZERO, word):
        plain = word.lstrip("+-").lstrip("0") or "0"
        octal = word.lstrip("+-")
        as_octal = f"0o{octal.lstrip('0') or '0'}" if set(octal) <= set("01234567") else None
        meanings = f"write {shorten(plain)}"
        if as_octal is not None:
            meanings += f", {shorten(as_octal)} if you mean octal,"
        complain(
            "number-ambiguous",
            f"{shorten(word)} is read as decimal by some YAML readers and as octal by others",
            hint=f"{meanings} or quote it if you mean the text",
        )
        return 0
    return _bounded(word, 10, complain)


def _bounded(word: str, base: int, complain: Callable[..., None]) -> int:
    # The length alone proves the longest ones too large, and Python is slow on them.
    if len(word) > LONGEST_INTEGER or (value := int(word, base)).bit_length() > MAX_INTEGER_BITS:
        complain(
            "number-too-large",
            f"{shorten(word)} is larger than a 64-bit integer",
            hint="write a smaller number, or quote it if you mean the text",
        )
        return 0
    return value


def shorten(text: str, width: int = 40) -> str:
    """Return ``text`` cut to ``width`` characters, its length told when it was longer."""
    return text if len(text) <= width else f"{text[: width - 1]}… ({len(text)} characters)"
