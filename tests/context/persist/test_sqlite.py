"""The store in a file: what outlives its process, and what several stores on one file see."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from time import time

import numpy as np
import pytest

from framework0.artifacts import Artifacts
from framework0.context import Author, Context, Entry, MemoryStore, Request, Write, replay
from framework0.context.persist import SQLiteStore
from framework0.context.persist.segments import SEGMENT_BATCHES
from framework0.errors import ContextError, OperationReused, StoreCorrupt, StoreError
from tests.context.persist.conftest import BY, put, remove

SECONDS = 120.0


def fill(store, count=50, keys=7):
    for number in range(count):
        put(store, f"k{number % keys}", {"n": number}, at=float(number))


def test_what_was_written_is_there_when_the_file_is_opened_again(open_store):
    store = open_store(segment_changes=8)
    fill(store)
    remove(store, "k3")
    put(store, "large", ["x"] * 5_000)
    told, entries, epoch = list(store.changes()), store.entries(), store.epoch()
    store.close()
    again = open_store()
    assert again.epoch() == epoch
    assert again.version() == 52
    assert again.entries() == entries
    assert list(again.changes()) == told
    assert replay(again.changes()) == entries
    assert [change for change in told if change.key == "k3"] == list(again.changes(key="k3"))
    assert again.verify() == 52
    assert put(again, "k3", 1).previous == 51


@pytest.mark.slow
def test_every_version_of_a_file_opened_again_is_that_of_the_store_that_never_closed(open_store):
    store, model = open_store(segment_changes=5), MemoryStore()
    for number in range(60):
        writes = [Write(f"k{number % 4}", [number]), Write(f"k{number % 3}", removed=True)]
        assert store.apply(writes, BY, float(number)) == model.apply(writes, BY, float(number))
    store.close()
    again = open_store(segment_changes=5)
    for version in range(model.version() + 1):
        assert again.at(version) == model.at(version)
        for key in ("k0", "k1", "k2", "k3", "other"):
            assert again.get_at(key, version) == model.get_at(key, version)
        assert list(again.changes(version)) == list(model.changes(version))
        assert list(again.changes(version, "k1")) == list(model.changes(version, "k1"))
    for moment in (-1.0, 0.0, 7.5, 30.0, 99.0):
        assert again.version_at(moment) == model.version_at(moment)


def test_the_near_past_is_in_memory_and_the_far_past_is_not_asked_for_it(open_store, monkeypatch):
    store = open_store()
    fill(store)
    monkeypatch.setattr(store._readers, "begin", None)
    assert store.at(10)["k3"] == {"n": 3}
    assert store.get_at("k3", 10) == Entry({"n": 3}, 4)
    assert [change.version for change in store.changes(48)] == [49, 50]
    assert store.version_at(20.0) == 21


def test_an_id_of_a_call_outlives_the_process(open_store):
    store = open_store()
    writes = (Write("a", 1), Write("b", 2))
    made = store.apply(writes, BY, 5.0, operation="one")
    put(store, "a", 3)
    assert store.apply((Write("none", removed=True),), BY, 5.0, operation="nothing") == ()
    store.close()
    again = open_store()
    assert again.apply(writes, BY, 6.0, operation="one") == made
    put(again, "none", 1)
    assert again.apply((Write("none", removed=True),), BY, 5.0, operation="nothing") == ()
    with pytest.raises(OperationReused):
        again.apply((Write("a", 9),), BY, 6.0, operation="one")
    assert again.version() == 4
    assert again.get("none").value == 1


def test_an_id_of_a_call_outlives_the_history_of_what_it_did(open_store):
    store = open_store(keep_changes=2, segment_changes=2)
    made = store.apply((Write("a", [1]), Write("b", 2)), BY, 5.0, operation="one")
    fill(store, 30)
    store.compact()
    assert store.kept_since() > 20
    assert store.apply((Write("a", [1]), Write("b", 2)), BY, 6.0, operation="one") == made
    store.close()
    again = open_store()
    assert again.apply((Write("a", [1]), Write("b", 2)), BY, 6.0, operation="one") == made
    assert again.version() == 32


def test_an_old_id_is_forgotten(open_store, monkeypatch):
    store = open_store()
    store.apply((Write("a", 1),), BY, 5.0, operation="one")
    later = time() + 3_601
    monkeypatch.setattr("framework0.context.persist.keeping.time", lambda: later)
    assert store.apply((Write("a", 1),), BY, 6.0, operation="one")[0].version == 2


def test_a_value_ends_while_nobody_has_the_file_open(open_store, monkeypatch):
    store = open_store()
    store.apply((Write("a", 1, ttl=3_000.0), Write("b", 2)), BY, time())
    assert store.get("a").expires > time() + 2_900
    store.close()
    later = time() + 3_100
    for module in ("following", "keeping"):
        monkeypatch.setattr(f"framework0.context.persist.{module}.time", lambda: later)
    again = open_store()
    assert again.get("a") is None
    assert again.keys() == ["b"]
    (ended,) = again.changes(2)
    assert (ended.key, ended.removed, ended.who, ended.old) == ("a", True, "expiry", 1)


@pytest.mark.parametrize("how", ["being written", "cannot be written"])
def test_what_is_over_is_not_listed_while_its_end_is_not_in_the_file(open_store, monkeypatch, how):
    store = open_store()
    write, begun, go_on = store._write, threading.Event(), threading.Event()

    def slowly(*args):
        begun.set()
        assert go_on.wait(SECONDS)
        if how == "cannot be written":
            raise StoreError("the disk is full")
        write(*args)

    store.apply((Write("a", 1, ttl=0.05), Write("b", 2)), BY, time())
    monkeypatch.setattr(store, "_write", slowly)
    # The store's own thread has begun to remove it, and is held there.
    assert begun.wait(SECONDS)
    monkeypatch.setattr(store, "_is_something_over", lambda: False)
    assert store.get("a") is None
    assert store.keys() == ["b"]
    assert list(store.entries()) == ["b"]
    monkeypatch.undo()
    go_on.set()


def test_two_stores_on_one_file_see_each_other_s_commits_with_their_next_read(open_store):
    one, other = open_store(), open_store()
    assert one.epoch() == other.epoch()
    first = put(one, "a", 1)
    assert other.get("a") == Entry(1, first.version)
    second = put(other, "a", 2)
    assert (second.version, second.old, second.previous) == (2, 1, 1)
    assert one.get("a").value == 2
    assert one.version() == 2
    remove(one, "a")
    assert other.keys() == []
    assert list(one.changes()) == list(other.changes())
    with pytest.raises(ContextError, match="at version 0, not 2"):
        one.apply((Write("a", 3),), BY, 1.0, {"a": 2})
    one.apply((Write("a", 4),), BY, 1.0, operation="same")
    assert other.apply((Write("a", 4),), BY, 1.0, operation="same")[0].version == 4


def test_a_watcher_is_told_of_another_store_s_commits(open_store):
    one, other = open_store(), open_store()
    told, enough = [], threading.Event()

    def listen(changes):
        told.extend(changes)
        if len(told) >= 40:
            enough.set()

    one.watch(listen)
    for number in range(20):
        put(other, "other", number)
        put(one, "own", number)
    assert enough.wait(SECONDS)
    assert [change.version for change in told] == list(range(1, 41))
    assert told == list(one.changes())


@pytest.mark.slow
def test_a_watcher_with_an_old_version_gets_everything_since_once(open_store):
    store = open_store(segment_changes=100)
    for start in range(0, 20_000, 500):
        store.apply([Write(f"k{n % 9}", start + n) for n in range(500)], BY, 1.0)
    store.close()
    again, told, calls = open_store(), [], []
    assert again._cache.since > 1_000
    again.watch(lambda changes: (told.extend(changes), calls.append(len(changes))), 37)
    put(again, "new", 1)
    assert [change.version for change in told] == list(range(38, 20_002))
    assert max(calls) <= 1_000


@pytest.mark.slow
def test_many_threads_writing_at_once_share_commits_and_lose_nothing(open_store):
    store = open_store()
    wrong = []

    def write(name):
        for number in range(60):
            (change,) = store.apply((Write(name, number),), BY, time())
            if store.get(name).version < change.version:
                wrong.append(change)

    threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert [change.version for change in store.changes()] == list(range(1, 961))
    assert {key: entry.value for key, entry in store.entries().items()} == {
        f"t{n}": 59 for n in range(16)
    }
    with closing(sqlite3.connect(store.path)) as connection:
        (commits,) = connection.execute("SELECT count(*) FROM batches").fetchone()
    assert commits < 960
    assert store.verify() == 960


def test_requests_done_together_are_one_commit(open_store):
    store = open_store()
    store.apply_all([Request((Write(f"k{n}", n),), Author(f"w{n}"), 1.0) for n in range(64)])
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("SELECT changes FROM batches").fetchall() == [(64,)]


@pytest.mark.slow
def test_segments_end_after_so_many_commits_too(open_store):
    store = open_store()
    for number in range(SEGMENT_BATCHES + 3):
        put(store, "k", number)
    with closing(sqlite3.connect(store.path)) as connection:
        found = connection.execute("SELECT version FROM snapshots").fetchall()
    assert found == [(SEGMENT_BATCHES,)]
    assert store.verify() == SEGMENT_BATCHES + 3


def test_a_context_over_the_file_is_a_context(open_store):
    with Context(open_store()) as context:
        context.set("report", {"rows": [1, 2]})
        context.set("report", {"rows": [1, 2, 3]})
        assert [change.value for change in context.history("report")] == [
            {"rows": [1, 2]},
            {"rows": [1, 2, 3]},
        ]
    with Context(open_store()) as again:
        assert again.get("report") == {"rows": [1, 2, 3]}


def test_references_to_artifacts_find_their_values_again(open_store, tmp_path):
    home = Artifacts(tmp_path / "artifacts")
    store = open_store(home=lambda: home)
    reference = home.put(np.arange(5))
    put(store, "array", [reference, 1])
    fill(store, 10)
    store.compact()
    store.close()
    again = open_store(home=lambda: home)
    for entry in (again.get("array"), again.get_at("array", 1)):
        assert entry.value[0] == reference
        assert entry.value[0].load().tolist() == [0, 1, 2, 3, 4]


def test_a_closed_store_can_be_read_and_not_written(open_store):
    store = open_store(segment_changes=5)
    fill(store, 30)
    entries = store.entries()
    store.close()
    store.close()
    assert store.entries() == entries
    assert store.at(7) == {f"k{n}": {"n": n} for n in range(7)}
    assert len(list(store.changes(key="k1"))) == 5
    for call in (
        lambda: put(store, "a", 1),
        lambda: store.apply_all([]),
        lambda: store.tag("t", 1),
        lambda: store.untag("t"),
        lambda: store.load([]),
        store.compact,
    ):
        with pytest.raises(ContextError, match="closed"):
            call()


def test_a_closed_store_lets_go_of_its_files(open_store, path):
    store = open_store()
    store.watch(lambda _: None)
    fill(store)
    put(store, "a", 1)
    assert next(iter(store.changes())).version == 1
    store.close()
    held = [Path(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    names = [str(link.readlink()) for link in held if link.is_symlink()]
    assert [name for name in names if str(path) in name] == []
    assert str(path) not in Path("/proc/self/maps").read_text(encoding="utf-8")
    assert store.get("a").value == 1


def test_a_copy_is_a_whole_context_and_overwrites_nothing(open_store, tmp_path):
    store = open_store()
    fill(store)
    target = tmp_path / "copy.db"
    assert store.backup(target) == 50
    put(store, "later", 1)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with closing(SQLiteStore(target)) as copy:
        assert copy.version() == 50
        # Whoever goes on with the copy makes another history.
        assert copy.epoch() != store.epoch()
        assert list(copy.changes()) == list(store.changes())[:50]
        assert copy.verify() == 50
    before = target.read_bytes()
    with pytest.raises(StoreError, match="exists"):
        store.backup(target)
    assert target.read_bytes() == before


def test_the_files_are_for_their_owner_only_whatever_the_umask(path, tmp_path):
    before = os.umask(0)
    try:
        store = SQLiteStore(path)
        put(store, "a", 1)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes) == {"shared.db", "shared.db-wal", "shared.db-shm", "shared.db.lock"}
    assert set(modes.values()) == {0o600}
    store.close()
    # A restored copy that others can read is made private.
    path.chmod(0o644)
    SQLiteStore(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("bounds", [{"keep_changes": 0}, {"keep_seconds": -1}, {"keep_bytes": 0}])
def test_a_bound_that_keeps_nothing_is_refused(path, bounds):
    with pytest.raises(ContextError, match="more than 0"):
        SQLiteStore(path, **bounds)
    assert not path.exists()


def test_durability_is_one_of_two_words(path):
    with pytest.raises(StoreError, match="'full' or 'normal'"):
        SQLiteStore(path, durability="fast")
    for word, number in (("full", 2), ("normal", 1)):
        with closing(SQLiteStore(path, durability=word)) as store:
            assert store._connection.execute("PRAGMA synchronous").fetchone() == (number,)


def test_a_row_that_somebody_else_wrote_without_the_gate_is_noticed(open_store):
    store, other = open_store(), open_store()
    put(store, "a", 1)
    # As after the removal of the lock file: the other writer shares neither gate nor counter.
    seen = store._counter.value()
    put(other, "a", 2)
    store._counter._cell[0] = seen
    with pytest.raises(StoreError, match="without passing"):
        put(store, "a", 3)
    assert put(store, "a", 4).version == 3
    assert store.verify() == 3


def test_a_snapshot_that_is_not_what_its_changes_lead_to_is_found(open_store):
    store = open_store(segment_changes=3)
    fill(store, 9)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        connection.execute("UPDATE key_changes SET versions = '[1]' WHERE key = 'k4'")
    with pytest.raises(StoreCorrupt, match="index of the changes up to version 6"):
        store.verify()


@pytest.mark.slow
def test_a_long_history_opened_again_is_that_of_a_store_that_keeps_it_in_memory(open_store):
    store, model = open_store(segment_changes=300), MemoryStore()
    for start in range(0, 3_000, 20):
        requests = [
            Request(
                (Write(f"k{n % 6}", n), Write(f"k{n % 5}", removed=n % 3 == 0)), BY, n % 1_000 / 1.0
            )
            for n in range(start, start + 20)
        ]
        store.apply_all(requests)
        model.apply_all(requests)
    store.close()
    again = open_store()
    assert again._cache.since > 3_000
    for version in range(0, model.version(), 97):
        assert again.at(version) == model.at(version)
        assert again.get_at("k4", version) == model.get_at("k4", version)
        assert again.get_at("none", version) is None
    for since in (0, 299, 300, 301, 2_000):
        assert list(again.changes(since, "k4")) == list(model.changes(since, "k4"))
    for moment in (-1.0, 0.0, 500.5, 998.0, 2_000.0):
        assert again.version_at(moment) == model.version_at(moment)
    assert again.verify() == model.version()


def test_the_number_of_keys_is_bounded(open_store, monkeypatch):
    monkeypatch.setattr("framework0.context.persist.staging.CONTEXT_KEYS", 3)
    store = open_store()
    store.apply([Write(key, 1) for key in "abc"], BY, 0.0)
    put(store, "a", 2)
    store.apply((Write("a", removed=True), Write("d", 1)), BY, 0.0)
    full, well = store.apply_all(
        [
            Request((Write("b", 5), Write("e", 1)), BY, 0.0),
            Request((Write("b", removed=True), Write("e", 1)), BY, 0.0),
        ]
    )
    assert "more than 3 keys" in str(full)
    assert [change.key for change in well] == ["b", "e"]
    assert sorted(store.keys()) == ["c", "d", "e"]
