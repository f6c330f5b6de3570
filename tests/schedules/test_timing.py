"""When schedules are due: against a minute-by-minute reading of the calendar, and where clocks change."""

from __future__ import annotations

import shutil
import zoneinfo
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.errors import UsageError
from framework0.schedules import Timing, interval, moment_text, zone_named
from framework0.schedules.limits import SCANNED

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Africa/Cairo",
         "America/Sao_Paulo", "Asia/Beirut", "Asia/Kolkata", "Australia/Lord_Howe"]  # fmt: skip
"""Zones whose clocks change at 1, 2 or 3 o'clock, at midnight, and not at all."""

MINUTES = st.sampled_from(["0", "30", "15,45", "*/20", "*", "59"])
HOURS = st.sampled_from(["0", "1", "2", "3", "2,3", "*", "*/2", "1-3", "23"])
DATES = st.sampled_from(["*", "1", "L", "29", "1,15"])
DAYS = st.sampled_from(["*", "SUN", "1-5", "0#1", "7"])


def stamp(text, zone="UTC", fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def matches(local, expression):
    """Say whether a naive local minute is one of the expression's: read apart from cronsim."""
    minute, hour, date, _, day = expression.split()
    in_date = fits(date, local.day, 1, 31) or (date == "L" and (local + timedelta(1)).day == 1)
    weekday = local.isoweekday() % 7
    in_day = {
        "*": True,
        "SUN": weekday == 0,
        "7": weekday == 0,
        "1-5": 1 <= weekday <= 5,
        "0#1": weekday == 0 and local.day <= 7,
    }[day]
    both = date == "*" or day == "*"
    in_both = (in_date and in_day) if both else (in_date or in_day)
    return fits(minute, local.minute, 0, 59) and fits(hour, local.hour, 0, 23) and in_both


def fits(field, value, low, high):
    for term in field.split(","):
        span, _, step = term.partition("/")
        if span == "*":
            first, last = low, high
        elif span.isdigit() or "-" in span:
            first, last = (int(one) for one in (span + "-" + span).split("-")[:2])
        else:
            continue
        if first <= value <= last and (value - first) % int(step or 1) == 0:
            return True
    return False


def expected(expression, zone, start, end):
    """Return the due times as documented, found by going through every minute."""
    tz = ZoneInfo(zone)
    minute, hour = expression.split()[:2]
    instants = [start + 60 * number for number in range(1, int((end - start) // 60) + 1)]
    if minute.startswith("*") or hour.startswith("*"):
        return [
            one
            for one in instants
            if matches(datetime.fromtimestamp(one, tz).replace(tzinfo=None, fold=0), expression)
        ]
    found = set()
    naive = datetime.fromtimestamp(start, tz).replace(tzinfo=None) - timedelta(hours=3)
    last = datetime.fromtimestamp(end, tz).replace(tzinfo=None)
    while naive <= last:
        if matches(naive, expression):
            local = naive.replace(tzinfo=tz)
            # What is left out by the clocks is due at the end of what is left out.
            while local.astimezone(UTC).astimezone(tz).replace(tzinfo=None) != local.replace(
                tzinfo=None
            ):
                local = (local.replace(tzinfo=None) + timedelta(minutes=1)).replace(tzinfo=tz)
            found.add(local.timestamp())
        naive += timedelta(minutes=1)
    return sorted(one for one in found if start < one <= end)


@st.composite
def nights(draw):
    """A time zone and the minute of a start near one of its changes of the clock, or anywhere."""
    zone = draw(st.sampled_from(ZONES))
    tz = ZoneInfo(zone)
    day = datetime(draw(st.integers(2015, 2017)), 1, 1, tzinfo=UTC) + timedelta(
        days=draw(st.integers(0, 364))
    )
    changes = [
        day + timedelta(days=number)
        for number in range(200)
        if (day + timedelta(days=number)).astimezone(tz).utcoffset()
        != (day + timedelta(days=number + 1)).astimezone(tz).utcoffset()
    ]
    start = draw(st.sampled_from([day, *changes])) + timedelta(minutes=draw(st.integers(-600, 900)))
    return zone, start.timestamp()


@pytest.mark.slow
@settings(max_examples=70)
@given(nights(), MINUTES, HOURS, DATES, DAYS)
def test_a_cron_expression_is_due_as_documented_in_every_night(night, minute, hour, date, day):
    zone, start = night
    expression = f"{minute} {hour} {date} * {day}"
    end = start + 2 * 86_400
    found = Timing(expression, zone).between(start, end, 10_000)
    assert list(found.moments) == expected(expression, zone, start, end)
    assert (found.first_left_out, found.left_out) == (None, 0)


@pytest.mark.slow
@settings(max_examples=50)
@given(nights(), MINUTES, HOURS, st.floats(0, 86_400))
def test_due_times_are_the_same_wherever_the_counting_begins(night, minute, hour, later):
    zone, start = night
    timing = Timing(f"{minute} {hour} * * *", zone)
    whole = timing.between(start, start + 3 * 86_400, 10_000).moments
    rest = timing.between(start + later, start + 3 * 86_400, 10_000).moments
    assert rest == tuple(one for one in whole if one > start + later)
    assert all(one < other for one, other in pairwise(whole))


def test_a_daily_time_in_the_hour_that_is_left_out_is_due_at_its_end_once():
    timing = Timing("30 2 * * *", "Europe/Berlin")
    found = timing.between(stamp("2026-03-28T12:00"), stamp("2026-03-30T12:00"), 10).moments
    assert [moment_text(one, "Europe/Berlin") for one in found] == [
        "2026-03-29 03:00+0200",
        "2026-03-30 02:30+0200",
    ]


def test_a_daily_time_in_the_hour_that_comes_twice_is_due_in_the_first_only():
    timing = Timing("30 2 * * *", "Europe/Berlin")
    found = timing.between(stamp("2026-10-24T12:00"), stamp("2026-10-26T12:00"), 10).moments
    assert [moment_text(one, "Europe/Berlin") for one in found] == [
        "2026-10-25 02:30+0200",
        "2026-10-26 02:30+0100",
    ]
    # Asked in the second pass, whose local time the first one had already.
    second = stamp("2026-10-25T02:10", "Europe/Berlin", fold=1)
    assert moment_text(timing.next_after(second), "Europe/Berlin") == "2026-10-26 02:30+0100"


def test_what_goes_by_the_time_that_passes_is_due_in_both_of_two_hours_and_in_none_left_out():
    timing = Timing("*/30 * * * *", "Europe/Berlin")
    fold = timing.between(
        stamp("2026-10-25T01:59", "Europe/Berlin"), stamp("2026-10-25T03:00", "Europe/Berlin"), 10
    )
    assert len(fold.moments) == 5
    assert {one - other for other, one in pairwise(fold.moments)} == {1800.0}
    gap = timing.between(stamp("2026-03-29T01:29", "Europe/Berlin"), stamp("2026-03-29T01:30"), 10)
    assert [moment_text(one, "Europe/Berlin") for one in gap.moments] == [
        "2026-03-29 01:30+0100",
        "2026-03-29 03:00+0200",
        "2026-03-29 03:30+0200",
    ]


def test_a_day_that_a_zone_left_out_counts_at_its_end():
    timing = Timing("0 12 30 12 *", "Pacific/Apia")
    due = timing.next_after(stamp("2011-12-01T00:00"))
    assert moment_text(due, "Pacific/Apia") == "2011-12-31 00:00+1400"


@settings(max_examples=200)
@given(
    st.floats(1, 1e6).map(lambda seconds: round(seconds, 3)),
    st.floats(0, 2e9),
    st.integers(-5, 200),
    st.integers(1, 20),
)
def test_intervals_are_counted_from_their_anchor_without_a_gap(every, anchor, number, most):
    timing = Timing(every=every, anchor=anchor)
    since = anchor + number * every
    found = timing.between(since, since + 30.5 * every, most)
    following = list(islice(timing.after(since), 3))
    assert all(one > max(since, anchor) for one in following)
    # Each is where the number of intervals since the anchor puts it, to a microsecond.
    assert all(
        abs((one - anchor) / every - round((one - anchor) / every)) < 1e-3 for one in following
    )
    assert len(found.moments) + found.left_out in {
        30,
        31,
        30 + min(0, number),
        29 + min(0, number),
        31 + min(0, number),
    }
    assert len(found.moments) == min(most, len(found.moments) + found.left_out)


def test_no_more_is_returned_than_asked_for_and_what_is_left_out_is_counted():
    timing = Timing("* * * * *")
    found = timing.between(0.0, 6_000.0, 10)
    assert found.moments == tuple(5_400.0 + 60 * number for number in range(1, 11))
    assert (found.first_left_out, found.left_out) == (60.0, 90)


@pytest.mark.slow
def test_a_year_without_a_server_takes_no_year_to_look_through():
    timing = Timing("* * * * *")
    until = 40 * 365 * 86_400.0
    found = timing.between(0.0, until, 5)
    assert found.moments == tuple(until - 60 * number for number in (4, 3, 2, 1, 0))
    assert (found.first_left_out, found.left_out) == (60.0, None)
    every = Timing(every=1.0).between(0.0, until, 5)
    assert (every.moments[-1], every.left_out) == (until, until - 5)


@pytest.mark.slow
def test_as_many_as_are_counted_in_one_go_are_counted():
    timing = Timing("* * * * *")
    assert timing.between(0.0, 60.0 * (SCANNED - 1), 1).left_out == SCANNED - 2
    assert timing.between(0.0, 60.0 * SCANNED, 1).left_out is None


def test_the_end_of_the_calendar_is_the_end_of_schedules():
    assert Timing("0 0 1 1 *").next_after(253_402_300_799.0) is None
    assert Timing("0 0 1 1 *").next_after(1e18) is None
    assert moment_text(1e18, "UTC").endswith("s after 1970")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Europe/Berln", "did you mean 'Europe/Berlin'"),
        ("berlin", "did you mean 'Europe/Berlin'"),
        ("Mars/Olympus_Mons", "names are like"),
        ("../../etc/passwd", "names are like"),
        ("", "names are like"),
        ("Europe", "names are like"),
        ("a\0b", "names are like"),
    ],
)
def test_an_unknown_time_zone_is_refused_with_the_near_one(name, hint):
    with pytest.raises(UsageError, match="there is no time zone") as caught:
        zone_named(name)
    assert hint in str(caught.value)


def test_time_zone_data_that_is_replaced_counts_without_a_restart(tmp_path):
    def zone_file(name):
        return next(Path(root) / name for root in zoneinfo.TZPATH if (Path(root) / name).exists())

    winter, summer = zone_file("Etc/GMT-1"), zone_file("Etc/GMT-2")
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath([str(tmp_path)])
    try:
        shutil.copy(winter, tmp_path / "Here")
        timing = Timing("0 6 * * *", "Here")
        assert timing.next_after(0.0) == 5 * 3600
        shutil.copy(summer, tmp_path / "Here")
        assert timing.next_after(0.0) == 4 * 3600
    finally:
        zoneinfo.reset_tzpath(before)


def test_a_zone_that_has_gone_is_shown_in_utc():
    assert moment_text(0.0, "Europe/Gone") == "1970-01-01 00:00+0000"
    assert moment_text(1.0, "utc") == "1970-01-01 00:00:01+0000"


@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [
        ("15m", 900, "every 15m"),
        ("1h30m", 5400, "every 90m"),
        ("2d", 172800, "every 2d"),
        ("1.5s", 1.5, "every 1.5s"),
    ],
)
def test_an_interval_is_a_length_of_time(text, seconds, shown):
    assert interval(text) == seconds
    assert str(Timing(every=interval(text))) == shown


@pytest.mark.parametrize("text", ["0", "0.2s", "-1", "often", "11000d"])
def test_an_interval_that_is_none_says_why(text):
    with pytest.raises(ValueError, match="must"):
        interval(text)
