from __future__ import annotations

import itertools
import sys
import threading

import pytest

from framework0.context import Author, Context, replay
from framework0.errors import ContextError, VersionConflict

THREADS = 4
WRITES = 300


@pytest.fixture(autouse=True)
def _frequent_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def together(*works):
    """Run the works at the same time; return what they raised."""
    barrier, errors = threading.Barrier(len(works)), []

    def run(work):
        barrier.wait(120)
        try:
            work()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    return errors


@pytest.mark.slow
def test_concurrent_writers_make_one_total_order(context):
    seen = []
    context.subscribe("**", seen.append, limit=10 * THREADS * WRITES)
    views = [context.view(Author(f"s{n}", "r", f"s{n}", 1)) for n in range(THREADS)]

    def write(number):
        view = views[number]
        for turn in range(WRITES):
            view.set("shared", [number, turn])
            view.set(f"own.{number}", turn)
            if turn % 10 == 9:
                view.delete(f"own.{number}")

    assert together(*[lambda n=n: write(n) for n in range(THREADS)]) == []
    changes = list(context.changes_since())
    expected = THREADS * (2 * WRITES + WRITES // 10)
    assert [change.version for change in changes] == list(range(1, expected + 1))
    assert replay(changes) == context._store.entries()
    for view in views:
        assert view.changes == [change for change in changes if change.who == view.author.who]
    shared = [change for change in changes if change.key == "shared"]
    for earlier, later in itertools.pairwise(shared):
        assert (later.old, later.previous) == (earlier.value, earlier.version)
    assert context.flush(120)
    assert seen == changes


@pytest.mark.slow
def test_no_increment_gets_lost(context):
    def by_modify():
        for _ in range(WRITES):
            context.modify("n", lambda n: n + 1, 0)

    def by_transaction():
        done = 0
        while done < WRITES:
            try:
                with context.transaction() as block:
                    block.set("n", block.get("n", 0) + 1)
                done += 1
            except VersionConflict:
                continue

    assert together(by_modify, by_transaction, by_modify, by_transaction) == []
    assert context.get("n") == 4 * WRITES


@pytest.mark.slow
def test_pictures_are_consistent_while_writers_write(context):
    stop = threading.Event()

    def move():
        for number in range(WRITES):
            with context.transaction() as block:
                block.set("left", number)
                block.set("right", -number)
        stop.set()

    def look():
        while not stop.is_set():
            for picture in (context.snapshot(), dict(context.items())):
                assert picture.get("left", 0) == -picture.get("right", 0)

    assert together(move, look, look) == []


@pytest.mark.slow
def test_restore_is_one_step_for_everybody_else(context):
    for key in "abcd":
        context.set(key, 0)
    start = context.snapshot()
    stop = threading.Event()

    def disturb():
        for number in range(WRITES):
            with context.transaction() as block:
                for key in "abcd":
                    block.set(key, number)
        stop.set()

    def restore():
        while not stop.is_set():
            version = context.restore(start)
            assert context.at(version) == start

    def look():
        while not stop.is_set():
            assert len(set(context.snapshot().values())) == 1

    assert together(disturb, restore, look) == []


@pytest.mark.slow
def test_after_closing_a_view_no_late_write_gets_in(context):
    for attempt in range(30):
        view = context.view(Author("s", "r", "s", attempt))
        begun = threading.Event()

        ended = []

        def write(view=view, begun=begun, ended=ended):
            try:
                while True:
                    view.set("late", 1)
                    begun.set()
            except ContextError as error:
                ended.append(str(error))

        writer = threading.Thread(target=write)
        writer.start()
        assert begun.wait(120)
        view.compensate()
        kept, version = list(view.changes), context.version
        writer.join(120)
        assert "is over" in ended[0]
        assert view.changes == kept
        assert context.version == version
        assert "late" not in context


@pytest.mark.slow
def test_subscriptions_come_and_go_while_writers_write(context):
    stop = threading.Event()

    def write():
        for number in range(WRITES):
            context.set("a", number)
        stop.set()

    def come_and_go():
        while not stop.is_set():
            seen = []
            undo = context.subscribe("a", seen.append, since=0)
            assert context.flush(120)
            undo()
            versions = [change.version for change in seen]
            assert versions == list(range(1, len(versions) + 1))

    assert together(write, come_and_go, come_and_go) == []


def test_only_one_dispatcher_is_started_however_many_subscribe_first(make_store):
    def dispatchers():
        return [each for each in threading.enumerate() if each.name == "framework0-context"]

    before = len(dispatchers())
    with Context(make_store()) as context:
        works = [lambda: context.subscribe("**", lambda _: None)] * THREADS
        assert together(*works) == []
        assert len(dispatchers()) == before + 1
