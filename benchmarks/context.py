"""The context in memory: writing, reading, and reading as of a version, one call at a time."""

from __future__ import annotations

from random import Random
from threading import Lock
from time import perf_counter

from benchmarks.table import Row, verdict
from benchmarks.timing import series

LEAST_SETS = 500_000
LEAST_GETS = 2_000_000
LEAST_GETS_AT = 500_000

KEYS = [f"sensors.{number}.temperature" for number in range(1_000)]
SEED = 4


def rows(sizes):
    calls = sizes.calls
    yield row("set a key, in memory", calls, LEAST_SETS, sizes, sets, bare_sets)
    yield row("get a key, in memory", calls, LEAST_GETS, sizes, gets, bare_gets)
    yield row(
        f"get a key as of any version of {calls // 2:,}, in memory",
        calls // 2,
        LEAST_GETS_AT,
        sizes,
        gets_at,
        bare_gets_at,
    )


def row(work, calls, least, sizes, ours, floor):
    """Hold the rate against the reach; the floor says how quick the machine was just then."""
    mine, bare = series(sizes.repeats, lambda: ours(calls), lambda: floor(calls))
    return Row(
        work,
        mine.rate(calls),
        f"dict, list and lock {bare.rate(calls)}",
        f"{bare.median / mine.median:.2f} ×",
        f"≥ {least:,}/s",
        verdict(calls / mine.median >= least),
    )


def spread(calls):
    """Return ``calls`` keys in turn, made before the clock starts."""
    return [KEYS[number % len(KEYS)] for number in range(calls)]


def sets(calls):
    from framework0.context import Context

    keys = spread(calls)
    write = Context().set
    write("before", 0)
    started = perf_counter()
    for value, key in enumerate(keys):
        write(key, value)
    return perf_counter() - started


def gets(calls):
    from framework0.context import Context

    keys = spread(calls)
    context = Context()
    for key in KEYS:
        context.set(key, 20.5)
    read = context.get
    started = perf_counter()
    for key in keys:
        read(key)
    return perf_counter() - started


def gets_at(calls):
    from framework0.context import Context, MemoryStore

    context = Context(MemoryStore(keep_changes=calls))
    for value, key in enumerate(spread(calls)):
        context.set(key, value)
    asked = questions(calls)
    read = context.get_at
    # Looking back for the first time sorts the past by keys, once.
    read(KEYS[0], 0)
    started = perf_counter()
    for key, version in asked:
        read(key, version)
    return perf_counter() - started


class Bare:
    """As little as a history can be: no author, no check, no copy, no bound."""

    def __init__(self):
        self.lock = Lock()
        self.now = {}
        self.log = []

    def set(self, key, value):
        with self.lock:
            self.log.append((key, value))
            self.now[key] = value


def bare_sets(calls):
    keys = spread(calls)
    write = Bare().set
    started = perf_counter()
    for value, key in enumerate(keys):
        write(key, value)
    return perf_counter() - started


def bare_gets(calls):
    keys = spread(calls)
    read = dict.fromkeys(KEYS, 20.5).get
    started = perf_counter()
    for key in keys:
        read(key)
    return perf_counter() - started


def bare_gets_at(calls):
    """A list of each key's versions, and a bisection."""
    from bisect import bisect_right

    past = {key: ([], []) for key in KEYS}
    for version, key in enumerate(spread(calls), 1):
        past[key][0].append(version)
        past[key][1].append(version - 1)
    asked = questions(calls)

    def read(key, version):
        versions, values = past[key]
        place = bisect_right(versions, version)
        return values[place - 1] if place else None

    started = perf_counter()
    for key, version in asked:
        read(key, version)
    return perf_counter() - started


def questions(calls):
    random = Random(SEED)
    return [(random.choice(KEYS), random.randint(0, calls)) for _ in range(calls)]
