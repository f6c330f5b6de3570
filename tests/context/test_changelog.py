from __future__ import annotations

import random
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.context import Author, ChangeLog, Context, replay
from framework0.errors import JournalCorrupt, JournalError

BY = Author("clean", "run-1", "clean", 1)


@pytest.fixture
def connection(tmp_path):
    connection = sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)
    ChangeLog.create(connection)
    yield connection
    connection.close()


def story(length=12):
    """Return a context and its changes: containers, odd texts, removals, several authors."""
    context = Context()
    view = context.view(BY)
    for number in range(length):
        (view if number % 3 else context).set(f"k{number % 4}", [number, {"ä😀\x00": 0.1 * number}])
    context.set("big", 10**200)
    context.set("text", "line\nbreak\ttab \x7f")
    context.set("none", None)
    view.delete("k1")
    context.set("k1", True)
    return context, list(context.changes_since())


def test_what_was_appended_is_read_back_exactly(connection):
    context, changes = story()
    ChangeLog.append(connection, "run-1", changes[:5])
    ChangeLog.append(connection, "run-1", [])
    ChangeLog.append(connection, "run-1", changes[5:])
    assert list(ChangeLog.read(connection, "run-1")) == changes
    assert list(ChangeLog.read(connection, "run-1", changes[7].version)) == changes[8:]
    copy = Context()
    copy.load(ChangeLog.read(connection, "run-1"))
    assert copy.snapshot() == context.snapshot()


def test_an_unknown_context_has_no_changes(connection):
    assert list(ChangeLog.read(connection, "nobody")) == []
    assert ChangeLog.verify(connection, "nobody") == 0


def test_creating_again_changes_nothing(connection):
    _, changes = story()
    ChangeLog.append(connection, "run-1", changes)
    ChangeLog.create(connection)
    assert list(ChangeLog.read(connection, "run-1")) == changes


def test_contexts_do_not_see_each_other(connection):
    _, changes = story()
    ChangeLog.append(connection, "one", changes[:3])
    ChangeLog.append(connection, "two", changes)
    ChangeLog.append(connection, "one", changes[3:6])
    assert list(ChangeLog.read(connection, "one")) == changes[:6]
    assert list(ChangeLog.read(connection, "two")) == changes
    assert ChangeLog.remove(connection, "two") == len(changes)
    assert list(ChangeLog.read(connection, "two")) == []
    assert list(ChangeLog.read(connection, "one")) == changes[:6]


@given(st.randoms(use_true_random=False), st.data())
@settings(deadline=None, max_examples=50)
def test_steps_that_commit_in_another_order_are_read_in_version_order(shuffler, data):
    _, changes = story()
    batches, rest = [], list(changes)
    while rest:
        size = data.draw(st.integers(1, 4))
        batches.append(rest[:size])
        rest = rest[size:]
    shuffler.shuffle(batches)
    with sqlite3.connect(":memory:") as connection:
        ChangeLog.create(connection)
        for batch in batches:
            ChangeLog.append(connection, "run", batch)
        assert list(ChangeLog.read(connection, "run")) == changes
    connection.close()


def test_changes_never_acknowledged_are_missing_and_what_was_before_is_mended(connection):
    context = Context()
    context.set("a", 1)
    context.set("a", 2)
    context.set("b", 3)
    _, second, third = context.changes_since()
    ChangeLog.append(connection, "run", [second, third])
    first_read, second_read = ChangeLog.read(connection, "run")
    assert first_read == second._replace(old=None, existed=False, previous=0)
    assert second_read == third
    assert replay([first_read, second_read]) == context._store.entries()


def test_nothing_is_committed_by_the_log_itself(connection):
    _, changes = story()
    connection.execute("BEGIN IMMEDIATE")
    ChangeLog.append(connection, "run", changes)
    connection.execute("ROLLBACK")
    assert list(ChangeLog.read(connection, "run")) == []
    ChangeLog.append(connection, "run", changes[:2])
    assert list(ChangeLog.read(connection, "run")) == changes[:2]


def test_a_version_comes_once(connection):
    _, changes = story()
    ChangeLog.append(connection, "run", changes[:2])
    connection.execute("BEGIN")
    with pytest.raises(sqlite3.IntegrityError):
        ChangeLog.append(connection, "run", changes[1:3])
    connection.execute("ROLLBACK")
    assert list(ChangeLog.read(connection, "run")) == changes[:2]


DAMAGE = {
    "a value": "UPDATE changes SET value = '[99]' WHERE version = 6",
    "a key": "UPDATE changes SET key = 'other' WHERE version = 6",
    "an author": "UPDATE changes SET who = 'eve' WHERE version = 6",
    "a step": "UPDATE changes SET step = NULL WHERE version = 6",
    "an attempt": "UPDATE changes SET attempt = 7 WHERE version = 6",
    "a time": "UPDATE changes SET at = at + 0.000001 WHERE version = 6",
    "a version": "UPDATE changes SET version = 600 WHERE version = 6",
    "a removal": "UPDATE changes SET value = NULL WHERE version = 6",
    "a checksum": "UPDATE changes SET crc = crc + 1 WHERE version = 6",
    "a missing first row": "DELETE FROM changes WHERE version = 1",
    "a missing row": "DELETE FROM changes WHERE version = 6",
    "a missing last row": "DELETE FROM changes WHERE version = (SELECT max(version) FROM changes)",
    "missing rows at the end": "DELETE FROM changes WHERE version > 6",
    "all rows missing": "DELETE FROM changes",
    "a missing head": "DELETE FROM change_heads",
    "a row twice": """INSERT INTO changes (context, version, key, value, who, at, crc)
        SELECT context, 99, key, value, who, at, crc FROM changes WHERE version = 6""",
    "two rows exchanged": "UPDATE changes SET id = 1000 - id WHERE version IN (5, 6)",
    "a row of another context": "UPDATE changes SET context = 'two' WHERE version = 6",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_found_before_the_first_change_is_read(connection, damage):
    _, changes = story()
    ChangeLog.append(connection, "run", changes)
    connection.execute(damage)
    with pytest.raises(JournalCorrupt, match="version") as corrupt:
        ChangeLog.read(connection, "run")
    assert "run" in str(corrupt.value)


@pytest.mark.slow
def test_any_flipped_bit_of_any_row_is_found(connection):
    _, changes = story()
    ChangeLog.append(connection, "run", changes)
    rows = connection.execute("SELECT id, key, value FROM changes WHERE value IS NOT NULL")
    dice = random.Random(7)
    for row, key, value in rows.fetchall():
        for column, text in (("key", key), ("value", value)):
            content = bytearray(text.encode())
            content[dice.randrange(len(content))] ^= 1 << dice.randrange(7)
            connection.execute("BEGIN")
            connection.execute(
                f"UPDATE changes SET {column} = CAST(? AS TEXT) WHERE id = ?", (bytes(content), row)
            )
            with pytest.raises(JournalCorrupt):
                ChangeLog.verify(connection, "run")
            connection.execute("ROLLBACK")
    assert ChangeLog.verify(connection, "run") == len(changes)


def test_a_value_that_is_no_json_is_told_apart_from_damage(connection):
    _, changes = story()
    ChangeLog.append(connection, "run", changes[:1])
    connection.execute("UPDATE changes SET value = 'not json'")
    stored = connection.execute(
        "SELECT version, key, value, who, run, step, attempt, at FROM changes"
    ).fetchone()
    from framework0.context.changelog import _checksum

    crc = _checksum(stored, 0)
    connection.execute("UPDATE changes SET crc = ?", (crc,))
    connection.execute("UPDATE change_heads SET crc = ?", (crc,))
    with pytest.raises(JournalError, match="no JSON"):
        list(ChangeLog.read(connection, "run"))


def test_rows_written_while_reading_are_not_mixed_in(connection, tmp_path):
    _, changes = story()
    ChangeLog.append(connection, "run", changes[:4])
    reading = ChangeLog.read(connection, "run")
    other = sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)
    ChangeLog.append(other, "run", changes[4:])
    other.close()
    assert list(reading) == changes[:4]
