"""Disks that are full, read-only, remote or not what they seem: said once, with the file and errno."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from framework0.errors import Framework0Error, JournalCorrupt, JournalError, RefusedError
from framework0.runner.journal import INTERRUPTED, Journal
from framework0.workspace import FileSystem, database

FULL = """
import resource, sys
from pathlib import Path
from framework0.errors import JournalError
from framework0.runner.journal import Journal, RunHeader
from framework0.runner.seams import AttemptRecord, Outcome

journal = Journal(Path(sys.argv[1]))
recorder = journal.begin(RunHeader("run-1"), 9)
kept = []
recorder.on_durable = kept.extend
failures = []
recorder.on_failure = failures.append
# From here on no file of this process may grow beyond that, as on a disk without room.
limit = 1_000_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
error = None
for node in range(10_000):
    try:
        recorder.append(AttemptRecord(0, "s", 1, "succeeded", True, node, Outcome("succeeded", "x" * 500)), ())
        recorder.flush()
    except JournalError as problem:
        error = problem
        break
try:
    recorder.finish("succeeded")
    print("finished")
except JournalError as problem:
    assert problem is error, problem
assert failures == [error]
print(len(kept))
print(error)
"""


@pytest.mark.slow
def test_a_disk_without_room_stops_the_run_and_keeps_what_was_acknowledged(path, python, record):
    kept, message = python(FULL, path).split("\n", 1)
    assert int(kept) > 50
    assert "journal.db: input/output error (errno 5" in message or "errno 28" in message
    assert "resume the run" in message
    journal = Journal(path)
    history = journal.read("run-1")
    assert history.summary.state == INTERRUPTED
    assert len(history.attempts) == int(kept)
    # With room again it goes on.
    again = journal.resume("run-1", 9)
    again.append(record(8), ())
    again.finish("succeeded")
    assert len(journal.read("run-1").attempts) == int(kept) + 1
    journal.close()


UNWRITABLE = """
import os, sys
from pathlib import Path
from framework0.errors import Framework0Error
from framework0.runner.journal import Journal, RunHeader
from framework0.runner.seams import AttemptRecord
import framework0.context, framework0.runner.journal.prune, shutil
journal = Journal(Path(sys.argv[1]))
framework0.context.ChangeLog
if os.geteuid() == 0:
    # Modes bind everybody but root: become somebody else.
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
for call in (lambda: journal.begin(RunHeader("run-2"), 1), lambda: journal.runs(), lambda: journal.read("run-1")):
    try:
        found = call()
        print("well:", [run.run_id for run in found] if isinstance(found, list) else found.summary.state)
    except Framework0Error as error:
        print(type(error).__name__, error)
"""


@pytest.fixture
def open_folder():
    """A folder that another user can reach, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="framework0-test-"))
    folder.chmod(0o755)
    yield folder
    for child in folder.rglob("*"):
        if child.is_dir():
            child.chmod(0o755)
    folder.chmod(0o755)
    shutil.rmtree(folder)


def _close_to_writing(folder):
    for child in [folder, *folder.rglob("*")]:
        child.chmod(0o555 if child.is_dir() else 0o444)
        if os.geteuid() == 0:
            os.chown(child, 65534, 65534)


def test_a_folder_that_cannot_be_written_refuses_to_begin_and_still_shows(
    open_folder, header, python
):
    path = open_folder / "state" / "journal.db"
    journal = Journal(path)
    journal.begin(header("run-0"), 1).close()
    journal.begin(header(), 1).finish("succeeded")
    journal.close()
    shutil.copytree(path.parent, open_folder / "before")
    _close_to_writing(path.parent)
    begin, runs, read = python(UNWRITABLE, path).splitlines()
    assert "Error" in begin
    assert f"{open_folder}/state" in begin
    assert "errno 13" in begin or "errno 30" in begin
    assert runs == "well: ['run-1', 'run-0']"
    assert read == "well: succeeded"
    for name in ("journal.db",):
        assert (path.parent / name).read_bytes() == (open_folder / "before" / name).read_bytes()


def test_a_journal_that_was_not_closed_cannot_be_shown_where_nothing_can_be_written(
    open_folder, header, record, python
):
    path = open_folder / "state" / "journal.db"
    journal = Journal(path)
    recorder = journal.begin(header(), 1)
    recorder.append(record(), ())
    recorder.flush()
    copy = open_folder / "copy"
    copy.mkdir()
    for name in ("journal.db", "journal.db-wal"):
        shutil.copyfile(path.parent / name, copy / name)
    recorder.finish("succeeded")
    journal.close()
    _close_to_writing(copy)
    _, runs, read = python(UNWRITABLE, copy / "journal.db").splitlines()
    assert runs.startswith("JournalError cannot read") or "errno" in runs
    assert "well" not in read


def test_an_empty_folder_that_cannot_be_written_names_itself(open_folder, python):
    _close_to_writing(open_folder)
    begin, runs, read = python(UNWRITABLE, open_folder / "state" / "journal.db").splitlines()
    assert begin.startswith("WorkspaceError cannot create the folder")
    assert "errno 13" in begin
    assert "FRAMEWORK0_HOME" in begin
    assert runs == "well: []"
    assert read.startswith("RunNotFound")


def test_a_network_file_system_is_refused_before_anything_is_written(
    journal, path, header, monkeypatch
):
    monkeypatch.setattr(database, "filesystem_of", lambda _: FileSystem("nfs4", "/home"))
    with pytest.raises(
        JournalError, match=r"network file system \(nfs4 at /home\).*FRAMEWORK0_HOME"
    ):
        journal.begin(header(), 1)
    assert not path.exists()


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_stands_in_the_journals_place_is_refused(journal, path, header, kind):
    path.parent.mkdir()
    if kind == "link":
        path.symlink_to(path.with_name("victim"))
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    for call in (journal.runs, lambda: journal.begin(header(), 1)):
        with pytest.raises(JournalCorrupt, match=r"journal\.db is not a file"):
            call()
    assert not path.with_name("victim").exists()


@pytest.mark.parametrize("name", ["journal.lock", "runs"])
def test_what_stands_in_the_place_of_a_lock_or_a_folder_is_refused(journal, path, header, name):
    path.parent.mkdir()
    (path.parent / name).symlink_to(path.with_name("victim"))
    with pytest.raises(Framework0Error, match=name):
        journal.begin(header(), 1)
    assert not path.with_name("victim").exists()


def test_a_linked_lock_of_a_run_is_refused(journal, path, header):
    folder = path.parent / "runs" / "run-1"
    folder.mkdir(parents=True)
    (folder / "lock").symlink_to(path.with_name("victim"))
    with pytest.raises(RefusedError, match="symbolic link"):
        journal.begin(header(), 1)
    assert journal.runs() == []


def test_everything_of_ours_is_closed_to_others(path):
    program = """
import os, sys
from pathlib import Path
os.umask(0)
from framework0.runner.journal import Journal, RunHeader
recorder = Journal(Path(sys.argv[1])).begin(RunHeader("run-1"), 1)
for folder, _, names in os.walk(Path(sys.argv[1]).parent):
    assert os.stat(folder).st_mode & 0o777 == 0o700, folder
    for name in names:
        assert os.stat(os.path.join(folder, name)).st_mode & 0o777 == 0o600, name
recorder.finish("succeeded")
"""
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)


def test_a_journal_put_back_while_it_is_looked_at_is_seen(journal, path, header):
    journal.begin(header(), 1).finish("succeeded")
    assert len(journal.runs()) == 1
    for file in path.parent.glob("journal.db*"):
        file.unlink()
    assert journal.runs() == []
    journal.begin(header("run-2"), 1).finish("succeeded")
    assert [run.run_id for run in journal.runs()] == ["run-2"]


def test_a_path_with_odd_characters_is_opened_as_it_is(tmp_path, header):
    path = tmp_path / "a b?mode=x#é%41" / "journal.db"
    journal = Journal(path)
    journal.begin(header(), 1).finish("succeeded")
    assert path.exists()
    assert len(journal.runs()) == 1
    journal.close()


def test_a_file_whose_creator_was_killed_on_the_way_is_begun_anew(path, tmp_path, header, record):
    """Found by `benchmarks.chaos.crashpoints`: a hot rollback journal cannot be read by who only looks."""
    creating = sqlite3.connect(tmp_path / "creating.db", isolation_level=None)
    creating.execute("PRAGMA cache_size = 1")
    creating.execute("BEGIN IMMEDIATE")
    creating.execute("CREATE TABLE half (made)")
    # More than the cache holds, so that pages are in the file and the way back beside it.
    creating.executemany("INSERT INTO half VALUES (?)", [(b"x" * 4000,) for _ in range(50)])
    path.parent.mkdir(mode=0o700)
    for end in ("", "-journal"):
        shutil.copyfile(tmp_path / f"creating.db{end}", f"{path}{end}")
    creating.close()
    assert path.stat().st_size > 0
    journal = Journal(path)
    assert journal.runs() == []
    recorder = journal.begin(header(), 1)
    recorder.append(record(), ())
    recorder.finish("succeeded")
    assert [run.state for run in journal.runs()] == ["succeeded"]
    journal.close()
