from __future__ import annotations

import gc
import threading
import time
import weakref

import pytest

from framework0.context import Author, Context, MemoryStore, Write
from framework0.context.expiry import Deadlines
from framework0.context.operations import Operations, fingerprint
from framework0.errors import OperationReused

BY = Author()


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def expirers():
    return [each for each in threading.enumerate() if each.name == "framework0-context-expiry"]


def test_keys_are_over_in_the_order_of_their_ends():
    deadlines = Deadlines()
    for key, end in [("c", 3.0), ("a", 1.0), ("b", 2.0), ("kept", 9.0)]:
        deadlines.set(key, end)
    deadlines.set("a", 2.5)
    deadlines.drop("b")
    assert deadlines.next() == 2.5
    assert deadlines.over(0.5) == []
    assert deadlines.over(3.0) == ["a", "c"]
    assert len(deadlines) == 1
    assert deadlines.next() == 9.0


def test_ends_that_were_moved_again_and_again_take_no_room():
    deadlines = Deadlines()
    for number in range(10_000):
        deadlines.set("lease", float(number))
    assert len(deadlines._heap) < 100
    assert deadlines.over(9_998.5) == []
    assert deadlines.over(9_999.0) == ["lease"]
    assert deadlines.next() is None


def test_time_is_that_of_the_clock_given():
    clock = Clock()
    store = MemoryStore(clock=clock)
    store.apply((Write("a", 1, ttl=10.0),), BY, 1000.0)
    assert store.get("a").expires == 1010.0
    clock.now = 9.9
    assert store.get("a").value == 1
    clock.now = 10.0
    assert store.get("a") is None
    assert [change.who for change in store.changes()] == ["user", "expiry"]
    store.close()


def test_what_ended_while_nobody_looked_is_told_before_the_next_change():
    clock = Clock()
    store, told = MemoryStore(clock=clock), []
    store.watch(told.extend)
    for key, ttl in [("b", 2.0), ("a", 1.0)]:
        store.apply((Write(key, 1, ttl=ttl),), BY, 0.0)
    clock.now = 5.0
    store.apply((Write("c", 1),), BY, 5.0)
    assert [(change.version, change.key, change.removed) for change in told] == [
        (1, "b", False),
        (2, "a", False),
        (3, "a", True),
        (4, "b", True),
        (5, "c", False),
    ]
    store.close()


@pytest.mark.slow
def test_a_store_that_is_forgotten_or_closed_leaves_no_thread():
    before = set(expirers())
    store = MemoryStore()
    closed = Context()
    for context in (Context(store), closed):
        context.set("a", 1, ttl=3600)
    started = set(expirers()) - before
    assert len(started) == 2
    gone = weakref.ref(store)
    del store, context
    closed.close()
    end = time.monotonic() + 120
    # A thread that is just looking what is over has it in its hand for that moment.
    while gone() is not None:
        assert time.monotonic() < end
        gc.collect()
        time.sleep(0.001)
    for thread in started:
        thread.join(120)
        assert not thread.is_alive()
    assert closed.get("a") == 1


def test_a_thread_that_ended_is_started_again_when_it_is_needed():
    context = Context()
    for number in range(3):
        context.set("a", number, ttl=0.01)
        assert context.wait_for(lambda it: "a" not in it, timeout=120)
    context.close()


def answered(operations, name, now, value=1):
    asked = fingerprint([Write("a", value)])
    if operations.answer(name, asked, now) is None:
        operations.remember(name, asked, (), now)
        return False
    return True


def test_the_names_of_calls_are_bounded_by_count_age_and_weight():
    operations = Operations(keep=2, seconds=10.0)
    for name in "abc":
        assert not answered(operations, name, 0.0)
    assert not answered(operations, "a", 1.0)
    assert answered(operations, "c", 9.0)
    assert not answered(operations, "c", 10.0)
    heavy = Operations(keep_bytes=100_000)
    store = MemoryStore()
    for number in range(5):
        asked = fingerprint([Write("a", number)])
        heavy.remember(str(number), asked, store.apply((Write("a", "x" * 40_000),), BY, 0.0), 0.0)
    known = [
        heavy.answer(str(number), fingerprint([Write("a", number)]), 0.0) is not None
        for number in range(5)
    ]
    assert known == [False, False, False, True, True]


def test_what_a_call_asks_for_is_told_by_its_fingerprint():
    one = fingerprint([Write("a", {"x": 1, "y": 2})], {"a": 1}, 3)
    assert one == fingerprint([Write("a", {"y": 2, "x": 1})], {"a": 1}, 3)
    others = [
        fingerprint([Write("a", {"x": 1, "y": 2.0})], {"a": 1}, 3),
        fingerprint([Write("a", {"x": 1, "y": 2}, ttl=1.0)], {"a": 1}, 3),
        fingerprint([Write("a", {"x": 1, "y": 2})], {"a": 1}),
        fingerprint([Write("a", removed=True)], {"a": 1}, 3),
        fingerprint([Write("a"), Write("a")], {"a": 1}, 3),
    ]
    assert len({one, *others}) == 6
    operations = Operations()
    assert not answered(operations, "op", 0.0)
    with pytest.raises(OperationReused):
        answered(operations, "op", 0.0, value=True)
