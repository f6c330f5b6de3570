"""Full disks, closed folders, foreign files: said once, with the file and what to do, and nothing lost."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import stat
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest

from framework0.context.persist import SQLiteStore, schema
from framework0.errors import RefusedError, StoreCorrupt, StoreError, StoreFromTheFuture
from framework0.workspace import FileSystem, database
from tests.context.persist.conftest import put
from tests.context.persist.test_sqlite import fill

FULL = """
import resource, sys
from pathlib import Path
from framework0.context import Author, Write
from framework0.context.persist import SQLiteStore
from framework0.errors import StoreError

store = SQLiteStore(Path(sys.argv[1]))
acknowledged = 0
# From here on no file of this process may grow beyond that, as on a disk without room.
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    for number in range(100_000):
        store.apply((Write(f"k{number}", "x" * 300),), Author(), 1.0)
        acknowledged += 1
except StoreError as error:
    print(acknowledged)
    print(error)
# What is in memory is what was acknowledged, and reading goes on.
assert len(store.keys()) == acknowledged == store.version()
try:
    store.apply((Write("again", 1),), Author(), 1.0)
except StoreError as error:
    print(error)
store.close()
"""


@pytest.mark.slow
def test_a_file_that_cannot_grow_stops_the_writing_and_keeps_what_was_acknowledged(
    path, python, open_store
):
    acknowledged, first, second = python(FULL, path).splitlines()
    assert int(acknowledged) > 100
    assert "cannot write the context" in first
    assert "shared.db: input/output error (errno 5" in first or "errno 28" in first
    assert "open the context again" in second or "make room" in second
    store = open_store()
    # The last one was refused; it may be there or not, but nothing in between is missing.
    assert int(acknowledged) <= store.version() <= int(acknowledged) + 1
    assert store.verify() == store.version()
    put(store, "again", 1)


@pytest.fixture
def small_disk():
    """A disk of some hundred kilobytes."""
    folder = Path(tempfile.mkdtemp(prefix="framework0-test-"))
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=800k", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    try:
        yield folder if made.returncode == 0 else None
    finally:
        if made.returncode == 0:
            subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


def test_a_full_disk_refuses_writes_and_takes_them_again_when_there_is_room(small_disk, tmp_path):
    if small_disk is None:
        # Without the right to mount: the test above shows the same by a limit of the process.
        assert os.geteuid() != 0
        return
    path = small_disk / "contexts" / "shared.db"
    with closing(SQLiteStore(path)) as store:
        put(store, "first", 1)
        ballast = small_disk / "ballast"
        told = []
        store.watch(told.extend)
        fill_up(ballast)
        with pytest.raises(StoreError, match=r"no space left on the disk \(errno 28, ENOSPC\)"):
            write_much(store)
        acknowledged = store.version()
        assert [change.version for change in told] == list(range(2, acknowledged + 1))
        assert len(store.keys()) == acknowledged
        ballast.unlink()
        assert put(store, "after", 1).version == acknowledged + 1
        assert store.verify() == acknowledged + 1
    with closing(SQLiteStore(path)) as again:
        assert again.version() == acknowledged + 1


def fill_up(path):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    with (
        closing(open(descriptor, "wb", buffering=0)) as file,
        pytest.raises(OSError, match="space"),
    ):
        file.writelines(itertools.repeat(b"x" * 4_096))


def write_much(store):
    for number in range(1_000):
        put(store, f"k{number}", os.urandom(900).hex())


UNWRITABLE = """
import os, sys
from pathlib import Path
from framework0.errors import Framework0Error
from framework0.context.persist import SQLiteStore
import framework0.context.tags, framework0.context.expiry, framework0.logs
if os.geteuid() == 0:
    # Modes bind everybody but root: become somebody else.
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    SQLiteStore(Path(sys.argv[1]))
except Framework0Error as error:
    print(type(error).__name__, error)
"""


def test_a_folder_that_cannot_be_written_is_refused_and_left_as_it_is(python):
    folder = Path(tempfile.mkdtemp(prefix="framework0-test-"))
    try:
        folder.chmod(0o755)
        path = folder / "contexts" / "shared.db"
        with closing(SQLiteStore(path)) as store:
            fill(store)
        before = path.read_bytes()
        for child in [*folder.rglob("*")]:
            child.chmod(0o555 if child.is_dir() else 0o444)
            if os.geteuid() == 0:
                os.chown(child, 65534, 65534)
        told = python(UNWRITABLE, path)
        assert "Error" in told
        assert str(path.parent) in told
        assert "errno 13" in told or "errno 30" in told
        assert path.read_bytes() == before
        told = python(UNWRITABLE, folder / "other" / "shared.db")
        assert "cannot create the folder" in told
    finally:
        for child in folder.rglob("*"):
            if child.is_dir():
                child.chmod(0o755)
        shutil.rmtree(folder)


NOT_FILES = {
    "symlink": lambda path, victim: path.symlink_to(victim),
    "dangling": lambda path, victim: path.symlink_to(victim.with_name("nowhere")),
    "hard link": lambda path, victim: os.link(victim, path),
    "pipe": lambda path, victim: os.mkfifo(path),
    "folder": lambda path, victim: path.mkdir(),
}


@pytest.mark.parametrize("name", ["shared.db", "shared.db.lock"])
@pytest.mark.parametrize("kind", NOT_FILES)
def test_what_is_no_file_of_our_own_is_refused_in_good_time_and_untouched(path, name, kind):
    victim = path.parents[1] / "victim"
    victim.write_text("precious")
    mode = victim.stat().st_mode
    path.parent.mkdir(mode=0o700)
    place = path.with_name(name)
    NOT_FILES[kind](place, victim)
    started = monotonic()
    with pytest.raises(RefusedError, match=name):
        SQLiteStore(path)
    # Whoever opens a pipe waits for its other end, and that for ever.
    assert monotonic() - started < 30
    assert victim.read_text() == "precious"
    assert victim.stat().st_mode == mode
    assert not victim.with_name("nowhere").exists()
    assert stat.S_IFMT(place.lstat().st_mode) != stat.S_IFREG or kind == "hard link"


@pytest.mark.parametrize("name", ["shared.db", "shared.db.lock"])
@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_file_that_is_taken_away_while_it_is_open_is_noticed_before_the_next_write(
    open_store, path, name, how, monkeypatch
):
    monkeypatch.setattr("framework0.context.persist.keeping.LOOK_SECONDS", -1.0)
    store = open_store()
    put(store, "a", 1)
    place = path.with_name(name)
    kept = place.with_name("kept")
    place.rename(kept)
    if how == "replaced":
        shutil.copyfile(kept, place)
    with pytest.raises(StoreError, match=f"{name} (is gone|was replaced)"):
        put(store, "a", 2)
    assert store.get("a").value == 1
    kept.replace(place)
    assert put(store, "a", 3).version == 2


def test_a_file_of_a_newer_format_is_refused_and_untouched(path):
    with closing(SQLiteStore(path)) as store:
        fill(store)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreFromTheFuture, match="update framework0"):
        SQLiteStore(path)
    assert path.read_bytes() == before


def test_a_database_of_something_else_is_refused_and_untouched(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE precious (x)")
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="of something else"):
        SQLiteStore(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"no database at all " * 300, b"\0" * 5_000, b"SQLite format 3\0"]
)
def test_what_is_no_database_is_refused_and_untouched(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"shared\.db"):
        SQLiteStore(path)
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_context(path):
    path.parent.mkdir()
    path.touch()
    with closing(SQLiteStore(path)) as store:
        assert put(store, "a", 1).version == 1


def test_a_network_file_system_is_refused(path, monkeypatch):
    monkeypatch.setattr(database, "filesystem_of", lambda _: FileSystem("nfs4", "/mnt"))
    with pytest.raises(StoreError, match="network file system"):
        SQLiteStore(path)
    assert not path.exists()


def test_a_commit_that_fails_leaves_nothing_in_memory_and_a_snapshot_that_fails_no_error(
    open_store, caplog
):
    store = open_store(segment_changes=5)
    fill(store, 3)
    # A foreign program that holds the database: the disk's troubles look the same from here.
    store._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="cannot be written"):
        put(store, "a", 1)
    assert (store.version(), store.get("a")) == (3, None)
    store._connection.execute("PRAGMA query_only = OFF")
    fill(store, 2)
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("SELECT version FROM snapshots").fetchall() == [(5,)]
        connection.execute("DROP TABLE key_changes")
    fill(store, 5)
    assert store.version() == 10
    assert "no snapshot of" in caplog.text
