"""The store keeps what it is given, within its bounds, and never gives out anything else."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from framework0.runner.stepcache import store as module
from framework0.runner.stepcache.age import Moment
from framework0.runner.stepcache.store import CacheStore, Entry

NOW = Moment(1_000_000.0, "boot", 1_000.0)


def entry(key="k", step="s", result=1, made=NOW, recipe="r"):
    return Entry(key, recipe, step, "run", made, f'"{key}"', {"result": result, "writes": []})


@pytest.fixture
def open_store(tmp_path):
    made = []

    def opened(**bounds):
        store = CacheStore(tmp_path / "steps", **{"max_bytes": 10_000_000, "ttl": 0.0, **bounds})
        made.append(store)
        return store

    yield opened
    for store in made:
        store.close()


def test_what_was_put_is_found_by_another(open_store):
    open_store().put(entry(result={"a": [1, None, "é\ud800"]}))
    assert open_store().find("k") == entry(result={"a": [1, None, "é\ud800"]})
    assert open_store().find("other") is None


def test_nothing_is_created_by_looking_at_the_list(open_store, tmp_path):
    assert open_store().lines() == []
    assert not (tmp_path / "steps").exists()


def test_the_file_is_closed_to_others(open_store):
    store = open_store()
    store.put(entry())
    assert os.stat(store.path).st_mode & 0o077 == 0


def test_the_latest_of_a_step_is_told(open_store):
    store = open_store()
    for number in range(3):
        store.put(entry(f"k{number}", result=number))
    assert store.latest("r", "s").key == "k2"
    assert store.latest("r", "t") is None
    assert store.latest("q", "s") is None


def test_an_entry_takes_the_place_of_one_of_its_key(open_store):
    store = open_store()
    store.put(entry(result=1))
    store.put(entry(result=2))
    assert store.find("k").content["result"] == 2
    assert [line.entries for line in store.lines()] == [1]


def test_the_least_used_make_place(open_store):
    first = open_store()
    for number in range(4):
        first.put(entry(f"k{number}", result="x" * 20_000))
    first.close(NOW)
    second = open_store(max_bytes=70_000)
    second.note_use("k0")
    second.close(NOW)
    third = open_store(max_bytes=70_000)
    third.put(entry("new", result="y"))
    third.close(NOW)
    fourth = open_store()
    left = [key for key in ("k0", "k1", "k2", "k3", "new") if fourth.find(key)]
    assert left == ["k0", "k2", "k3", "new"]
    assert fourth.why_gone("k1") == "it made place for others"
    assert fourth.why_gone("k0") == ""


def test_a_result_of_half_the_size_is_not_kept(open_store):
    store = open_store(max_bytes=1_000)
    store.put(entry(result="x" * 600))
    assert store.find("k") is None


def test_a_long_run_keeps_within_the_bound_on_its_way(open_store, monkeypatch):
    monkeypatch.setattr(module, "LOOK_EVERY", 4)
    store = open_store(max_bytes=5_000)
    for number in range(40):
        store.put(entry(f"k{number}", result="x" * 1_000))
        assert sum(line.bytes for line in store.lines()) < 5_000 + 4 * 1_100


def test_too_old_is_told_by_the_clock_since_boot(open_store):
    store = open_store(ttl=100.0)
    store.put(entry("old", made=Moment(NOW.wall + 9_999_999, "boot", 0.0)))
    store.put(entry("young", made=Moment(0.0, "boot", 950.0)))
    store.put(entry("other boot, old", made=Moment(NOW.wall - 101, "before", 990.0)))
    store.put(entry("other boot, young", made=Moment(NOW.wall - 99, "before", 0.0)))
    assert store.prune(NOW)[0] == 2
    assert store.find("young")
    assert store.find("other boot, young")
    assert store.why_gone("old") == "it was too old"


def test_removed_entries_are_remembered_up_to_a_bound(open_store, monkeypatch):
    monkeypatch.setattr(module, "MOST_GONE", 3)
    store = open_store()
    for number in range(6):
        store.drop(f"k{number}", "said")
    assert [store.why_gone(f"k{number}") for number in range(6)] == [""] * 3 + ["said"] * 3


def test_some_or_all_can_be_cleared(open_store, tmp_path):
    store = open_store()
    for key, step, recipe in (
        ("a", "s", "r"),
        ("b", "s[0]", "r"),
        ("c", "s*", "r"),
        ("d", "s", "q"),
    ):
        store.put(entry(key, step=step, recipe=recipe))
    assert store.clear("r", "s") == 2
    assert [line.step for line in store.lines()] == ["s", "s*"]
    assert store.clear("q") == 1
    (tmp_path / "steps" / "steps.0.db").write_text("of an older version")
    assert store.clear() == 1
    assert os.listdir(tmp_path / "steps") == []


# ---------------------------------------------------------------------- damage


@pytest.fixture
def closed(open_store):
    """The path of a store with three entries, written out."""
    store = open_store()
    for number in range(3):
        store.put(entry(f"k{number}", result=f"result {number} " * 20))
    store.close(NOW)
    connection = sqlite3.connect(store.path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return Path(store.path)


def only_what_was_put(store):
    for number in range(3):
        found = store.find(f"k{number}")
        assert found is None or found == entry(f"k{number}", result=f"result {number} " * 20)


@pytest.mark.parametrize("seed", range(60))
def test_a_flipped_bit_never_changes_what_is_given_out(closed, open_store, seed):
    content = bytearray(closed.read_bytes())
    position = (seed * 7919 + 13) % len(content)
    content[position] ^= 1 << (seed % 8)
    closed.write_bytes(content)
    store = open_store()
    only_what_was_put(store)
    store.put(entry("fresh"))
    store.close(NOW)
    again = open_store()
    only_what_was_put(again)


@pytest.mark.parametrize("tenth", range(10))
def test_a_truncated_store_begins_anew_with_a_word(closed, open_store, tenth):
    content = closed.read_bytes()
    closed.write_bytes(content[: len(content) * tenth // 10])
    store = open_store()
    only_what_was_put(store)
    for number in range(3):
        store.put(entry(f"k{number}", result=f"result {number} " * 20))
    again = open_store()
    assert [bool(again.find(f"k{number}")) for number in range(3)] == [True] * 3


def test_what_is_no_database_begins_anew_and_says_so(closed, open_store):
    closed.write_bytes(b"this is no database" * 1000)
    store = open_store()
    assert store.find("k0") is None
    assert store.trouble.startswith("the cache was damaged and begins anew")
    store.put(entry())
    assert open_store().find("k") == entry()


def test_a_changed_row_is_absent_and_removed(closed, open_store):
    connection = sqlite3.connect(closed)
    connection.execute("UPDATE entries SET content = replace(content, 'result 1', 'result 2')")
    connection.commit()
    connection.close()
    store = open_store()
    assert store.find("k1") is None
    assert store.why_gone("k1") == "it was damaged"
    assert store.find("k0") is not None
    assert store.trouble == ""


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_place_that_cannot_be_used_is_said_and_hurts_nobody(open_store, tmp_path, what):
    if what == "folder":
        (tmp_path / "steps").write_text("in the way")
    else:
        (tmp_path / "steps" / module.NAME).mkdir(parents=True)
    store = open_store()
    assert store.find("k") is None
    store.put(entry())
    assert store.why_gone("k") == ""
    assert store.trouble.startswith("the cache cannot be used")
    assert store.prune(NOW) == (0, 0)
    store.note_use("k")
    store.close(NOW)


def test_a_store_that_somebody_else_locks_is_done_without(open_store, monkeypatch):
    monkeypatch.setattr(module, "BUSY_MS", 1)
    store = open_store()
    store.put(entry())
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.put(entry("second"))
    other.execute("ROLLBACK")
    other.close()
    assert "locked" in store.trouble
    assert store.find("k") == entry()
    assert store.find("second") is None


# ---------------------------------------------------------------------- several at once


def test_threads_share_a_store(open_store):
    store = open_store()

    def work(number):
        for place in range(50):
            store.put(entry(f"{number}.{place}", result=place))
            assert store.find(f"{number}.{place}").content["result"] == place

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.trouble == ""
    assert sum(line.entries for line in store.lines()) == 200


def fill(folder, number):
    store = CacheStore(Path(folder), max_bytes=40_000, ttl=0.0)
    for place in range(100):
        store.put(entry(f"k{place % 10}", result=f"{place % 10} " * 100))
        found = store.find(f"k{place % 10}")
        assert found is None or found.content["result"] == f"{place % 10} " * 100
        store.note_use(f"k{place % 10}")
    store.close(NOW)
    os._exit(1 if store.trouble else 0)


@pytest.mark.slow
def test_processes_fill_the_same_entries_at_once(open_store, tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=fill, args=(str(tmp_path / "steps"), n)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    store = open_store()
    assert sum(line.entries for line in store.lines()) == 10


# ---------------------------------------------------------------------- against a model


class Against(RuleBasedStateMachine):
    """Any order of calls, reopening included: what is found is what was put last, or nothing."""

    keys = Bundle("keys")

    def __init__(self):
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.model = {}
        self.clock = 0.0
        self.store = self.opened()

    def opened(self):
        return CacheStore(Path(self.folder.name), max_bytes=3_000, ttl=500.0)

    def moment(self):
        return Moment(self.clock, "boot", self.clock)

    @rule(target=keys, key=st.sampled_from("abcdef"), size=st.integers(0, 400))
    def put(self, key, size):
        self.store.put(entry(key, result="x" * size, made=self.moment()))
        self.model[key] = size
        return key

    @rule(key=keys)
    def use(self, key):
        self.store.note_use(key)

    @rule(key=keys)
    def drop(self, key):
        self.store.drop(key, "asked")
        self.model.pop(key, None)

    @rule(seconds=st.integers(0, 200))
    def wait(self, seconds):
        self.clock += seconds

    @rule()
    def reopen(self):
        self.store.close(self.moment())
        self.store = self.opened()
        assert sum(line.bytes for line in self.store.lines()) <= 3_000 + 450

    @rule()
    def clear(self):
        self.store.clear()
        self.model.clear()

    @invariant()
    def nothing_but_what_was_put(self):
        for key in "abcdef":
            found = self.store.find(key)
            if found is not None:
                assert self.model[key] == len(found.content["result"])
        assert self.store.trouble == ""

    def teardown(self):
        self.store.close()
        self.folder.cleanup()


Against.TestCase.settings = settings(deadline=None, max_examples=25, stateful_step_count=20)
TestAgainst = Against.TestCase
