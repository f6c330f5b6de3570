"""Flipped bits and torn logs: reported with the place, or a true beginning of the history; never a lie."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing

import pytest

from framework0.context import Write
from framework0.context.persist import SQLiteStore
from framework0.errors import Framework0Error, StoreCorrupt
from tests.context.persist.conftest import BY, put
from tests.context.persist.test_sqlite import fill

SEED = 5


@pytest.fixture
def written(path):
    """A closed file of 60 versions with segments, deltas and a tag, and what it tells."""
    store = SQLiteStore(path, segment_changes=20)
    fill(store, 50)
    rows = [[n, n / 3] for n in range(2_000)]
    for number in range(9):
        rows = [*rows[:-1], number]
        put(store, "large", rows)
    store.apply((Write("k3", removed=True),), BY, 60.0, operation="op")
    store.tag("t", 7)
    truth = everything(store)
    store.close()
    return path.read_bytes(), truth


def everything(store):
    store.verify()
    return (
        list(store.changes()),
        store.entries(),
        [store.at(version) for version in range(store.version() + 1)],
        [list(store.changes(key=key)) for key in ("k3", "large")],
        store.tags(),
        store.epoch(),
    )


@pytest.mark.slow
def test_no_flipped_bit_of_the_file_makes_another_history(path, written):
    content, truth = written
    chance = random.Random(SEED)
    pages = len(content) // 4_096
    # Some of every page: each kind of content is hit.
    flips = [
        (page * 4_096 + chance.randrange(4_096), chance.randrange(8))
        for page in range(pages)
        for _ in range(3)
    ]
    refusals = []
    for place, bit in flips:
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        story = f"seed {SEED}, byte {place}, bit {bit}"
        try:
            with closing(SQLiteStore(path)) as store:
                found = everything(store)
        except Framework0Error as error:
            refusals.append(f"{error} ({story})")
        else:
            # Free bytes of a page, a tag's or the epoch's text: nothing there says what happened.
            assert found[:4] == truth[:4], story
    assert [refusal for refusal in refusals if "shared.db" not in refusal] == []
    assert len(refusals) > len(flips) // 4, "the flips hit nothing that counts"


def test_a_damaged_row_is_named_and_nothing_is_written_over_it(path, written):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE batches SET last_at = 1e9 WHERE number >> 20 = 55")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match=r"shared\.db is damaged: the row of version 55"):
        SQLiteStore(path)
    assert path.read_bytes() == before


@pytest.mark.slow
def test_damage_in_the_far_past_leaves_the_present_to_be_read_and_written(path, open_store):
    with closing(SQLiteStore(path, segment_changes=100)) as store:
        fill(store, 3_000)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "UPDATE batches SET text = replace(text, '7', '8') WHERE number >> 20 = 18"
        )
        connection.commit()
    store = open_store(segment_changes=100)
    assert put(store, "a", 1).version == 3_001
    assert store.get_at("k3", 3_000).value == {"n": 2_999 // 7 * 7 + 3 - 7 * (2_999 % 7 < 3)}
    for look in (
        lambda: store.at(50),
        lambda: list(store.changes()),
        lambda: store.get_at("k3", 18),
        store.verify,
    ):
        with pytest.raises(StoreCorrupt, match="version 18"):
            look()
    assert store.at(250)["k3"] == {"n": 248 // 7 * 7 + 3 - 7 * (248 % 7 < 3)}


@pytest.mark.parametrize("lost", ["last", "middle", "first", "snapshot", "part", "state"])
def test_rows_that_are_missing_are_missed(path, written, lost):
    statement = {
        "last": "DELETE FROM batches WHERE number = (SELECT max(number) FROM batches)",
        "middle": "DELETE FROM batches WHERE number >> 20 = 30",
        "first": "DELETE FROM batches WHERE number >> 20 = 1",
        "snapshot": "DELETE FROM snapshots WHERE version = 20",
        "part": "DELETE FROM snapshot_parts WHERE version = 40",
        "state": "DELETE FROM state",
    }[lost]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(statement).rowcount == 1
        connection.commit()
    with pytest.raises(StoreCorrupt, match=r"shared\.db"), closing(SQLiteStore(path)) as store:
        everything(store)


@pytest.mark.slow
def test_a_torn_log_gives_whole_commits_from_the_first(path, tmp_path):
    store = SQLiteStore(path)
    truth = []
    for number in range(40):
        truth += store.apply((Write("a", number), Write(f"k{number}", "x" * 50)), BY, 1.0)
    content, log = path.read_bytes(), path.with_name("shared.db-wal").read_bytes()
    store.close()
    chance = random.Random(SEED)
    lengths = {len(log), 0, 31, *(chance.randrange(len(log)) for _ in range(40))}
    found = set()
    for length in sorted(lengths):
        torn = tmp_path / f"torn{length}" / "shared.db"
        torn.parent.mkdir(mode=0o700)
        torn.write_bytes(content)
        torn.with_name("shared.db-wal").write_bytes(log[:length])
        with closing(SQLiteStore(torn)) as store:
            changes = list(store.changes())
            assert store.verify() == len(changes)
            # Both writes of a commit or none of them, and nothing from behind a gap.
            assert changes == truth[: len(changes)]
            assert len(changes) % 2 == 0
            found.add(len(changes))
            assert put(store, "goes on", 1).version == len(changes) + 1
        shutil.rmtree(torn.parent)
    assert {0, 80} <= found
    assert len(found) > 10


@pytest.mark.slow
def test_a_flipped_bit_in_the_log_gives_a_beginning_or_a_refusal(path, tmp_path):
    store = SQLiteStore(path)
    truth = []
    for number in range(20):
        truth += store.apply((Write("a", number), Write(f"k{number}", "x" * 50)), BY, 1.0)
    content, log = path.read_bytes(), path.with_name("shared.db-wal").read_bytes()
    store.close()
    chance = random.Random(SEED)
    shorter = 0
    for _ in range(120):
        place, bit = chance.randrange(len(log)), chance.randrange(8)
        torn = tmp_path / "flipped" / "shared.db"
        torn.parent.mkdir(mode=0o700)
        torn.write_bytes(content)
        damaged = bytearray(log)
        damaged[place] ^= 1 << bit
        torn.with_name("shared.db-wal").write_bytes(damaged)
        try:
            with closing(SQLiteStore(torn)) as store:
                changes = list(store.changes())
        except Framework0Error:
            changes = []
        assert changes == truth[: len(changes)], f"seed {SEED}, byte {place}, bit {bit}"
        shorter += len(changes) < len(truth)
        shutil.rmtree(torn.parent)
    assert shorter > 60
