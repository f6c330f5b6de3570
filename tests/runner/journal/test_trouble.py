"""System calls that fail: each becomes one error that names its file, and frees what was held."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

import pytest

from framework0.errors import JournalCorrupt, JournalError, WorkspaceError
from framework0.runner.journal import database, marks
from framework0.runner.journal.marks import StartMarks
from framework0.runner.journal.trouble import explain, explained
from framework0.workspace import kernel


def _fail(number, text):
    def call(*_arguments, **_named):
        raise OSError(number, text)

    return call


def test_no_thread_for_the_recording_is_said_and_nothing_stays_held(journal, header, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(JournalError, match="run-1 cannot be recorded: can't start new thread"):
        journal.begin(header(), 1)
    monkeypatch.undo()
    journal.resume("run-1", 1).finish("succeeded")


def test_a_gate_that_cannot_be_passed_breaks_the_recording(journal, header, record, monkeypatch):
    recorder = journal.begin(header(), 1)
    monkeypatch.setattr(kernel, "lock", _fail(37, "No locks available"))
    recorder.append(record(), ())
    with pytest.raises(JournalError, match=r"journal\.lock: No locks available .errno 37."):
        recorder.flush()
    monkeypatch.undo()
    recorder.close()
    assert journal.read("run-1").attempts == ()


def test_an_error_while_closing_is_told_to_the_listener(journal, header, monkeypatch):
    recorder = journal.begin(header(), 1)
    told = []
    recorder.on_failure = told.append
    recorder.flush()
    monkeypatch.setattr(kernel, "lock", _fail(5, "Input/output error"))
    recorder.close()
    monkeypatch.undo()
    assert len(told) == 1
    assert "journal.lock: Input/output error (errno 5)" in str(told[0])


def test_no_room_for_the_counters_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(marks.os, "posix_fallocate", _fail(28, "No space left on device"))
    with pytest.raises(JournalError, match=r"started: No space left on device \(errno 28\)"):
        StartMarks(tmp_path / "started", 1)


def test_where_the_system_cannot_reserve_zeros_are_written(tmp_path, monkeypatch):
    monkeypatch.delattr(marks.os, "posix_fallocate")
    counters = StartMarks(tmp_path / "started", 3000)
    assert counters.add(2999) == 1
    counters.close()
    assert (tmp_path / "started").stat().st_blocks * 512 >= 8192


def test_a_folder_that_cannot_be_synced_is_said(journal, path, header, monkeypatch):
    monkeypatch.setattr(database.os, "fsync", _fail(5, "Input/output error"))
    with pytest.raises(JournalError, match=r"cannot sync the folder .*errno 5"):
        journal.begin(header(), 1)


def test_a_parent_that_may_not_be_listed_is_no_obstacle(journal, header, monkeypatch):
    really = os.open

    def refuse_folders(path, flags, *mode, **named):
        if flags == os.O_RDONLY:
            raise PermissionError(13, "Permission denied")
        return really(path, flags, *mode, **named)

    monkeypatch.setattr(database.os, "open", refuse_folders)
    journal.begin(header(), 1).finish("succeeded")


def test_a_mode_that_cannot_be_changed_is_said(journal, path, header, monkeypatch):
    journal.begin(header(), 1).finish("succeeded")
    path.chmod(0o644)
    monkeypatch.setattr(Path, "chmod", _fail(1, "Operation not permitted"))
    with pytest.raises(JournalError, match=r"read by others .*errno 1"):
        journal.begin(header("run-2"), 1)


def test_a_journal_that_cannot_be_looked_at_is_said(journal, monkeypatch):
    monkeypatch.setattr(Path, "lstat", _fail(5, "Input/output error"))
    with pytest.raises(JournalError, match=r"cannot look at .*journal\.db: .*errno 5"):
        journal.runs()


def test_a_closed_journal_can_be_read_where_sqlite_can_write_no_index(
    journal, path, header, record
):
    recorder = journal.begin(header(), 1)
    recorder.append(record(), ())
    recorder.finish("succeeded")
    connection = database._open_frozen(path)
    assert connection.execute("SELECT id FROM runs").fetchall() == [("run-1",)]
    connection.close()


def test_an_unclosed_one_is_refused_there_rather_than_shown_incomplete(
    journal, path, header, record
):
    recorder = journal.begin(header(), 1)
    recorder.append(record(), ())
    recorder.flush()
    with pytest.raises(JournalError, match=r"not closed .* journal\.db and journal\.db-wal"):
        database._open_frozen(path)
    recorder.finish("succeeded")


def test_an_empty_one_there_is_no_journal_yet(path):
    path.parent.mkdir()
    path.touch()
    assert database._open_frozen(path) is None


def test_expectations_do_without_a_damaged_row(journal, path, header, record):
    for run_id in ("run-1", "run-2"):
        recorder = journal.begin(header(run_id), 1)
        recorder.append(record(seconds=2.0), ())
        recorder.finish("succeeded")
    connection = sqlite3.connect(path)
    connection.execute("UPDATE batches SET text = '[[0,' WHERE id >> 32 = 2")
    connection.commit()
    connection.close()
    assert journal.expect("numbers") == {"step-0": 2.0}


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (sqlite3.SQLITE_FULL, JournalError, "errno 28, ENOSPC"),
        (sqlite3.SQLITE_IOERR_FSYNC, JournalError, "errno 5, EIO"),
        (sqlite3.SQLITE_READONLY_DBMOVED, JournalError, "errno 30, EROFS"),
        (sqlite3.SQLITE_CANTOPEN, JournalError, "errno 13, EACCES"),
        (sqlite3.SQLITE_PERM, JournalError, "errno 13, EACCES"),
        (sqlite3.SQLITE_CORRUPT_INDEX, JournalCorrupt, "damaged or not a journal"),
        (sqlite3.SQLITE_NOTADB, JournalCorrupt, "damaged or not a journal"),
        (sqlite3.SQLITE_BUSY, JournalError, "odd"),
    ],
)
def test_every_answer_of_sqlite_names_the_file_and_the_cause(code, kind, words):
    error = sqlite3.OperationalError("odd")
    error.sqlite_errorcode = code
    error.sqlite_errorname = "SQLITE_X"
    found = explain(error, Path("here.db"), "write")
    assert type(found) is kind
    assert "here.db" in str(found)
    assert words in str(found)
    assert isinstance(found, WorkspaceError)


def test_an_answer_that_is_no_text_means_damage():
    with (
        pytest.raises(JournalCorrupt, match=r"here\.db is damaged"),
        explained(Path("here.db"), "read"),
    ):
        b"\xff".decode()
    undecodable = sqlite3.OperationalError("Could not decode to UTF-8 column 'x'")
    assert type(explain(undecodable, Path("here.db"), "read")) is JournalCorrupt
