"""What becomes of due times, as a pure function: nothing is lost, nothing doubled, nothing floods."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.schedules import (
    CATCH_UPS,
    LATE,
    OVERLAPS,
    DueTimes,
    Schedule,
    Situation,
    Timing,
    decide,
)
from framework0.schedules.deciding import FIRE, MISS, SKIP
from framework0.schedules.limits import MOST_WAITING

NOW = 1_000_000.0


def schedule(overlap="skip", catch_up="latest", limit=10):
    return Schedule("s", "r.yaml", Timing("* * * * *"), {}, overlap, catch_up, limit)


def kinds(schedule, ages, *, going=0, waiting=0, up=NOW):
    due = DueTimes(tuple(sorted(NOW - age for age in ages)))
    return [verdict.kind for verdict in decide(schedule, due, Situation(NOW, up, going, waiting))]


SCHEDULES = st.builds(
    schedule, st.sampled_from(OVERLAPS), st.sampled_from(CATCH_UPS), st.integers(1, 30)
)
AGES = st.lists(st.integers(0, 500), unique=True, max_size=40)


@given(SCHEDULES, AGES, st.integers(0, 3), st.integers(0, 120), st.integers(0, 500))
def test_every_due_time_gets_exactly_one_verdict_in_order(one, ages, going, waiting, up):
    due = DueTimes(tuple(sorted(NOW - age for age in ages)))
    verdicts = decide(one, due, Situation(NOW, NOW - up, going, waiting))
    assert tuple(verdict.due for verdict in verdicts) == due.moments
    assert all(verdict.note for verdict in verdicts if verdict.kind != FIRE)


@given(SCHEDULES, AGES, st.integers(0, 3))
def test_only_what_is_late_is_missed_and_only_what_is_on_time_is_skipped_as_overlapping(
    one, ages, going
):
    due = DueTimes(tuple(sorted(NOW - age for age in ages)))
    for verdict in decide(one, due, Situation(NOW, NOW, going)):
        late = NOW - verdict.due > LATE
        assert late or verdict.kind != MISS
        assert verdict.caught_up <= late
        assert late == (verdict.kind == MISS or verdict.caught_up)
        if verdict.kind == SKIP:
            assert one.overlap in ("skip", "queue", "cancel-previous")


@given(SCHEDULES, AGES)
def test_a_catching_up_fires_no_more_than_its_limit_and_the_latest_of_all(one, ages):
    due = DueTimes(tuple(sorted(NOW - age for age in ages)))
    caught = [verdict.due for verdict in decide(one, due, Situation(NOW, NOW)) if verdict.caught_up]
    late = [moment for moment in due.moments if NOW - moment > LATE]
    most = {"none": 0, "latest": int(len(late) == len(due.moments)), "all": one.catch_up_limit}
    assert caught == late[max(0, len(late) - most[one.catch_up]) :]


@pytest.mark.slow
@settings(max_examples=200)
@given(SCHEDULES, st.lists(st.integers(1, 500), min_size=1, max_size=25), st.data())
def test_looks_at_any_moments_decide_each_due_time_once(one, gaps, data):
    """A server that looks whenever it likes, is away for a while, and comes back: no time is lost."""
    seen, now, decided = NOW, NOW, []
    for gap in gaps:
        now += gap
        due = one.timing.between(seen, now, 5)
        situation = Situation(
            now, now - data.draw(st.integers(0, 500)), data.draw(st.integers(0, 2))
        )
        for verdict in decide(one, due, situation):
            last = verdict.due if verdict.until is None else verdict.until - 60
            count = round((last - verdict.due) / 60) + 1
            decided += [verdict.due + 60 * number for number in range(count)]
        seen = now
    every = one.timing.between(NOW, now, 100_000).moments
    assert tuple(decided) == every


def test_overlap_says_what_happens_while_the_run_before_goes_on():
    assert kinds(schedule("skip"), [0], going=1) == [SKIP]
    assert kinds(schedule("queue"), [0], going=1) == [FIRE]
    assert kinds(schedule("allow"), [0], going=5) == [FIRE]
    [verdict] = decide(schedule("cancel-previous"), DueTimes((NOW,)), Situation(NOW, NOW, 1))
    assert (verdict.kind, verdict.replaces) == (FIRE, True)
    assert all(kinds(schedule(one), [0]) == [FIRE] for one in OVERLAPS)


def test_two_that_are_due_at_once_overlap_each_other():
    assert kinds(schedule("skip"), [10, 0]) == [FIRE, SKIP]
    assert kinds(schedule("queue"), [10, 0]) == [FIRE, FIRE]


def test_a_queue_has_an_end():
    ages = range(MOST_WAITING + 5)
    found = kinds(schedule("queue", "all", 1000), ages)
    # One goes, as many as may wait do, and the others are said to be too many.
    assert (found.count(FIRE), found.count(SKIP)) == (MOST_WAITING + 1, 4)
    assert kinds(schedule("allow", "all", 1000), ages) == [FIRE] * (MOST_WAITING + 5)


def test_what_is_caught_up_waits_for_each_other_even_where_overlaps_are_skipped():
    assert kinds(schedule("skip", "all"), [300, 200, 100, 0]) == [FIRE, FIRE, FIRE, SKIP]
    assert kinds(schedule("cancel-previous", "all"), [300, 200]) == [FIRE, FIRE]


def test_latest_means_the_latest_of_all_that_has_come():
    assert kinds(schedule(catch_up="latest"), [300, 200]) == [MISS, FIRE]
    assert kinds(schedule(catch_up="latest"), [300, 200, 0]) == [MISS, MISS, FIRE]
    assert kinds(schedule(catch_up="none"), [300, 200]) == [MISS, MISS]


def test_why_a_time_was_missed_is_told():
    due = DueTimes((NOW - 300, NOW - 200))
    away, asleep = decide(schedule(catch_up="none"), due, Situation(NOW, NOW - 250))
    assert away.note == "no server was running; catch-up is none"
    assert asleep.note == "the machine slept, or its clock was set forward; catch-up is none"
    limited = decide(schedule(catch_up="all", limit=1), due, Situation(NOW, NOW))
    assert limited[0].note == "no server was running; at most 1 are caught up"


def test_what_cannot_be_told_apart_any_more_shares_a_line():
    due = DueTimes((NOW - 120, NOW), NOW - 9_000, 100)
    first, *_ = decide(schedule(), due, Situation(NOW, NOW))
    assert (first.due, first.until, first.kind) == (NOW - 9_000, NOW - 120, MISS)
    assert first.note.startswith("100 due times until the next line")
    uncounted, *_ = decide(schedule(), due._replace(left_out=None), Situation(NOW, NOW))
    assert uncounted.note.startswith("more than can be counted")
