"""SQLite's errors in words, and the connection that all files of ours are opened by."""

from __future__ import annotations

import resource
import sqlite3
from contextlib import closing

import pytest

from framework0.workspace import (
    connect_sqlite,
    is_sqlite_damage,
    remote_reason,
    sqlite_cause,
    sqlite_code,
)
from framework0.workspace import database as module
from framework0.workspace.filesystem import FileSystem


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a b?c#d.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.commit()
    return path


def failure(path, statement, mode="rw"):
    with closing(connect_sqlite(path, mode)) as connection:
        with pytest.raises(sqlite3.Error) as raised:
            connection.execute(statement)
        return raised.value


def test_any_name_is_opened_and_every_commit_is_begun_by_hand(path):
    with closing(connect_sqlite(path, "rw")) as connection:
        connection.execute("INSERT INTO t VALUES (1)")
        assert not connection.in_transaction
        assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)


def test_nothing_is_created_by_opening(tmp_path):
    with pytest.raises(sqlite3.OperationalError) as raised:
        connect_sqlite(tmp_path / "none.db", "rw")
    assert sqlite_code(raised.value) == sqlite3.SQLITE_CANTOPEN
    assert "EACCES" in sqlite_cause(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_cause_names_the_errno_and_what_sqlite_calls_it(path):
    error = failure(path, "INSERT INTO t VALUES (1)", "ro")
    assert sqlite_code(error) == sqlite3.SQLITE_READONLY
    assert sqlite_cause(error) == (
        "it cannot be written (errno 30, EROFS, or 13, EACCES) [SQLITE_READONLY]"
    )
    assert not is_sqlite_damage(error)


def test_a_size_limit_is_told_as_one(path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, before[1]))
    try:
        error = failure(path, "CREATE TABLE u AS SELECT zeroblob(1000000)")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "errno 27, EFBIG" in sqlite_cause(error) or "ENOSPC" in sqlite_cause(error)


def test_what_has_no_words_of_ours_keeps_sqlite_s(path):
    error = failure(path, "SELEKT 1")
    assert sqlite_cause(error).startswith('near "SELEKT": syntax error')


@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_file_that_is_none_of_sqlite_s_is_damage(tmp_path, content):
    (tmp_path / "x.db").write_bytes(content)
    assert is_sqlite_damage(failure(tmp_path / "x.db", "SELECT * FROM t"))


def test_an_error_without_a_code_is_damage_if_a_text_could_not_be_read():
    assert is_sqlite_damage(sqlite3.OperationalError("Could not decode to UTF-8 column 'x'"))
    assert not is_sqlite_damage(sqlite3.ProgrammingError("Cannot operate on a closed database."))


def test_a_database_lies_on_a_local_disk(path, monkeypatch):
    assert remote_reason(path) == ""
    monkeypatch.setattr(module, "filesystem_of", lambda _: FileSystem("nfs4", "/home"))
    assert remote_reason(path) == (
        f"{path} lies on a network file system (nfs4 at /home), where SQLite can lose what it wrote"
    )
