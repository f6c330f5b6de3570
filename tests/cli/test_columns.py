"""Tables of text: aligned, harmless, and never wider than the terminal."""

from __future__ import annotations

from unicodedata import category

from hypothesis import given
from hypothesis import strategies as st

from framework0.cli.columns import cut, table
from framework0.recipe import text_width

CELLS = st.text(max_size=30)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5), st.integers(20, 120))
def test_no_line_is_wider_than_the_terminal_or_moves_its_cursor(rows, columns):
    lines = table(["A", "B", "C"], rows, columns=columns, right="B").split("\n")
    assert len(lines) == len(rows) + 2
    assert lines[-1] == ""
    assert all(text_width(line) <= columns for line in lines)
    assert not {category(character) for character in "".join(lines)} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set("".join(lines)) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")


@given(st.text(max_size=60), st.integers(20, 80))
def test_a_text_that_fits_stays_and_one_that_does_not_ends_in_dots(text, columns):
    shown = cut(text, columns)
    if text_width(text) <= columns and len(text) <= columns:
        assert shown == text
    else:
        assert shown.endswith("…")
        assert text.startswith(shown[:-1])


def test_columns_are_aligned_to_the_side_they_belong_to():
    assert table(["NAME", "N"], [("a", "1"), ("測定", "1,000")], columns=50, right="N") == (
        "NAME      N\na         1\n測定  1,000\n"
    )


def test_only_what_a_state_says_is_colored():
    shown = table(
        ["STEP", "STATE"], [("failed", "failed"), ("x", "odd")], columns=50, colors={"failed": "31"}
    )
    assert shown == "STEP    STATE\nfailed  \x1b[31mfailed\x1b[0m\nx       odd\n"
