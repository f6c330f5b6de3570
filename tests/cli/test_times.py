"""Moments and lengths of time as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.cli.times import clock_text, seconds_text, stopwatch_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.000 s"),
        (0.25, "0.250 s"),
        (12.34, "12.3 s"),
        (185, "3 min 05 s"),
        (7_800, "2 h 10 min"),
        (90_000, "1 d 01 h"),
        (-2, "-2.0 s"),
    ],
)
def test_a_length_of_time_has_two_units_at_most(seconds, text):
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.9, "0:07"), (754, "12:34"), (3_723, "1:02:03")]
)
def test_a_stopwatch_shows_hours_only_when_there_are_some(seconds, text):
    assert stopwatch_text(seconds) == text


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_longer_time_never_reads_as_a_shorter_one(one, other):
    shorter, longer = sorted((one, other))
    assert _length(seconds_text(shorter)) <= _length(seconds_text(longer))


def _length(text):
    units = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
    words = text.split()
    return sum(
        float(number) * units[unit] for number, unit in zip(words[::2], words[1::2], strict=True)
    )


@given(st.floats(-1e18, 1e18))
def test_every_number_has_an_answer_as_a_moment(at):
    assert clock_text(at)
