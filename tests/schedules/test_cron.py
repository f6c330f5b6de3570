"""Cron expressions: every mistake has its place."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from framework0.schedules import Timing, check_cron


@pytest.mark.parametrize(
    "expression",
    ["0 6 * * *", "*/15 8-18 * * mon-fri", "0 0 L * *", "0 0 LW * *", "0 0 * * 5L", "0 0 * * MON#1",
     "  0\t6 1,15 jan,JUL * ", "@daily", "@Hourly", "0 0 29 2 *", "0 0 13 * 5", "59 23 31 12 7"],
)  # fmt: skip
def test_what_cron_knows_is_right(expression):
    assert check_cron(expression) == []
    assert Timing(expression).next_after(0.0) is not None


@pytest.mark.parametrize(
    ("expression", "message", "caret"),
    [
        ("0 24 * * *", "hour: '24' is not in 0 to 23", "  ^^"),
        ("0 6 * * MONDAY", "did you mean MON?", "        ^^^^^^"),
        ("0 6 * JNU *", "did you mean JUN?", "      ^^^"),
        ("0 6 1,32,5 * *", "day of the month: '32' is not in", "      ^^"),
        ("*/0 * * * *", "minute: '*/0' is not in", "^^^"),
        ("0,, 6 * * *", "minute: a value is missing", "  ^"),
        ("5-1 * * * *", "minute: '5-1'", "^^^"),
        ("0 6 * *", "five fields are needed", "^^^^^^^"),
        ("0 0 6 * * *", "--every 15s", "^^^^^^^^^^^"),
        ("", "not 0", "^"),
        ("@dayly", "did you mean @daily?", "^^^^^^"),
        ("@reboot", "there are @hourly", "^^^^^^^"),
        ("0 0 30 2 *", "no day of the next 50 years", "^^^^^^^^^^"),
        ("0 0 */20 * 1L", "no day of the next 50 years", "^^^^^^^^^^^^^"),
    ],
)
def test_a_mistake_is_shown_at_its_place(expression, message, caret):
    [shown] = check_cron(expression)[:1]
    text, _, under = shown.split("\n")
    assert message in text
    assert under == f"      {caret}"


def test_all_mistakes_are_shown_at_once():
    assert len(check_cron("61 25 0 13 8")) == 5


def test_an_endless_expression_is_not_read():
    assert check_cron("1," * 1_000_000 + "1 * * * *") == [
        "a cron expression has at most 200 characters, not 2000009"
    ]


@given(
    st.text("0123456789*/-,#LW@?JANMON \t\x1b\u00b2\u0661", max_size=40)
    | st.lists(st.text("059*/-,L#1W", min_size=1, max_size=4), min_size=5, max_size=5).map(" ".join)
)
@example("0 0 * * \u00b2L")
@example("9" * 190 + " * * * *")
def test_any_text_is_an_expression_that_works_or_a_mistake_with_a_place(expression):
    mistakes = check_cron(expression)
    for mistake in mistakes:
        assert "^" in mistake
        assert "\x1b" not in mistake
    if not mistakes:
        due = Timing(expression).next_after(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
        assert due is not None
