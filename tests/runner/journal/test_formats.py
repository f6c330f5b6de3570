"""Old journals open, new ones are refused, and nothing is ever rewritten by guessing."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from framework0.context import Change
from framework0.errors import JournalCorrupt, JournalError, JournalFromTheFuture
from framework0.runner.journal import INTERRUPTED, Journal, schema
from framework0.runner.seams import AttemptRecord, Failure, Outcome

FIXTURES = Path(__file__).parents[2] / "fixtures" / "journal"
RELEASED = sorted(FIXTURES.glob("v*.db"))


def _version(path):
    connection = sqlite3.connect(path)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    return version


@pytest.fixture(params=RELEASED, ids=lambda file: file.stem)
def old(request, path):
    path.parent.mkdir()
    shutil.copyfile(request.param, path)
    assert _version(path) == int(request.param.stem[1:])
    return path


def test_every_format_has_its_fixture():
    assert [file.stem for file in RELEASED] == [f"v{n + 1}" for n in range(schema.VERSION)]


def test_a_journal_of_every_format_reads_as_it_was_written(old):
    content = old.read_bytes()
    journal = Journal(old)
    assert [(run.run_id, run.state) for run in journal.runs()] == [
        ("open", INTERRUPTED),
        ("finished", "succeeded"),
    ]
    history = journal.read("finished")
    assert history.header.inputs == {"path": "data.csv"}
    failure = Failure("ValueError", "no", "a.py:3", "trace", ("Exception",))
    at = 1_795_500_000
    assert history.attempts == (
        AttemptRecord(
            0, "read", 1, "failed", False, at + 1.5, Outcome("failed", None, failure, 0.5, 0.25, 7)
        ),
        AttemptRecord(
            0,
            "read",
            2,
            "succeeded",
            True,
            at + 2.5,
            Outcome("succeeded", {"rows": 3}, None, 0.25, 0.125, 9),
        ),
        AttemptRecord(
            1, "plot", 0, "skipped", True, at + 3.5, Outcome("skipped"), "when was false"
        ),
    )
    assert history.decisions == {(1, "when"): False}
    who = ("read", "finished", "read", 2, at + 2.75)
    assert list(history.changes) == [
        Change(1, "rows", 3, False, None, False, *who),
        Change(2, "rows", None, True, 3, True, *who, previous=1),
    ]
    assert journal.expect("numbers") == {"read": 0.125}
    journal.close()
    # Looking migrates nothing.
    assert old.read_bytes() == content


def test_a_journal_of_every_format_goes_on_in_the_current_one(old, record):
    journal = Journal(old)
    before = journal.read("finished")
    recorder = journal.resume("open", 3)
    recorder.append(record(1), ())
    recorder.finish("succeeded")
    assert _version(old) == schema.VERSION
    assert len(journal.read("open").attempts) == 2
    assert journal.read("finished")._replace(started=()) == before._replace(started=())
    journal.close()
    connection = sqlite3.connect(old)
    assert connection.execute("SELECT count(*) FROM attempts").fetchone() == (5,)
    connection.close()
    # A restored copy was open to others; the journal no longer is.
    assert old.stat().st_mode & 0o777 == 0o600


def test_migrating_is_all_or_nothing(path, monkeypatch, header):
    path.parent.mkdir()
    shutil.copyfile(FIXTURES / "v1.db", path)
    steps = (*schema._STEPS[1], "CREATE TABLE runs (again)")
    monkeypatch.setitem(schema._STEPS, 1, steps)
    with pytest.raises(JournalError, match="already exists"):
        Journal(path).begin(header(), 1)
    assert _version(path) == 1
    monkeypatch.undo()
    Journal(path).begin(header(), 1).finish("succeeded")
    assert _version(path) == schema.VERSION


def test_a_journal_from_the_future_is_refused_byte_for_byte(journal, path, header):
    journal.begin(header(), 1).finish("succeeded")
    journal.close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = path.read_bytes()
    future = Journal(path)
    calls = [
        future.runs,
        lambda: future.read("run-1"),
        lambda: future.begin(header("run-2"), 1),
        lambda: future.resume("run-1", 1),
        lambda: future.prune(keep=0),
        lambda: future.expect("numbers"),
    ]
    for call in calls:
        with pytest.raises(JournalFromTheFuture, match=rf"format {schema.VERSION + 1}.*update"):
            call()
    assert path.read_bytes() == content
    assert (
        not path.with_name("journal.db-wal").exists()
        or not path.with_name("journal.db-wal").read_bytes()
    )


def test_a_log_from_the_future_is_not_moved_into_its_database_either(
    journal, path, header, record, tmp_path
):
    recorder = journal.begin(header(), 1)
    recorder.append(record(), ())
    recorder.flush()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.commit()
    copy = tmp_path / "copy" / "journal.db"
    copy.parent.mkdir()
    names = ("journal.db", "journal.db-wal")
    for name in names:
        shutil.copyfile(path.with_name(name), copy.with_name(name))
    connection.close()
    recorder.finish("succeeded")
    before = [copy.with_name(name).read_bytes() for name in names]
    assert all(before)
    with pytest.raises(JournalFromTheFuture):
        Journal(copy).begin(header("run-2"), 1)
    with pytest.raises(JournalFromTheFuture):
        Journal(copy).runs()
    assert [copy.with_name(name).read_bytes() for name in names] == before


def test_a_database_of_something_else_is_refused_byte_for_byte(path, header):
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    content = path.read_bytes()
    with pytest.raises(JournalCorrupt, match="something else"):
        Journal(path).runs()
    with pytest.raises(JournalCorrupt, match="something else"):
        Journal(path).begin(header(), 1)
    assert path.read_bytes() == content


@pytest.mark.parametrize("left", ["empty file", "wal mode only"])
def test_what_a_crash_left_of_the_first_opening_is_taken_up(journal, path, header, left):
    path.parent.mkdir()
    path.touch()
    if left == "wal mode only":
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
    assert journal.runs() == []
    journal.begin(header(), 1).finish("succeeded")
    assert len(journal.runs()) == 1
