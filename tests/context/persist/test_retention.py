"""What is kept and what is forgotten, and that nobody who is reading is disturbed."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from framework0.context.persist.retention import Retention, Segment, floor
from framework0.errors import HistoryTrimmed
from tests.context.persist.conftest import BY, put, remove
from tests.context.persist.test_sqlite import fill

SEGMENTS = [Segment(10 * n, 100, 1_000.0 + n) for n in range(1, 6)]


@pytest.mark.parametrize(
    ("rule", "version", "expected"),
    [
        (Retention(None, None, None), 50, 0),
        (Retention(100, None, None), 50, 0),
        (Retention(20, None, None), 50, 30),
        (Retention(15, None, None), 50, 30),
        (Retention(1, None, None), 50, 40),
        (Retention(1, None, None), 51, 50),
        (Retention(None, 2.5, None), 50, 30),
        (Retention(None, 100.0, None), 50, 0),
        (Retention(None, None, 500), 50, 0),
        (Retention(None, None, 499), 50, 10),
        (Retention(None, None, 250), 50, 30),
        (Retention(None, None, 1), 50, 50),
        (Retention(20, 1.5, 450), 50, 40),
    ],
)
def test_the_past_ends_where_the_strictest_bound_says(rule, version, expected):
    assert floor(SEGMENTS, rule, version, 0, 1_006.0) == expected


def test_what_follows_something_young_is_kept_where_clocks_were_set_back():
    segments = [Segment(10, 1, 900.0), Segment(20, 1, 2_000.0), Segment(30, 1, 900.0)]
    assert floor(segments, Retention(None, 50.0, None), 30, 0, 1_000.0) == 10


def test_a_store_forgets_by_itself_and_says_from_where_on_it_knows(open_store):
    store = open_store(keep_changes=20, segment_changes=5)
    fill(store, 200)
    since = store.kept_since()
    assert 170 <= since <= 180
    assert [change.version for change in store.changes()] == list(range(since + 1, 201))
    for call in (store.at, store.changes, lambda version: store.get_at("k1", version)):
        with pytest.raises(HistoryTrimmed) as trimmed:
            call(since - 1)
        assert (trimmed.value.asked, trimmed.value.kept_since) == (since - 1, since)
    assert len(store.at(since)) == 7
    store.close()
    again = open_store()
    assert again.kept_since() == since
    assert len(list(again.changes())) == 200 - since
    first = next(again.changes())
    assert (first.existed, first.previous) == (True, first.version - 7)
    assert again.verify() == 200 - since


def test_a_removal_that_is_forgotten_is_no_previous_change(open_store):
    store = open_store(keep_changes=4, segment_changes=4)
    put(store, "a", 1)
    remove(store, "a")
    fill(store, 20)
    assert put(store, "a", 2).previous == 0
    store.close()
    assert open_store().get("a").value == 2


@pytest.mark.slow
def test_age_and_size_are_bounds_too(open_store):
    store = open_store(keep_seconds=100.0, segment_changes=5)
    fill(store, 30)
    # They were made in 1970.
    assert store.kept_since() >= 25
    store.close()
    store = open_store(keep_bytes=3_000, segment_changes=5)
    for number in range(300):
        put(store, f"k{number % 5}", f"{number}" * 20, at=4e9)
    assert 200 < store.kept_since() < 330
    assert len(store.keys()) >= 5


def test_another_process_learns_at_once_what_is_no_longer_kept(open_store):
    store, other = open_store(segment_changes=5), open_store(segment_changes=5)
    fill(store, 50)
    assert len(list(other.changes())) == 50
    assert store.compact(keep_changes=10) == 40
    assert other.kept_since() == 40
    with pytest.raises(HistoryTrimmed):
        other.at(39)
    assert put(other, "a", 1).version == 51


@pytest.mark.slow
def test_readers_in_the_middle_are_not_disturbed(open_store):
    store = open_store(segment_changes=50)
    for start in range(0, 3_000, 100):
        store.apply_all([request(start + n) for n in range(100)])
    store.close()
    store = open_store(segment_changes=50)
    assert store._cache.since > 1_000
    everything, of_key = store.changes(), store.changes(key="k3")
    first, first_of_key = next(everything), next(of_key)
    # Begun, not yet asked for anything.
    not_begun = store.changes(5)
    assert store.compact(keep_changes=10) >= 2_900
    with pytest.raises(HistoryTrimmed):
        store.changes(5)
    assert [first.version, *[change.version for change in everything]] == list(range(1, 3_001))
    assert [first_of_key, *of_key][-1].version == 2_999
    assert sum(1 for _ in not_begun) == 2_995


def request(number):
    from framework0.context import Request, Write

    return Request((Write(f"k{number % 5}", number),), BY, float(number))


@pytest.mark.slow
def test_a_reader_that_is_forgotten_lets_go(open_store):
    store = open_store(segment_changes=50)
    fill(store, 1_500)
    store.close()
    store = open_store()
    for _ in range(50):
        next(store.changes(3))
    assert len(store._readers._idle) <= 4


@pytest.mark.slow
def test_space_is_given_back(open_store, path):
    store = open_store(segment_changes=100)
    for number in range(120):
        put(store, "large", [f"{number}-{part}" for part in range(3_000)])
        put(store, f"k{number}", "x" * 3_000)
    store.close()
    before = path.stat().st_size
    store = open_store(segment_changes=100)
    store.compact(keep_changes=10)
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    assert path.stat().st_size < before / 2
    again = open_store()
    assert len(again.keys()) == 121


def test_tagged_pictures_stay_for_as_long_as_they_are_tagged(open_store, path):
    store = open_store(segment_changes=5, keep_changes=5)
    store.tag("zero", 0)
    fill(store, 12)
    store.tag("twelve", 12)
    picture = store.at(12)
    fill(store, 60)
    assert store.kept_since() > 50
    assert store.at(12) == picture
    assert store.at(0) == {}
    store.close()
    again = open_store(segment_changes=5, keep_changes=5)
    assert again.at(12) == picture
    assert again.get_at("k4", 12).version == 12
    with pytest.raises(HistoryTrimmed):
        again.at(11)
    with pytest.raises(HistoryTrimmed):
        list(again.changes(12))
    again.tag("twelve", 70, move=True)
    with pytest.raises(HistoryTrimmed):
        again.at(12)
    assert again.verify() == again.version() - again.kept_since()
    again.untag("zero")
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT min(version) FROM snapshots").fetchone()
    assert found == (again.kept_since(),)
