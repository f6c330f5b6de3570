r"""Foreign text made harmless for a terminal or a one-line record.

A step's name, its output or an exception's words may hold characters that move the cursor, set the
window's title, reverse the reading direction or forge a line of a log. They are shown as escapes:
``\x1b``, ``\u202e``; a byte that was not UTF-8 as ``\xNN``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


_LINE_FEED: Final = 10
_TAB: Final = 9
_CARRIAGE_RETURN: Final = 13

# Marks that change the reading direction, split lines or hide: Unicode TR 36, "bidirectional text
# spoofing", and the line separators that terminals and viewers honor.
_DECEIVING: Final = (0x61C, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202B, 0x202C)
_MORE_DECEIVING: Final = (0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069, 0xFEFF)


def _escapes() -> dict[int, str]:
    controls = [*range(0x20), *range(0x7F, 0xA0)]
    table = {code: f"\\x{code:02x}" for code in controls}
    table |= {_LINE_FEED: "\\n", _CARRIAGE_RETURN: "\\r", _TAB: "\\t"}
    return table | {code: f"\\u{code:04x}" for code in (*_DECEIVING, *_MORE_DECEIVING)}


_ONE_LINE: Final = _escapes()
_LINES: Final = {code: text for code, text in _ONE_LINE.items() if code not in (_LINE_FEED, _TAB)}


# Bytes that were not UTF-8, as Python's surrogateescape keeps them (PEP 383), and all surrogates.
_RAW_BYTES: Final = range(0xDC80, 0xDD00)
_SURROGATES: Final = range(0xD800, 0xE000)


class _Surrogates(dict[int, str]):
    """A translation table that also escapes surrogates, without listing all 2,048 of them."""

    def __missing__(self, code: int) -> str:
        if code in _RAW_BYTES:
            return f"\\x{code - 0xDC00:02x}"
        if code in _SURROGATES:
            return f"\\u{code:04x}"
        raise LookupError(code)


_ONE_LINE_TABLE: Final = _Surrogates(_ONE_LINE)
_LINES_TABLE: Final = _Surrogates(_LINES)


def one_line(text: str) -> str:
    """Return ``text`` on one line: every control and deceiving character shown as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_ONE_LINE_TABLE)


def plain_lines(text: str) -> str:
    """Return ``text`` with its line ends and tabs kept and everything else of that kind escaped."""
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_LINES_TABLE)


def for_terminal(text: str) -> str:
    """Return ``text`` as a step may show it live: as :func:`plain_lines`, with two things more.

    Color sequences (``ESC [ … m``) and the carriage return of a progress bar stay: they cannot reach
    beyond their own line. Every other control sequence is escaped.
    """
    if text.isascii() and "\x1b" not in text and "\r" not in text:
        return plain_lines(text)
    import re

    parts = re.split(r"(\x1b\[[0-9;:]*m|\r)", text)
    return "".join(part if index % 2 else plain_lines(part) for index, part in enumerate(parts))
