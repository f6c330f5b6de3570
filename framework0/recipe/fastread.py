"""The fast reader: for texts so plain that two readers cannot disagree about them.

A native YAML reader is ten times faster than the careful one, but keeps the last of two equal keys,
crashes on deep nesting and reads some words differently. So it is only asked when one pattern
describes every line of the text (no tags, anchors, folded text, unusual numbers …), and believed
only when it found as many keys as the text has: one fewer means that two were equal.
:func:`read` answers None whenever the careful reader has to decide.
"""

from __future__ import annotations

import re
from typing import Any, Final

from framework0.recipe.limits import MAX_DEPTH, MAX_FILE_BYTES
from framework0.recipe.scalars import TRUTHY

_EXOTIC: Final = (
    "[\x80-\xa0\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    "\ud800-\udfff\ufeff\ufff0-\uffff]"
)
"""Blanks and breaks beyond ASCII, marks that reorder text, surrogates: readers differ on some."""

_CONTROL: Final = "\\x00-\\x1f\\x7f"
_WORD: Final = f"[^{_CONTROL} :#]"
_KEY: Final = r'(?:[A-Za-z_][A-Za-z0-9_.\-]{0,99}+|"[A-Za-z_][A-Za-z0-9_.\- ]{0,99}+"):'
_DOUBLE: Final = f'"(?:[^"\\\\{_CONTROL}]|\\\\["\\\\nt])*+"'
_SINGLE: Final = f"'(?:[^'{_CONTROL}]|'')*+'"
# Numbers both readers and every JSON reader understand alike, and times like 90s.
_NUMBER: Final = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9}|[smhd])?+"
_PLAIN: Final = (
    f"(?:[A-Za-z_/$(<]|[^\\x00-\\x7f]|\\.{{1,2}}/){_WORD}*+(?:(?:[ ]++(?![ #\\n])|:(?=[^\\s])|#){_WORD}*+)*+"
)
_FLOW_WORD: Final = r"[A-Za-z_/][A-Za-z0-9_./\-]*+(?:[ ][A-Za-z0-9_./]++)*+"
_FLOW_SCALAR: Final = f"{_DOUBLE}|{_SINGLE}|{_NUMBER}(?=[ ]*[,\\]}}])|{_FLOW_WORD}"


def _brackets(value: str) -> str:
    """Return the pattern of one ``[…]`` or ``{…}`` on one line that holds ``value``."""
    return (
        f"\\[[ ]*+(?:(?:{value})[ ]*+(?:,[ ]*+(?!\\])|(?=\\])))*+\\]"
        f"|\\{{[ ]*+(?:{_KEY}[ ]++(?:{value})[ ]*+(?:,[ ]*+(?!\\}})|(?=\\}})))*+\\}}"
    )


_BRACKETS: Final = _brackets(f"{_FLOW_SCALAR}|{_brackets(_FLOW_SCALAR)}")
_VALUE: Final = f"(?:{_DOUBLE}|{_SINGLE}|{_PLAIN}|{_NUMBER}(?=[ ]*(?:\\n|\\Z|[ ]#))|{_BRACKETS})"
_COMMENT: Final = f"#[^{_CONTROL}]*+"
_BEFORE_VALUE: Final = f"{_KEY}(?=[ \\n]|\\Z)[ ]*+"


def _text_block(dash: str, number: int) -> str:
    """Return the pattern of a ``key: |`` behind ``dash`` and its lines, all indented as the first.

    The line after must not be indented further than the key.
    """
    return (
        f"(?P<key{number}>[ ]{{0,{MAX_DEPTH}}}+){dash}{_KEY}[ ]++\\|[-+]?+[ ]*+\\n"
        f"(?P<text{number}>(?P=key{number})[ ]{{{len(dash) + 1},12}}+)(?! )[^{_CONTROL}]++\\n"
        f"(?:\\n|(?P=text{number})[^{_CONTROL}]*+\\n)*+(?!(?P=key{number})[ ]{{{len(dash) + 1}}})"
    )


# Columns stay below MAX_DEPTH so that no text described here can nest deeply on purpose.
_LINE: Final = (
    f"[ ]{{0,{MAX_DEPTH}}}+"
    f"(?:(?:(?:-[ ]{{1,4}}+){{1,3}}+(?:{_BEFORE_VALUE})?+|{_BEFORE_VALUE}){_VALUE}?+)?+"
    f"[ ]*+(?:(?<![^ \\n]){_COMMENT})?+(?:\\n|\\Z)"
    f"|{_text_block('', 1)}|{_text_block('- ', 2)}"
)

# The first key stands in column 0: behind an indented mapping the native reader would stop
# without a word at a line indented less.
EVERYDAY: Final = (
    f"(?:[ ]*+(?:{_COMMENT})?+\\n)*+(?:---[ ]*+\\n)?+(?:[ ]*+(?:{_COMMENT})?+\\n)*+"
    f'(?=[A-Za-z_"])(?:{_LINE})++'
)
"""The texts both readers read alike, as a pattern for the whole of one."""

_START: Final = r"(?m)^[ ]*+(?:-[ ]++)*+"
_BLOCK_KEYS: Final = f"{_START}{_KEY}(?=[ \\n]|\\Z)"
_LINES_WITH_BRACES: Final = f"{_START}(?:{_KEY}[ ]++)?+(\\{{[^\\n]*+|\\[[^\\n{{]*+\\{{[^\\n]*+)"
# Between braces every quote opens or closes a value, so what is a key's colon is easily told.
_KEYS_IN_BRACES: Final = f"[^:#\"']*+(?:{_DOUBLE}|{_SINGLE}|#[^\\n]*+|(:)(?=[ ])|:)"


def read(text: str) -> dict[str, Any] | None:
    """Return the data of ``text``, or None if the careful reader has to say what it is."""
    if len(text) > MAX_FILE_BYTES:
        return None
    if "\r" in text:
        # YAML reads both ends of a line as one newline, in text blocks too.
        text = text.replace("\r\n", "\n")
    if not text.isascii() and re.search(_EXOTIC, text) is not None:
        return None
    if re.fullmatch(EVERYDAY, text) is None:
        return None
    # Imported when it is needed: a cached recipe needs no reader.
    import yaml12

    try:
        data: Any = yaml12.parse_yaml(text)
    except ValueError:
        return None
    keys = _survey(data)
    return data if keys is not None and _has_keys(text, keys) else None


def _has_keys(text: str, keys: int) -> bool:
    """Whether ``text``, which fits the pattern, has exactly ``keys`` keys.

    The cheap counts are never below the true one, so that a duplicate key cannot make them fit.
    """
    return (
        keys == text.count(":")
        or keys == text.count(": ") + text.count(":\n") + text.endswith(":")
        or keys == _count_keys(text)
    )


def _count_keys(text: str) -> int:
    braces = "\n".join(re.findall(_LINES_WITH_BRACES, text))
    return len(re.findall(_BLOCK_KEYS, text)) + re.findall(_KEYS_IN_BRACES, braces).count(":")


def _survey(data: Any) -> int | None:
    """Return how many keys all mappings of ``data`` have; None if anything in it needs care."""
    if type(data) is not dict:
        return None
    keys = 0
    shapes: set[tuple[Any, ...]] = set()
    level: list[Any] = [data]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for container in level:
            values = container
            if type(container) is dict:
                shape = tuple(container)
                if shape not in shapes:
                    # Equal tuples may differ in type only for numbers, which are refused anyway.
                    if not all(type(key) is str for key in shape):
                        return None
                    shapes.add(shape)
                keys += len(shape)
                values = container.values()
            for value in values:
                kind = type(value)
                if kind is str:
                    if value in TRUTHY:
                        return None
                elif kind is dict or kind is list:
                    below.append(value)
        if not below:
            return keys
        level = below
    return None
