"""The bus: deliveries to callbacks and inboxes, a subscriber that never reads, and arrays between processes."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from time import perf_counter

from benchmarks.far import Far
from benchmarks.fresh import answer_of
from benchmarks.startup import TO_INSTALL
from benchmarks.table import NOT_ASKED, Row, bounded, faster, longer, verdict
from benchmarks.timing import PEERS, PYTHON, series

LEAST_DELIVERIES = 500_000
LEAST_OVER_PEERS = 1.0
MOST_FOR_A_HANDLE = 1.0
LEAST_OVER_QUEUE = 3.0
MOST_BESIDE_A_DEAF_ONE = 1.5

HERE = Path(__file__).parent
SIDE = str(HERE / "peers" / "deliveries.py")
OTHERS = ("blinker", "PyPubSub", "pyee")

LIMIT = 100
"""Messages in the inbox that nobody reads."""
PAYLOAD = 10_000
"""Bytes of each message there."""
SLACK = 1.2
"""What the inbox may cost over the messages it holds: their objects and its own."""


def rows(sizes):
    messages, subscribers = sizes.deliveries
    yield from deliveries(sizes, messages, subscribers)
    yield inboxes(sizes, messages // 10, subscribers)
    yield beside_a_deaf_one(sizes, messages // 10, subscribers)
    yield cost_of_a_deaf_one(messages // 10)
    yield deaf_process(sizes.array[0])
    yield from arrays(sizes, sizes.array[0])


def deliveries(sizes, messages, subscribers):
    def side(name, python):
        words = [str(python), SIDE, name, str(messages), str(subscribers)]
        return lambda: answer_of(words)["seconds"]

    work = f"a message to {subscribers} callbacks, deliveries"
    python = PEERS / "python"
    others = [side(name, python) for name in OTHERS] if python.exists() else []
    mine, *theirs = series(sizes.repeats, side("ours", PYTHON), *others)
    count = messages * subscribers
    rate = count / mine.median
    yield Row(
        work,
        mine.rate(count),
        NOT_ASKED,
        NOT_ASKED,
        f"≥ {LEAST_DELIVERIES:,}/s",
        verdict(rate >= LEAST_DELIVERIES),
    )
    for name, seconds in zip(OTHERS, theirs, strict=False):
        yield faster(work, count, mine, name, seconds, least=LEAST_OVER_PEERS)
    if not others:
        yield Row(work, mine.rate(count), f"{', '.join(OTHERS)} {TO_INSTALL}")


def inboxes(sizes, messages, subscribers):
    """Every message into each inbox and out of it again, one thread."""

    def ours():
        from framework0.context import MemoryBus

        with MemoryBus() as bus:
            boxes = [
                bus.inbox("sensors.*", overflow="block", limit=LIMIT) for _ in range(subscribers)
            ]
            started = perf_counter()
            for first in range(0, messages, LIMIT):
                for value in range(first, min(first + LIMIT, messages)):
                    bus.publish("sensors.door", value)
                for box in boxes:
                    for _ in range(len(box)):
                        box.get()
            return perf_counter() - started

    def floor():
        from queue import Queue

        queues = [Queue(LIMIT) for _ in range(subscribers)]
        started = perf_counter()
        for first in range(0, messages, LIMIT):
            for value in range(first, min(first + LIMIT, messages)):
                for queue in queues:
                    queue.put(value)
            for queue in queues:
                for _ in range(queue.qsize()):
                    queue.get()
        return perf_counter() - started

    mine, theirs = series(sizes.repeats, ours, floor)
    work = f"a message into {subscribers} inboxes and out again, deliveries"
    return faster(work, messages * subscribers, mine, "queue.Queue", theirs)


def beside_a_deaf_one(sizes, messages, subscribers):
    """Publish to callbacks, with and without an inbox beside them that nobody reads."""

    def publish(deaf):
        from framework0.context import MemoryBus

        with MemoryBus() as bus:
            for _ in range(subscribers):
                bus.subscribe("sensors.*", nothing)
            # Read or not, it has to be offered each message.
            box = bus.inbox("sensors.*", overflow="drop_oldest", limit=LIMIT)
            started = perf_counter()
            for value in range(messages):
                bus.publish("sensors.door", value)
                if not deaf:
                    box.get()
            return perf_counter() - started

    deaf, read = series(sizes.repeats, lambda: publish(True), lambda: publish(False))
    work = f"{messages:,} messages beside an inbox that nobody reads"
    return longer(work, deaf, "one that is read", read, most=MOST_BESIDE_A_DEAF_ONE)


def cost_of_a_deaf_one(messages):
    """Memory that a subscriber who never reads holds after many messages, by Python's own count."""
    from framework0.context import MemoryBus

    tracemalloc.start()
    with MemoryBus() as bus:
        box = bus.inbox("sensors.*", overflow="drop_oldest", limit=LIMIT)
        before = tracemalloc.get_traced_memory()[0]
        for number in range(messages):
            bus.publish("sensors.door", b"%d" % number * (PAYLOAD // len(str(number))))
        cost = tracemalloc.get_traced_memory()[0] - before
        lost = box.dropped
    tracemalloc.stop()
    bound = LIMIT * PAYLOAD
    return bounded(
        f"memory held by an inbox of {LIMIT} that nobody reads",
        cost / 1e6,
        bound * SLACK / 1e6,
        "MB",
        f"{messages:,} messages of {PAYLOAD // 1000} kB, {lost:,} dropped",
    )


def deaf_process(size):
    """Memory on its way to a process that never reads, until its sender is held back."""
    from framework0.context.bus import channel
    from framework0.errors import WaitTimeout

    window = size // 4
    piece = bytes(window // 16 - window // 16 % 64)
    sender, receiver = channel(window)
    sent = 0
    with sender, receiver:
        try:
            # Ten times as much as is allowed.
            for _ in range(160):
                sender.send("array", piece, timeout=0)
                sent += len(piece)
        except WaitTimeout:
            pass
    return bounded(
        "memory on its way to a process that never reads",
        sent / 1e6,
        window / 1e6,
        "MB",
        "its window",
    )


def arrays(sizes, size):
    import numpy as np

    from framework0.context.bus import share

    array = np.ones(size // 8)
    shared = share(array)
    with Far() as far:
        handle, copied, queue, copy = series(
            sizes.repeats,
            lambda: far.over_the_bus(shared),
            lambda: far.over_the_bus(array),
            lambda: far.over_a_queue(array),
            lambda: timed(array.copy),
        )
    work = f"an array of {size // 10**6:,} MB to another process"
    told = f"multiprocessing.Queue {queue}"
    yield bounded(
        f"{work}, in shared memory already: there and back",
        handle.median * 1000,
        MOST_FOR_A_HANDLE,
        "ms",
        told,
    )
    yield faster_once(f"{work}, put there first", copied, "multiprocessing.Queue", queue)
    yield longer("″", copied, "a copy within the process", copy)


def faster_once(work, ours, name, other):
    ratio = other.median / ours.median
    return Row(
        work,
        str(ours),
        f"{name} {other}",
        f"{ratio:.1f} ×",
        f"≥ {LEAST_OVER_QUEUE:g} ×",
        verdict(ratio >= LEAST_OVER_QUEUE),
    )


def nothing(_topic, _value):
    """Be told, and do nothing about it."""


def timed(call):
    started = perf_counter()
    call()
    return perf_counter() - started
