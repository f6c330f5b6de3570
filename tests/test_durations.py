"""Claims about lengths of time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.durations import LONGEST, PATTERN, parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (90, 90.0),
        (1.5, 1.5),
        ("90", 90.0),
        ("90s", 90.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        ("250ms", 0.25),
        ("1d 2h 3m 4s", 93784.0),
        (" 5 m ", 300.0),
    ],
)
def test_a_duration_in_any_of_its_forms_is_seconds(written, seconds):
    assert parse_duration(written) == pytest.approx(seconds)
    if isinstance(written, str):
        assert re.search(PATTERN, written)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("soon", "must be a number of seconds"),
        ("", "empty"),
        ("  ", "empty"),
        ("5 minuts", "must be"),
        ("30m1h", "must be"),
        ("1m1m", "must be"),
        ("1,5h", "must be"),
        ("5M", "must be"),
        ("x" * 1000, "1000 characters"),
        ("9" * 30 + "d", "ten years"),
        (1e12, "ten years"),
        (-1, "negative"),
        ("-1", "negative"),
        (0, "longer than zero"),
        ("0s", "longer than zero"),
        (float("nan"), "not a number"),
        (float("inf"), "ten years"),
        (True, "not true"),
        (None, "must be"),
        ([5], "must be"),
    ],
)
def test_what_is_no_duration_is_refused_with_the_reason(written, why):
    with pytest.raises(ValueError, match=why):
        parse_duration(written)


def test_no_time_at_all_is_a_duration_only_where_it_may_be():
    assert parse_duration(0, zero=True) == 0.0


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=60))
def test_any_text_gives_seconds_in_range_or_a_reason(text):
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 < seconds <= LONGEST
    assert re.search(PATTERN, text)


@settings(deadline=None, max_examples=80)
@given(st.text(alphabet="0123456789.dhms ", max_size=12))
def test_the_pattern_for_editors_takes_whatever_is_a_duration(text):
    try:
        parse_duration(text, zero=True)
    except ValueError:
        return
    assert re.search(PATTERN, text)
