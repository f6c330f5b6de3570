"""What every store owes; only stores that forget have more to show, in ``test_memory.py``."""

from __future__ import annotations

import pytest

from framework0.context import Author, Entry, Write, replay
from framework0.errors import ContextError, VersionConflict

BY = Author("clean", "run-1", "clean", 2)


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
