"""The age of an entry does not depend on what happens to the wall clock."""

from __future__ import annotations

import time

import pytest

from framework0.runner.stepcache import age as module
from framework0.runner.stepcache.age import Moment, age, now

DAY = 86_400.0


@pytest.mark.parametrize("jump", [-3_600.0, 3_600.0, 30 * DAY, -30 * DAY])
def test_within_a_boot_a_jump_of_the_wall_clock_changes_nothing(jump):
    then = Moment(1_000_000.0, "boot", 500.0)
    assert age(then, Moment(1_000_000.0 + jump, "boot", 600.0)) == 100.0


def test_across_boots_the_wall_clock_counts():
    then = Moment(1_000_000.0, "one", 500.0)
    assert age(then, Moment(1_000_060.0, "two", 10.0)) == 60.0


@pytest.mark.parametrize("boot", ["", "two"])
def test_an_entry_from_the_future_has_no_age(boot):
    assert age(Moment(1_000_000.0, "", 0.0), Moment(999_999.0, boot, 0.0)) is None


def test_now_is_now():
    first, wall = now(), time.time()
    second = now()
    assert first.wall <= wall <= second.wall
    assert first.boot == second.boot
    assert age(first, second) is not None


def test_where_there_is_no_clock_since_boot_none_is_claimed(monkeypatch):
    monkeypatch.delattr(module.time, "CLOCK_BOOTTIME", raising=False)
    assert now()[1:] == ("", 0.0)
