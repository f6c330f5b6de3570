from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.context import Change, Entry, Write, replay
from framework0.context.history import compare, rebase, rewind, thawed, undoings, writes_towards

values = st.integers(0, 3) | st.lists(st.integers(0, 1), max_size=1)
pictures = st.dictionaries(st.sampled_from("abcd"), values)


def made_by(steps):
    """Turn (key, value or None for removal) into the changes that a store would make of them."""
    entries, removed_at, changes = {}, {}, []
    for version, (key, value) in enumerate(steps, 1):
        removed = value is None
        blank = Change(version, key, value, removed, None, False, "u", None, None, None, 0.0)
        changes.append(rebase(blank, entries.get(key), removed_at.get(key, 0)))
        if removed:
            entries.pop(key, None)
            removed_at[key] = version
        else:
            entries[key] = Entry(value, version)
    return changes


steps = st.lists(st.tuples(st.sampled_from("abc"), values | st.none()), max_size=20)


@given(steps, st.data())
@settings(deadline=None, max_examples=120)
def test_winding_back_equals_replaying_less(moves, data):
    changes = made_by(moves)
    version = data.draw(st.integers(0, len(changes)))
    assert rewind(replay(changes), changes[version:]) == replay(changes[:version])


@given(pictures, pictures)
@settings(deadline=None, max_examples=120)
def test_a_difference_applied_leads_from_one_picture_to_the_other(before, after):
    diff = compare(before, after)
    result = {key: value for key, value in before.items() if key not in diff.removed}
    result |= diff.added | {key: new for key, (_, new) in diff.changed.items()}
    assert result == after
    assert {key: old for key, (old, _) in diff.changed.items()} == {
        key: before[key] for key in diff.changed
    }
    assert bool(diff) == (before != after)


@given(pictures, pictures)
@settings(deadline=None, max_examples=120)
def test_the_writes_towards_a_picture_are_exactly_those_needed(before, after):
    writes = writes_towards(after, before)
    result = dict(before)
    for write in writes:
        if write.removed:
            del result[write.key]
        else:
            result[write.key] = write.value
    assert result == after
    assert len(writes) == sum(map(len, compare(before, after)))


def test_a_difference_is_sorted_and_tells_true_from_one():
    diff = compare({"b": 1, "a": 1, "z": 1}, {"b": True, "a": 1.0, "c": 0, "aa": 0})
    assert list(diff.added) == ["aa", "c"]
    assert list(diff.changed) == ["a", "b"]
    assert diff.removed == {"z": 1}


def test_taking_back_goes_to_before_the_first_own_change():
    changes = made_by([("a", 1), ("a", 2), ("a", None), ("a", 3), ("b", 1), ("b", None)])
    plan = undoings(changes[1:])
    assert plan["a"].write == Write("a", 1)
    assert (plan["a"].last, plan["a"].removed) == (4, False)
    assert plan["b"].write == Write("b", removed=True)
    assert plan["b"].removed


def test_taking_back_keeps_what_another_wrote_in_between():
    changes = made_by([("a", 1), ("a", 2), ("a", 3)])
    assert undoings([changes[0], changes[2]])["a"].write == Write("a", 2)


def test_a_change_is_copied_only_where_its_values_are_containers():
    light, heavy = made_by([("a", 1), ("a", [1])])
    assert thawed(light) is light
    assert thawed(heavy) == heavy
    assert thawed(heavy).value is not heavy.value
