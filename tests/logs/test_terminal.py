"""Foreign text cannot move a cursor, forge a line or hide itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.logs import for_terminal, one_line, plain_lines

HARMFUL = {chr(code) for code in [*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x2066, 0x2028, 0xFEFF]}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("", ""),
        ("grüße 你好", "grüße 你好"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b31m", "\\x9b31m"),
        ("\x00", "\\x00"),
        ("abc\u202ecba", "abc\\u202ecba"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\udcff raw", "\\xff raw"),
        ("\ud800 lone", "\\ud800 lone"),
    ],
)
def test_one_line_shows_what_would_harm_as_escapes(text, shown):
    assert one_line(text) == shown


def test_plain_lines_keep_line_ends_and_tabs_only():
    assert plain_lines("a\n\tb\r\x1b[1mc\n") == "a\n\tb\\r\\x1b[1mc\n"
    assert plain_lines("plain") == "plain"


def test_the_terminal_gets_colors_and_progress_bars_but_no_other_sequence():
    assert for_terminal("\x1b[1;32mok\x1b[0m\n") == "\x1b[1;32mok\x1b[0m\n"
    assert for_terminal("10%\r20%\r") == "10%\r20%\r"
    assert (
        for_terminal("\x1b]52;c;aGk=\x07 \x1b[2J \x1b[5A")
        == "\\x1b]52;c;aGk=\\x07 \\x1b[2J \\x1b[5A"
    )
    assert for_terminal("tab\tend\n") == "tab\tend\n"


@given(st.text())
def test_no_harmful_character_survives_and_harmless_text_is_untouched(text):
    shown = one_line(text)
    assert not HARMFUL & set(shown)
    shown.encode("utf-8")
    if not HARMFUL & set(text) and all(ord(letter) < 0x2000 for letter in text):
        assert shown == text or "\u061c" in text


@given(st.text())
def test_no_sequence_but_a_color_reaches_the_terminal(text):
    import re

    shown = for_terminal(text)
    assert "\x1b" not in re.sub(r"\x1b\[[0-9;:]*m", "", shown)
