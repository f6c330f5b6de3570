"""Several processes with one context open at once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from framework0.context.persist import SQLiteStore
from tests.context.persist.conftest import environment, put

pytestmark = pytest.mark.usefixtures("unmeasured")

WRITE = """
import sys
from pathlib import Path
from framework0.context import Author, Write
from framework0.context.persist import SQLiteStore

path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = SQLiteStore(path, segment_changes=100)
for number in range(count):
    (change,) = store.apply((Write(name, number),), Author(name), 1.0)
    seen = store.get(name)
    assert seen.version >= change.version and seen.value == number, (seen, change)
store.close()
"""

WATCH = """
import sys, threading
from pathlib import Path
from framework0.context.persist import SQLiteStore

store, count, versions, done = SQLiteStore(Path(sys.argv[1])), int(sys.argv[2]), [], threading.Event()

def listen(changes):
    versions.extend(change.version for change in changes)
    if len(versions) >= count:
        done.set()

store.watch(listen, 0)
print("watching", flush=True)
assert done.wait(600), len(versions)
assert versions == list(range(1, count + 1)), "a gap"
assert [change.version for change in store.changes()] == versions
print("all")
"""

COUNT = """
import sys
from pathlib import Path
from framework0.context import Author, Write
from framework0.context.persist import SQLiteStore
from framework0.errors import VersionConflict

store, conflicts = SQLiteStore(Path(sys.argv[1])), 0
for number in range(int(sys.argv[2])):
    while True:
        found = store.get("count")
        value, version = (0, 0) if found is None else found[:2]
        if not number and not conflicts:
            # Everybody has read the same before anybody writes: all but one of them meet.
            print("read", flush=True)
            sys.stdin.readline()
        try:
            store.apply((Write("count", value + 1),), Author(), 1.0, {"count": version})
            break
        except VersionConflict:
            conflicts += 1
print(conflicts)
"""


def start(text, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    out, complaint = process.communicate(timeout=600)
    assert process.returncode == 0, complaint
    assert complaint == ""
    return out


@pytest.mark.slow
def test_eight_processes_write_without_ever_finding_the_database_locked(path):
    watcher = start(WATCH, path, 8 * 100)
    assert watcher.stdout.readline() == "watching\n"
    writers = [start(WRITE, path, f"w{number}", 100) for number in range(8)]
    for writer in writers:
        ended(writer)
    assert ended(watcher) == "all\n"
    with closing(SQLiteStore(path)) as store:
        assert store.verify() == store.version() == 800
        assert {key: entry.value for key, entry in store.entries().items()} == {
            f"w{number}": 99 for number in range(8)
        }


@pytest.mark.slow
def test_counting_together_by_compare_and_set_loses_no_step(path):
    processes = [start(COUNT, path, 60) for _ in range(6)]
    for process in processes:
        assert process.stdout.readline() == "read\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    conflicts = [int(ended(process)) for process in processes]
    with closing(SQLiteStore(path)) as store:
        assert store.get("count").value == store.version() == 360
    # Had they not met, nothing would have been shown.
    assert sum(conflicts) >= 5


STOPPED = """
import os, signal, sys
from pathlib import Path
from framework0.context.persist import SQLiteStore

store, told = SQLiteStore(Path(sys.argv[1])), []
store.watch(told.extend)
print("open", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
assert store.get("a").value == 299
print(store.version(), store.kept_since(), len(told))
last = {change.key: (change.value, change.version) for change in told}
assert last == {key: entry[:2] for key, entry in store.entries().items()}, last
assert [change.version for change in told] == sorted(change.version for change in told)
"""


@pytest.mark.slow
def test_who_slept_while_its_history_was_forgotten_wakes_up_in_the_present(path, open_store):
    store = open_store(segment_changes=50)
    put(store, "a", -1)
    sleeper = start(STOPPED, path)
    assert sleeper.stdout.readline() == "open\n"
    wait_until_stopped(sleeper.pid)
    for number in range(300):
        put(store, "a", number)
        put(store, f"k{number % 3}", number)
    store.compact(keep_changes=10)
    sleeper.send_signal(18)
    version, kept_since, told = map(int, ended(sleeper).split())
    assert (version, kept_since) == (601, store.kept_since())
    assert 4 <= told <= 601 - kept_since + 4


def wait_until_stopped(pid):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        time.sleep(0.01)
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            if file.read().rsplit(")", 1)[1].split()[0] == "T":
                return
    raise AssertionError("the process has not stopped")


@pytest.mark.slow
def test_a_reader_is_never_behind_what_another_process_was_told(path, open_store):
    """Each line of the writer is an acknowledgement: what is read after it must be as new."""
    store = open_store()
    text = WRITE.replace("store.close()", "").replace(
        "    seen =", "    print(change.version, flush=True)\n    seen ="
    )
    writer = start(text, path, "w", 400)
    behind = [line for line in writer.stdout if store.version() < int(line)]
    assert behind == []
    assert writer.wait(120) == 0
    writer.stdin.close()
    writer.stdout.close()
    writer.stderr.close()


@pytest.mark.slow
def test_threads_and_another_process_at_once(path, open_store):
    store = open_store(segment_changes=100)
    told = []
    store.watch(told.extend)
    other = start(WRITE, path, "other", 200)

    def write(name):
        for number in range(50):
            put(store, name, number)

    threads = [threading.Thread(target=write, args=(f"t{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended(other)
    assert store.version() == 600
    assert [change.version for change in told] == list(range(1, 601))
    assert store.verify() == 600
