"""Showing located problems to a person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.errors import Place, Problem
from framework0.recipe.display import cells, harmless, width
from framework0.recipe.report import page, render_problems, summarize


def shown(line, column, *, line_width=100):
    """Return the quoted line and the caret line for a mistake at ``column`` of ``line``."""
    problem = Problem("some-code", "it is wrong", Place("r.yaml", 1, column))
    lines = render_problems([problem], {"r.yaml": line + "\n"}, line_width=line_width).split("\n")
    assert lines[0] == f"r.yaml:1:{column}: error: it is wrong"
    assert lines[1].startswith("      1 |")
    assert lines[2].startswith("        |")
    return lines[1][10:], lines[2][10:]


def test_a_problem_is_shown_whole():
    problem = Problem(
        "duplicate-key",
        "the key 'name' stands twice",
        Place("r.yaml", 2, 3),
        hint="remove one",
        related=(("first here", Place("r.yaml", 1, 3)),),
    )
    assert render_problems([problem], {"r.yaml": "- name: a\n  name: b\n"}) == (
        "r.yaml:2:3: error: the key 'name' stands twice\n"
        "      2 |   name: b\n"
        "        |   ^^^^\n"
        "          first here: r.yaml:1:3\n"
        "          help: remove one\n"
        "          see docs/reference/errors.md#duplicate-key\n"
    )


def test_no_problems_are_shown_as_nothing():
    assert render_problems([]) == ""
    assert summarize([]) == ""


def test_problems_are_counted_by_kind():
    severities = ("error", "note", "error", "warning")
    problems = [Problem("a", "b", severity=severity) for severity in severities]
    assert summarize(problems) == "2 errors, 1 warning, 1 note"


def test_a_problem_without_a_place_or_text_is_shown_without_a_line():
    assert render_problems([Problem("a", "it is wrong")]) == (
        "error: it is wrong\n          see docs/reference/errors.md#a\n"
    )
    placed = Problem("a", "it is wrong", Place("r.yaml", 3, 1))
    for texts in (None, {}, {"other.yaml": "a\n"}, {"r.yaml": "a\n"}, {"r.yaml": ""}):
        assert render_problems([placed], texts).count("\n") == 2


def test_every_code_has_a_page():
    assert page(Problem("yaml-tab", "x")) == "docs/reference/errors.md#yaml-tab"


def test_colors_are_added_on_request_only():
    problems = [
        Problem("a", "b", Place("r", 1, 1), severity=kind) for kind in ("error", "warning", "note")
    ]
    plain = render_problems(problems, {"r": "x\n"})
    colored = render_problems(problems, {"r": "x\n"}, color=True)
    assert "\x1b" not in plain
    for code in ("\x1b[1;31m", "\x1b[1;33m", "\x1b[1;36m"):
        assert code in colored
    assert colored.count("\x1b[0m") == 9


@pytest.mark.parametrize(
    ("line", "column", "quoted", "carets"),
    [
        ("name: load", 1, "name: load", "^^^^"),
        ("name: load", 7, "name: load", "      ^^^^"),
        ('a: "b c"', 4, 'a: "b c"', "   ^^^^^"),
        ("a: 'open", 4, "a: 'open", "   ^"),
        ("a: [b]", 4, "a: [b]", "   ^"),
        ("a: b", 99, "a: b", "    ^"),
        ("a: b", 0, "a: b", "^"),
        ("\ta: b", 2, "    a: b", "    ^"),
        ("a\tb: c", 3, "a   b: c", "    ^"),
        ("日本: x", 5, "日本: x", "      ^"),
        ("日本: x", 1, "日本: x", "^^^^"),
        ("e\u0301: x", 5, "e\u0301: x", "   ^"),
        ("a\x1b[31m: x", 9, "a\\x1b[31m: x", "           ^"),
        ("a\u202eb: x", 6, "a\\u202eb: x", "          ^"),
        ("👍: x", 4, "👍: x", "    ^"),
    ],
)
def test_the_caret_stands_below_the_word_whatever_its_characters(line, column, quoted, carets):
    assert shown(line, column) == (quoted, carets)


@pytest.mark.parametrize("column", [1, 30, 40, 101, 500, 999, 1001])
def test_a_long_line_is_shown_around_its_caret(column):
    line = "".join(chr(ord("a") + number % 26) + " " for number in range(500))
    quoted, carets = shown(line, column)
    assert width(quoted) <= 100
    if column <= len(line):
        assert quoted[carets.index("^")] == line[column - 1 : column]
    assert quoted.startswith("…") == (column > 34)
    assert quoted.endswith("…") == (column < 900)


def test_a_very_long_word_is_underlined_as_far_as_it_is_shown():
    quoted, carets = shown("a: " + "x" * 1_000_000, 4)
    assert width(quoted) <= 100
    assert carets == "   " + "^" * 50


def test_lines_are_counted_as_yaml_counts_them():
    text = "a: 'x\x0by\x0cz'\r\nb: 1\rc: 2\n"
    problem = Problem("a", "b", Place("r", 3, 1))
    assert "      3 | c: 2\n" in render_problems([problem], {"r": text})


def test_foreign_text_cannot_reach_the_terminal():
    evil = "\x1b]0;title\x07\r\n::error::\u202e"
    problem = Problem(
        evil, evil, Place(evil, 1, 1), hint=evil, related=((evil, Place(evil, 1, 1)),)
    )
    told = render_problems([problem], {evil: evil}, color=False)
    assert told.isprintable() is False
    assert set(told) - set(map(chr, range(0x20, 0x7F))) <= {"\n"}
    assert all(not line.startswith("::") for line in told.split("\n"))


@given(st.text())
def test_harmless_text_is_one_line_without_hidden_characters(text):
    told = harmless(text)
    assert "\n" not in told
    assert "\x1b" not in told
    assert harmless(told) == told
    assert told == text or not text.isprintable()


@given(st.text(max_size=40))
def test_every_character_of_a_line_has_its_cell(line):
    shown_as, total = cells(line)
    assert len(shown_as) == len(line)
    assert total == sum(map(width, shown_as))


@given(st.text(max_size=300), st.integers(0, 400), st.integers(20, 200))
def test_any_text_can_be_quoted_at_any_column(line, column, line_width):
    problem = Problem("a", "b", Place("r", 1, column))
    told = render_problems([problem], {"r": line}, line_width=line_width)
    assert told.startswith(f"r:1:{column}: error: b\n")
    assert told.endswith("#a\n")
