"""The store in a file: durable writes, reading as of any version, and what a change costs in bytes."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from time import perf_counter

from benchmarks.table import NOT_ASKED, Row, bounded, faster, longer, verdict
from benchmarks.timing import PEERS, Series, series

SEED = 6
TOGETHER = 64
KEYS = [f"section{number % 20}.key{number}" for number in range(10_000)]
SIDE = Path(__file__).parent / "peers" / "patches.py"


def rows(sizes):
    with tempfile.TemporaryDirectory(dir=sizes.scratch) as folder:
        place = Places(Path(folder))
        yield from writes(sizes, place)
        yield from looking_back(sizes, place)
        yield from deltas(sizes, place)


class Places:
    """A new file for each sample."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0

    def new(self):
        self.count += 1
        return self.folder / f"{self.count}.db"


def value(number):
    return {"n": number, "text": "some twenty letters."}


def writes(sizes, place):
    """Compare durable writes with the least that keeps a change log and the latest values."""
    count = sizes.stored - sizes.stored % TOGETHER
    ours, threads, named, bare = series(
        sizes.repeats,
        lambda: in_batches(place.new(), count),
        lambda: in_threads(place.new(), count),
        lambda: in_batches(place.new(), count, named=True),
        lambda: by_hand(place.new(), count, TOGETHER),
    )
    say = f"{count:,} sets, {TOGETHER} in flight, synchronous=FULL"
    yield faster(f"{say}, as a server commits them", count, ours, "bare SQLite", bare, 0.5)
    yield Row(
        "… and in numbers", ours.rate(count), NOT_ASKED, NOT_ASKED, "≥ 50,000/s",
        verdict(count / ours.median >= 50_000),
    )  # fmt: skip
    yield faster("… each with an operation id", count, named, "bare SQLite, without", bare)
    yield faster("… from 64 threads", count, threads, "bare SQLite, one thread", bare)
    single = max(1, count // 20)
    ours, bare = series(
        sizes.repeats,
        lambda: in_threads(place.new(), single, threads=1),
        lambda: by_hand(place.new(), single, 1),
    )
    work = f"{single:,} sets, one in flight, synchronous=FULL"
    yield faster(work, single, ours, "bare SQLite", bare, 0.7)


def in_batches(path, count, *, named=False):
    from framework0.context import Author, Request, Write
    from framework0.context.persist import SQLiteStore

    by = Author()
    with closing(SQLiteStore(path)) as store:
        started = perf_counter()
        for start in range(0, count, TOGETHER):
            store.apply_all(
                [
                    Request(
                        (Write(KEYS[number % len(KEYS)], value(number)),), by, 1.0,
                        operation=f"call-{number}" if named else None,
                    )
                    for number in range(start, start + TOGETHER)
                ]
            )  # fmt: skip
        return perf_counter() - started


def in_threads(path, count, threads=TOGETHER):
    from framework0.context import Author, Write
    from framework0.context.persist import SQLiteStore

    by = Author()
    with closing(SQLiteStore(path)) as store:

        def write(first):
            for number in range(first, count, threads):
                store.apply((Write(KEYS[number % len(KEYS)], value(number)),), by, 1.0)

        if threads == 1:
            started = perf_counter()
            write(0)
            return perf_counter() - started
        workers = [threading.Thread(target=write, args=(first,)) for first in range(threads)]
        started = perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return perf_counter() - started


def by_hand(path, count, together):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE log (version INTEGER PRIMARY KEY, key, value, who, at)")
    connection.execute("CREATE TABLE latest (key TEXT PRIMARY KEY, value, version) WITHOUT ROWID")
    encode = json.JSONEncoder(separators=(",", ":")).encode
    started = perf_counter()
    for start in range(0, count, together):
        connection.execute("BEGIN IMMEDIATE")
        for number in range(start, min(start + together, count)):
            key, text = KEYS[number % len(KEYS)], encode(value(number))
            connection.execute("INSERT INTO log VALUES (?, ?, ?, 'user', 1.0)", (number, key, text))
            connection.execute(
                "INSERT OR REPLACE INTO latest VALUES (?, ?, ?)", (key, text, number)
            )
        connection.execute("COMMIT")
    seconds = perf_counter() - started
    connection.close()
    return seconds


def looking_back(sizes, place):
    """Read as of any version of a long history of 10,000 keys, in a store that was opened just now."""
    from framework0.context.persist import SQLiteStore

    path, changes = place.new(), sizes.history
    fill(path, changes)
    chance = random.Random(SEED)
    with closing(SQLiteStore(path)) as store:
        size = f"{path.stat().st_size / 1e6:,.0f} MB"

        def timed(look, times=sizes.looks * 10):
            found = []
            for _ in range(times):
                version = chance.randrange(1, changes)
                started = perf_counter()
                look(version)
                found.append(perf_counter() - started)
            return Series(found)

        one = timed(lambda version: store.get_at(chance.choice(KEYS), version))
        whole = timed(store.at)
        moment = timed(lambda version: store.version_at(float(version)))
        missed = max(1, min(1_000, changes // 2))
        resumed = timed(lambda _: sum(1 for _ in store.changes(changes - missed)))
    of = f"of {changes:,} versions ({size})"
    yield bounded(f"one key as of any {of}", one.median * 1e3, 10, "ms", note=f" ({one})")
    yield bounded(
        f"all of 10,000 keys as of any {of}", whole.median * 1e3, 10, "ms", note=f" ({whole})"
    )
    yield bounded("the version of a moment", moment.median * 1e3, 10, "ms")
    yield bounded(f"the last {missed:,} changes {of}", resumed.median * 1e3, 5, "ms")


def fill(path, changes):
    from framework0.context import Author, Request, Write
    from framework0.context.persist import SQLiteStore

    chance, by = random.Random(SEED), Author()
    with closing(SQLiteStore(path, durability="normal", keep_changes=None)) as store:
        for start in range(0, changes, TOGETHER):
            store.apply_all(
                [
                    Request((Write(chance.choice(KEYS), value(number)),), by, float(number))
                    for number in range(start, min(start + TOGETHER, changes))
                ]
            )


def cases(chance):
    """Return (what changes, before, after) of values of a megabyte."""
    numbers = [chance.random() for _ in range(52_000)]
    scattered = list(numbers)
    for place in chance.sample(range(len(numbers)), 520):
        scattered[place] = chance.random()
    yield "1 % of 52,000 numbers, here and there", numbers, scattered
    rows = [{"id": n, "score": chance.random(), "tags": ["a", "b"]} for n in range(19_000)]
    others = list(rows)
    for place in chance.sample(range(len(rows)), 190):
        others[place] = {**rows[place], "score": chance.random()}
    yield "1 % of 19,000 rows", rows, others


def deltas(sizes, place):
    """Compare bytes and time with RFC 6902, and ten changes of a context as they are kept."""
    made = list(cases(random.Random(SEED)))
    peers = patches(made, place.folder / "cases.json")
    for number, (what, before, after) in enumerate(made):
        found = [one_delta(before, after) for _ in range(sizes.repeats)]
        codec, whole = (Series([each[part] for each in found]) for part in (1, 2))
        yield bounded(f"delta of {what}", found[0][0] / 1e3, 20, "kB")
        if peers is None:
            missing = "jsonpatch is not installed: make bench-peers"
            yield Row("… made and applied", str(codec), missing)
            continue
        theirs = Series([peers[number][1]])
        name = f"jsonpatch, {peers[number][0] / 1e3:.1f} kB,"
        yield longer("… made and applied, between texts", codec, name, theirs, 0.1)
        yield longer("… written and read, between values", whole, name, theirs)
    size, seconds = ten_keys(sizes)
    yield bounded("10 changed keys of a context of 10,000, as kept", size / 1e3, 1, "kB")
    yield bounded("… written and read", seconds * 1e3, 10, "ms")


def one_delta(before, after):
    """Return the bytes of a change as it is kept; the seconds of the codec, and of writing and reading."""
    from framework0.context import Change, Entry
    from framework0.context.persist import apply_delta, encode_delta
    from framework0.context.persist.batches import (
        PART_BITS,
        Batch,
        Chains,
        read_changes,
        value_of,
        write_changes,
    )
    from framework0.context.persist.texts import encode

    def change(version, value, old):
        return Change(
            version, "k", value, False, old, version > 1, "user", None, None, None, 1.0, version - 1
        )

    old, new = encode(before), encode(after)
    started = perf_counter()
    assert apply_delta(old, encode_delta(old, new)) == new
    codec = perf_counter() - started
    chains = Chains()
    write_changes([change(1, before, None)], chains)
    started = perf_counter()
    text, large = write_changes([change(2, after, before)], chains)
    batch = Batch(2 << PART_BITS, 1 << PART_BITS, 1, 1.0, 1.0, None, text, large, 0)
    (told,) = read_changes(batch, None)
    made = value_of(told, Entry(before, 1), None)
    seconds = perf_counter() - started
    assert made == after
    return len(text) + len(large), codec, seconds


def ten_keys(sizes):
    from framework0.context import Change
    from framework0.context.persist.batches import (
        PART_BITS,
        Batch,
        Chains,
        add_values,
        write_changes,
    )

    chance = random.Random(SEED)
    values = {key: value(number) for number, key in enumerate(KEYS)}
    changes = [
        Change(n, key, value(chance.randrange(10**9)), False, values[key], True,
               "user", None, None, None, 1.0, 0)
        for n, key in enumerate(chance.sample(KEYS, 10), 1)
    ]  # fmt: skip
    found = []
    for _ in range(max(1, sizes.repeats)):
        started = perf_counter()
        text, large = write_changes(changes, Chains())
        batch = Batch(10 << PART_BITS, 0, 10, 1.0, 1.0, None, text, large, 0)
        add_values(batch, values, None, 10)
        found.append(perf_counter() - started)
    return len(text), Series(found).median


def patches(made, path):
    """Return what jsonpatch needs for each case, None where it is not installed."""
    python = PEERS / "python"
    if not python.exists():
        return None
    path.write_text(json.dumps(made))
    ended = subprocess.run(
        [python, SIDE, path], capture_output=True, text=True, timeout=300, check=False
    )
    return json.loads(ended.stdout) if ended.returncode == 0 else None
