"""What every store owes: the contract of ``framework0.context.Store``, whatever is behind it."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Event
from time import monotonic, time

import pytest

from framework0.context import Author, Entry, Request, Write, replay
from framework0.errors import ContextError, HistoryTrimmed, OperationReused, VersionConflict
from tests.context.stores import DISTANT_STORES, STORES, forget_what_is_old

BY = Author("clean", "run-1", "clean", 2)
# Long enough to be read before it is over, short enough to wait for.
TTL = 0.05
SECONDS = 120.0


@pytest.fixture(params=sorted(STORES | DISTANT_STORES))
def make_store(request, tmp_path):
    with ExitStack() as at_end:
        yield (STORES | DISTANT_STORES)[request.param](request, tmp_path, at_end)


def put(store, key, value, at=1.0):
    return store.apply((Write(key, value),), BY, at)[0]


def test_an_empty_store_is_at_version_zero(store):
    assert store.version() == 0
    assert store.kept_since() == 0
    assert store.keys() == []
    assert dict(store.entries()) == {}
    assert dict(store.at(0)) == {}
    assert store.get("a") is None
    assert list(store.changes()) == []


def test_a_change_says_what_when_who_and_what_was_before(store):
    first = put(store, "a", 1, at=10.0)
    second = put(store, "a", [2], at=11.0)
    (third,) = store.apply((Write("a", removed=True),), BY, 12.0)
    assert first[1:] == ("a", 1, False, None, False, *BY, 10.0, 0, None)
    assert second[1:] == ("a", [2], False, 1, True, *BY, 11.0, first.version, None)
    assert third[1:] == ("a", None, True, [2], True, *BY, 12.0, second.version, None)
    assert 0 < first.version < second.version < third.version == store.version()
    assert list(store.changes()) == [first, second, third]
    assert store.get("a") is None


def test_removing_what_is_absent_is_no_change(store):
    assert store.apply((Write("a", removed=True),), BY, 1.0) == ()
    assert store.version() == 0


def test_all_writes_of_a_call_happen_in_order_or_none_does(store):
    writes = (Write("a", 1), Write("b", 2), Write("a", removed=True), Write("c", None))
    made = store.apply(writes, BY, 1.0)
    assert [(change.key, change.removed) for change in made] == [
        ("a", False),
        ("b", False),
        ("a", True),
        ("c", False),
    ]
    before = store.entries()
    for expected in ({"b": 99}, {"b": before["b"].version, "a": 5}, {"new": 1}):
        with pytest.raises(VersionConflict) as conflict:
            store.apply((Write("d", 1), Write("b", 9)), BY, 2.0, expected)
        assert conflict.value.key in expected
    assert store.entries() == before
    assert store.version() == made[-1].version


def test_expected_versions_let_a_write_through_when_they_hold(store):
    first = put(store, "a", 1)
    expected = {"a": first.version, "b": 0}
    assert store.apply((Write("a", 2),), BY, 1.0, expected)
    assert store.apply((), BY, 1.0, {"b": 0}) == ()


def test_the_version_of_the_whole_can_be_expected_too(store):
    first = put(store, "a", 1)
    with pytest.raises(VersionConflict) as conflict:
        store.apply((Write("b", 1),), BY, 1.0, None, first.version - 1)
    assert (conflict.value.key, conflict.value.actual) == ("*", first.version)
    assert store.apply((Write("b", 1),), BY, 1.0, None, first.version)


def test_entries_keys_and_get_tell_the_same(store):
    put(store, "a", 1)
    second = put(store, "b", {"x": 1})
    assert sorted(store.keys()) == ["a", "b"]
    assert store.entries()["b"] == store.get("b") == Entry({"x": 1}, second.version)


def test_changes_are_those_after_a_version_and_of_a_key(store):
    made = [put(store, key, number) for number, key in enumerate("abab")]
    assert list(store.changes(made[1].version)) == made[2:]
    assert list(store.changes(0)) == made
    assert list(store.changes(made[0].version, "a")) == [made[2]]
    assert list(store.changes(key="b")) == [made[1], made[3]]
    assert list(store.changes(store.version())) == []


def test_every_past_version_can_be_read(store):
    pictures = {0: {}}
    for key, value in [("a", 1), ("b", 2), ("a", 3), ("b", None)]:
        version = put(store, key, value).version
        pictures[version] = {key: entry.value for key, entry in store.entries().items()}
    (removed,) = store.apply((Write("a", removed=True),), BY, 1.0)
    pictures[removed.version] = {"b": None}
    for version, picture in pictures.items():
        assert dict(store.at(version)) == picture


def test_a_version_that_has_not_happened_cannot_be_read(store):
    with pytest.raises(ContextError, match="not happened"):
        store.at(1)


def test_a_watcher_sees_what_comes_and_with_since_what_was(store):
    put(store, "a", 1)
    new, all_of_it = [], []
    unwatch = store.watch(new.extend)
    store.watch(all_of_it.extend, 0)
    put(store, "b", 2)
    store.apply((Write("c", 3), Write("a", removed=True)), BY, 1.0)
    unwatch()
    put(store, "d", 4)
    everything = list(store.changes())
    assert all_of_it == everything
    assert new == everything[1:4]


def test_a_watcher_is_told_once_that_the_store_has_closed(store):
    calls = []
    store.watch(lambda changes: calls.append(list(changes)))
    store.close()
    store.close()
    assert calls == [[]]
    store.watch(lambda changes: calls.append(list(changes)))
    assert calls == [[], []]
    with pytest.raises(ContextError, match="closed"):
        put(store, "a", 1)


def test_loaded_changes_are_as_good_as_made_ones(store, make_store):
    for key, value in [("a", 1), ("b", [2]), ("a", 3)]:
        put(store, key, value)
    store.apply((Write("b", removed=True),), BY, 1.0)
    other, told = make_store(), []
    other.watch(told.extend)
    other.load(store.changes())
    assert list(other.changes()) == list(store.changes()) == told
    assert other.entries() == store.entries() == replay(store.changes())
    assert other.version() == store.version()
    assert put(other, "c", 1).version > store.version()


def test_a_gap_in_what_is_loaded_is_mended(store, make_store):
    lost = put(store, "a", 1)
    put(store, "a", 2)
    put(store, "b", 3)
    other = make_store()
    other.load(change for change in store.changes() if change.version != lost.version)
    first = next(other.changes())
    assert (first.existed, first.old, first.previous) == (False, None, 0)
    assert dict(other.at(lost.version)) == {}
    assert dict(other.at(first.version)) == {"a": 2}


def test_changes_are_loaded_in_order_and_once(store, make_store):
    made = [put(store, "a", 1), put(store, "a", 2)]
    for wrong in ([made[1], made[0]], [made[0], made[0]]):
        with pytest.raises(ContextError, match="cannot follow"):
            make_store().load(wrong)


def wait_until(store, key, *, gone):
    """Wait until a watcher has told that ``key`` was removed (or set); return that change."""
    told, seen = Event(), []

    def listen(changes):
        for change in changes:
            if change.key == key and change.removed == gone:
                seen.append(change)
                told.set()

    unwatch = store.watch(listen, 0)
    assert told.wait(SECONDS)
    unwatch()
    return seen[-1]


def test_one_key_can_be_read_as_of_every_version(store):
    moves = [("a", 1), ("b", 2), ("a", [3]), ("a", None), ("b", {"x": 4}), ("a", 5)]
    for key, value in moves:
        store.apply((Write(key, value, removed=value is None),), BY, 1.0)
    for version in range(store.version() + 1):
        entries = replay(change for change in store.changes() if change.version <= version)
        for key in "abc":
            assert store.get_at(key, version) == entries.get(key)
    with pytest.raises(ContextError, match="not happened"):
        store.get_at("a", store.version() + 1)
    put(store, "c", 1)
    assert store.get_at("c", store.version()).value == 1
    assert store.get_at("c", store.version() - 1) is None


def test_a_moment_has_the_version_of_the_last_change_until_then(store):
    made = [put(store, "a", number, at=at) for number, at in enumerate((10.0, 20.0, 20.0, 30.0))]
    versions = [change.version for change in made]
    assert store.version_at(9.9) == 0
    assert store.version_at(10.0) == store.version_at(19.9) == versions[0]
    assert store.version_at(20.0) == versions[2]
    assert store.version_at(31.0) == versions[3]


def test_where_a_clock_was_set_back_the_last_change_that_says_so_counts(store):
    made = [put(store, "a", number, at=at) for number, at in enumerate((10.0, 30.0, 20.0))]
    assert store.version_at(25.0) == made[2].version
    assert store.version_at(15.0) == made[0].version


def test_versions_of_a_store_have_no_gaps(store):
    store.apply((Write("a", 1), Write("b", 1)), BY, 1.0)
    with pytest.raises(VersionConflict):
        store.apply((Write("a", 2),), BY, 1.0, {"a": 77})
    store.apply_all([Request((Write("c", 1),), BY, 1.0), Request((), BY, 1.0)])
    assert [change.version for change in store.changes()] == [1, 2, 3]


def test_requests_done_together_are_each_done_wholly_or_not_at_all(store):
    told = []
    store.watch(told.extend)
    first = put(store, "a", 1)
    answers = store.apply_all(
        [
            Request((Write("a", 2), Write("b", 1)), BY, 2.0, {"a": first.version}),
            Request((Write("c", 1), Write("a", 3)), BY, 3.0, {"a": first.version}),
            Request((Write("d", 1),), Author("ada"), 4.0, {"a": first.version + 1}),
            Request((Write("e", 1),), BY, 5.0, None, first.version),
            Request((Write("nothing", removed=True),), BY, 6.0),
        ]
    )
    done, late, third, too_late, nothing = answers
    assert [(change.key, change.version) for change in (*done, *third)] == [
        ("a", first.version + 1),
        ("b", first.version + 2),
        ("d", first.version + 3),
    ]
    assert third[0].who == "ada"
    for error, key in ((late, "a"), (too_late, "*")):
        assert isinstance(error, VersionConflict)
        assert error.key == key
    assert nothing == ()
    assert sorted(store.keys()) == ["a", "b", "d"]
    assert told == [first, *done, *third] == list(store.changes())
    assert store.apply_all([]) == []


def test_a_call_that_is_repeated_under_its_id_counts_once(store):
    writes = (Write("a", [1]), Write("b", True))
    made = store.apply(writes, BY, 1.0, {"a": 0}, None, "op-1")
    put(store, "a", 5)
    before = store.version()
    assert store.apply(writes, BY, 9.0, {"a": 0}, None, "op-1") == made
    assert store.apply_all([Request(writes, BY, 9.0, {"a": 0}, None, "op-1")]) == [made]
    assert store.version() == before
    assert store.get("a").value == 5


def test_an_id_of_another_call_is_refused(store):
    store.apply((Write("a", 1),), BY, 1.0, operation="op-1")
    others = [
        Request((Write("a", 2),), BY, 1.0, operation="op-1"),
        Request((Write("a", True),), BY, 1.0, operation="op-1"),
        Request((Write("a", 1, ttl=5.0),), BY, 1.0, operation="op-1"),
        Request((Write("a", 1), Write("b", 1)), BY, 1.0, operation="op-1"),
        Request((Write("a", 1),), BY, 1.0, {"a": 1}, operation="op-1"),
        Request((Write("a", 1),), BY, 1.0, None, 1, operation="op-1"),
    ]
    for answer in store.apply_all(others):
        assert isinstance(answer, OperationReused)
        assert answer.operation == "op-1"
    with pytest.raises(OperationReused, match="op-1"):
        store.apply((Write("b", 1),), BY, 1.0, operation="op-1")
    assert store.version() == 1


def test_a_call_that_failed_may_be_made_again_under_its_id(store):
    with pytest.raises(VersionConflict):
        store.apply((Write("a", 1),), BY, 1.0, {"b": 1}, operation="op-1")
    put(store, "b", 1)
    assert store.apply((Write("a", 1),), BY, 1.0, {"b": 1}, operation="op-1")
    assert store.get("a").value == 1


def test_a_call_that_changed_nothing_is_remembered_too(store):
    remove = (Write("a", removed=True),)
    assert store.apply(remove, BY, 1.0, operation="op-1") == ()
    put(store, "a", 1)
    assert store.apply(remove, BY, 1.0, operation="op-1") == ()
    assert store.get("a").value == 1


def test_one_id_twice_among_requests_done_together_counts_once(store):
    same = Request((Write("a", 1),), BY, 1.0, operation="op-1")
    other = Request((Write("a", 2),), BY, 1.0, operation="op-1")
    first, again, refused = store.apply_all([same, same, other])
    assert first == again
    assert isinstance(refused, OperationReused)
    assert store.version() == 1


@pytest.mark.parametrize("operation", ["", "x" * 201, "a\nb"])
def test_what_cannot_be_an_id_is_refused(store, operation):
    with pytest.raises(ContextError, match="operation id"):
        store.apply((Write("a", 1),), BY, 1.0, operation=operation)
    assert store.version() == 0


def test_a_tag_is_a_name_for_a_version_and_moves_on_purpose_only(store):
    first, second = put(store, "a", 1).version, put(store, "a", 2).version
    assert store.tags() == {}
    store.tag("release", first)
    store.tag("release", first)
    store.tag("beta 2", second)
    store.tag("same", second)
    assert list(store.tags().items()) == [("beta 2", second), ("release", first), ("same", second)]
    with pytest.raises(ContextError, match=f"'release' stands for version {first}"):
        store.tag("release", second)
    assert store.tags()["release"] == first
    store.tag("release", second, move=True)
    assert store.tags()["release"] == second
    assert store.untag("release") is True
    assert store.untag("release") is False
    assert "release" not in store.tags()


@pytest.mark.parametrize("name", ["", " a", "12", "-1", "+x", "run:step", "a\nb", "x" * 201])
def test_what_could_be_taken_for_something_else_is_no_tag(store, name):
    with pytest.raises(ContextError, match="tag"):
        store.tag(name, 0)
    assert store.tags() == {}


def test_only_what_has_happened_can_be_tagged(store):
    store.tag("beginning", 0)
    with pytest.raises(ContextError, match="not happened"):
        store.tag("later", 1)
    assert store.tags() == {"beginning": 0}


def test_what_a_tag_names_is_kept_when_the_past_is_forgotten(make_store):
    store = make_store(keep_changes=3)
    put(store, "a", [1])
    tagged = put(store, "b", 2).version
    store.tag("kept", tagged)
    store.apply((Write("b", removed=True),), BY, 2.0)
    for number in range(20):
        put(store, "c", number)
        forget_what_is_old(store)
    assert store.kept_since() > tagged + 1
    assert dict(store.at(tagged)) == {"a": [1], "b": 2}
    assert store.get_at("a", tagged) == Entry([1], tagged - 1)
    assert store.get_at("b", tagged) == Entry(2, tagged)
    assert store.get_at("c", tagged) is None
    for version in (tagged - 1, tagged + 1):
        with pytest.raises(HistoryTrimmed):
            store.at(version)
        with pytest.raises(HistoryTrimmed):
            store.get_at("a", version)
    store.untag("kept")
    forget_what_is_old(store)
    with pytest.raises(HistoryTrimmed):
        store.at(tagged)
    with pytest.raises(HistoryTrimmed):
        store.tag("too late", tagged)
    store.close()


def test_what_is_before_the_kept_past_is_said_to_be_forgotten(make_store):
    store = make_store(keep_changes=3)
    for number in range(20):
        put(store, "a", number, at=float(number))
        forget_what_is_old(store)
    since = store.kept_since()
    assert since >= 10
    assert store.version_at(since - 1.0) == since
    with pytest.raises(HistoryTrimmed) as trimmed:
        store.version_at(since - 1.5)
    assert trimmed.value.kept_since == since
    assert store.get_at("a", since) == Entry(since - 1, since)
    store.close()


def test_each_history_has_a_name_of_its_own(make_store):
    one, other = make_store(), make_store()
    assert one.epoch() == one.epoch()
    assert isinstance(one.epoch(), str)
    assert len(one.epoch()) >= 16
    assert one.epoch() != other.epoch()
    one.close()
    other.close()


def test_a_value_with_a_time_to_live_ends_by_itself_and_that_is_a_change(store):
    before = time()
    (made,) = store.apply((Write("a", [1], ttl=TTL),), BY, before)
    assert made.expires == pytest.approx(before + TTL)
    ended = wait_until(store, "a", gone=True)
    assert ended.who == "expiry"
    assert (ended.old, ended.existed, ended.previous) == ([1], True, made.version)
    assert (ended.run, ended.step, ended.attempt, ended.expires) == (None,) * 4
    assert list(store.changes()) == [made, ended]
    assert store.version() == ended.version
    assert dict(store.at(made.version)) == {"a": [1]}


def test_a_value_is_never_served_after_its_time(store):
    store.apply((Write("a", 1, ttl=TTL), Write("stays", 1)), BY, time())
    end = monotonic() + TTL
    while monotonic() < end:
        store.get("a")
    assert store.get("a") is None
    assert store.keys() == ["stays"]
    assert list(store.entries()) == ["stays"]
    # It counts as absent, too.
    assert store.apply((Write("a", 2),), BY, time(), {"a": 0})
    assert store.get("a").value == 2


def test_writing_again_or_removing_ends_the_waiting(store):
    """All in one call: however slow a store is, none of the ends comes in between."""
    writes = [Write(key, 1, ttl=TTL) for key in "abc"]
    writes += [Write("a", 2), Write("b", removed=True), Write("c", 2, ttl=3600.0)]
    store.apply([*writes, Write("last", 1, ttl=2 * TTL)], BY, time())
    wait_until(store, "last", gone=True)
    assert sorted(store.keys()) == ["a", "c"]
    assert store.get("a").expires is None
    assert store.get("c").expires > time() + 3000
    assert [change.key for change in store.changes() if change.who == "expiry"] == ["last"]


@pytest.mark.parametrize("ttl", [0, -1.0, float("nan"), float("inf"), True, 1e12, "5"])
def test_what_is_no_time_to_live_is_refused_and_nothing_happens(store, ttl):
    with pytest.raises(ContextError, match="time to live"):
        store.apply((Write("b", 1), Write("a", 1, ttl=ttl)), BY, time())
    (answer,) = store.apply_all([Request((Write("a", 1, ttl=ttl),), BY, time())])
    assert isinstance(answer, ContextError)
    assert store.version() == 0


def test_values_that_end_are_loaded_with_their_end(store, make_store):
    (gone,) = store.apply((Write("gone", 1, ttl=TTL),), BY, time())
    (stays,) = store.apply((Write("stays", 1, ttl=3600.0),), BY, time())
    other = make_store()
    other.load([gone, stays])
    wait_until(other, "gone", gone=True)
    assert other.keys() == ["stays"]
    assert other.get("stays").expires == stays.expires
    other.close()
