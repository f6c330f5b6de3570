"""What a row tells is what was written, whatever the changes were."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.context import Change, Entry
from framework0.context.persist.batches import (
    PART_BITS,
    Batch,
    Chains,
    add_values,
    read_changes,
    write_changes,
)
from framework0.context.persist.reading import replay
from framework0.context.persist.snapshot import Part, Picture, read_part, read_values, write_parts
from framework0.context.values import same

keys = st.sampled_from(["a", "b", "long.key.with.parts[3]", "ключ"])
small = st.none() | st.booleans() | st.integers() | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=9
)  # fmt: skip
large = st.integers(0, 9).map(lambda n: ["x" * 10, n] * 600) | st.integers(0, 9).map(
    lambda n: "y" * 5_000 + str(n)
)
values = small | large | st.lists(small, max_size=3) | st.dictionaries(st.text("ab"), small)
hands = st.tuples(
    st.sampled_from(["user", "job"]),
    st.none() | st.just("run-1"),
    st.none() | st.just("load"),
    st.none() | st.integers(1, 3),
    st.floats(0, 2e9),
)
ends = st.none() | st.floats(1e9, 2e9)
moves = st.lists(st.tuples(keys, values | st.just(...), hands, ends), max_size=12)


def made_of(moves, version=0):
    """Return the changes that the moves make; ``...`` removes."""
    entries, removed, changes = {}, {}, []
    for key, value, (who, run, step, attempt, at), end in moves:
        before = entries.get(key)
        gone = value is ...
        if gone and before is None:
            continue
        version += 1
        expires = None if gone else end
        changes.append(
            Change(
                version, key, None if gone else value, gone,
                before.value if before else None, before is not None,
                who, run, step, attempt, at,
                before.version if before else removed.pop(key, 0), expires,
            )
        )  # fmt: skip
        if gone:
            del entries[key]
            removed[key] = version
        else:
            entries[key] = Entry(value, version, expires)
    return changes, entries, removed


def rows_of(changes, size, chains=None):
    chains = Chains() if chains is None else chains
    rows, crc, before = [], 0, 0
    for start in range(0, len(changes), size):
        part = changes[start : start + size]
        text, blob = write_changes(part, chains)
        number = part[-1].version << PART_BITS
        row = Batch(number, before, len(part), 0.0, 0.0, None, text, blob, 0)
        crc = row.checksum(crc)
        rows.append(row._replace(crc=crc))
        before = number
    return rows


@pytest.mark.slow
@given(moves, st.integers(1, 5))
@settings(deadline=None, max_examples=120)
def test_changes_written_and_replayed_are_the_same_changes(moves, size):
    changes, entries, removed = made_of(moves)
    picture = Picture()
    found = list(replay(rows_of(changes, size), picture, None))
    assert found == changes
    assert all(same(one.value, other.value) for one, other in zip(found, changes, strict=True))
    assert picture.entries == entries
    assert picture.removed == removed


@pytest.mark.slow
@given(moves, st.integers(1, 5), st.data())
@settings(deadline=None, max_examples=120)
def test_a_picture_is_moved_to_any_version(moves, size, data):
    changes, _, _ = made_of(moves)
    upto = data.draw(st.integers(0, len(changes)))
    values, expected = {}, {}
    for row in rows_of(changes, size):
        add_values(row, values, None, upto)
    for change in changes[:upto]:
        if change.removed:
            expected.pop(change.key, None)
        else:
            expected[change.key] = change.value
    assert same(values, expected)


@pytest.mark.slow
@given(moves, st.integers(0, 8))
@settings(deadline=None, max_examples=120)
def test_a_snapshot_tells_what_was_there_and_what_is_gone(moves, kept_since):
    _, entries, removed = made_of(moves)
    picture, values = Picture(), {}
    for part in write_parts(9, entries, removed, kept_since):
        read_part(part, picture, kept_since, None)
        read_values(part, values, None)
    assert picture.entries == entries
    assert same(values, {key: entry.value for key, entry in entries.items()})
    assert picture.removed == {key: at for key, at in removed.items() if at > kept_since}


def test_a_large_snapshot_comes_in_parts_that_can_be_found_by_their_first_key():
    entries = {f"k{n:04}": Entry(n, n + 1) for n in range(1_000)}
    parts = list(write_parts(1_000, entries, {}, 0))
    assert [part.first for part in parts] == ["", "k0256", "k0512", "k0768"]
    picture = Picture()
    read_part(parts[2], picture, 0, None)
    assert picture.entries == {f"k{n:04}": Entry(n, n + 1) for n in range(512, 768)}


@pytest.mark.parametrize("field", ["version", "first", "text"])
def test_a_part_that_is_not_what_was_written_is_refused(field):
    (part,) = write_parts(7, {"a": Entry(1, 1)}, {}, 0)
    wrong = {"version": 8, "first": "b", "text": part.text[:-1] + b"x"}[field]
    with pytest.raises(ValueError, match="not what was written"):
        read_part(Part(*part)._replace(**{field: wrong}), Picture(), 0, None)


@pytest.mark.slow
def test_a_small_change_of_a_large_value_is_kept_small_and_whole_again_from_time_to_time():
    sizes, chains, before = [], Chains(), None
    rows = [[n, n / 3] for n in range(4_000)]
    for version in range(1, 80):
        rows = [*rows]
        rows[version * 7] = ["changed", version]
        change = Change(
            version, "k", rows, False, before, before is not None,
            "user", None, None, None, 1.0, version - 1,
        )  # fmt: skip
        text, blob = write_changes([change], chains)
        sizes.append(len(text) + len(blob))
        before = rows
    whole = [number for number, size in enumerate(sizes) if size > 10_000]
    assert whole == [0, 33, 66]
    assert max(size for number, size in enumerate(sizes) if number not in whole) < 500


def test_ten_small_changes_take_less_than_a_kilobyte():
    changes, _, _ = made_of(
        [(f"section.key{n}", {"n": n, "text": "new value"}, ("user", None, None, None, 1.0), None)
         for n in range(10)]
    )  # fmt: skip
    text, blob = write_changes(changes, Chains())
    assert blob is None
    assert len(text) <= 1_000


def test_a_row_that_holds_another_number_of_changes_is_refused():
    changes, _, _ = made_of([("a", 1, ("user", None, None, None, 1.0), None)])
    (row,) = rows_of(changes, 1)
    with pytest.raises(ValueError, match="says 2 changes"):
        list(read_changes(row._replace(changes=2), None))


@pytest.mark.slow
@given(moves.filter(lambda moves: len(made_of(moves)[0]) > 1), st.data())
@settings(deadline=None, max_examples=100)
def test_every_part_of_a_row_counts_in_its_checksum(moves, data):
    (row,) = rows_of(made_of(moves)[0], 100)
    field = data.draw(st.sampled_from(["number", "before", "changes", "first_at", "last_at"]))
    assert row._replace(**{field: getattr(row, field) + 1}).checksum(0) != row.crc
    assert row._replace(operations="[]").checksum(0) != row.crc
    assert row.checksum(1) != row.crc
    wrong = row.text + (" " if isinstance(row.text, str) else b" ")
    assert row._replace(text=wrong).checksum(0) != row.crc
