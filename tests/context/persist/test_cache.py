"""What is in memory: the present, the near past, and where it ends."""

from __future__ import annotations

import random

from framework0.context import MemoryStore, Write
from framework0.context.persist.cache import Cache
from tests.context.persist.conftest import BY


def filled(count, **bounds):
    """Return a cache and the store that knows everything it was told."""
    cache, model, chance = Cache(**bounds), MemoryStore(), random.Random(3)
    for number in range(count):
        key = f"k{chance.randrange(5)}"
        writes = (Write(key, [number]), Write(f"k{chance.randrange(5)}", removed=True))
        cache.take(model.apply(writes, BY, float(number)))
    return cache, model


def test_the_near_past_is_that_of_a_store_that_keeps_everything():
    cache, model = filled(100)
    for version in range(model.version() + 1):
        assert {key: entry.value for key, entry in cache.at(version).items()} == model.at(version)
        assert cache.after(version) == list(model.changes(version))
        for key in ("k0", "k1", "k4", "none"):
            assert cache.entry_at(key, version) == model.get_at(key, version)


def test_the_middle_of_a_commit_is_never_the_latest_version():
    cache, model = filled(3)
    before = cache.version
    made = model.apply((Write("k0", 1), Write("k1", 2), Write("k2", 3)), BY, 9.0)
    seen = []

    def one_by_one():
        for change in made:
            seen.append(cache.version)
            yield change

    cache.take(one_by_one())
    assert seen == [before] * 3
    assert cache.version == model.version()


def test_what_is_dropped_is_said_and_the_rest_stays_right():
    cache, model = filled(200, keep=50)
    assert 50 <= len(cache.recent) <= 101
    assert cache.since == cache.recent[0].version - 1
    assert cache.after(cache.since - 1) is None
    assert cache.at(cache.since - 1) is None
    assert cache.after(cache.since) == list(model.changes(cache.since))
    assert cache.entries == model.entries()
    for version in range(cache.since, model.version() + 1):
        assert cache.entry_at("k3", version) == model.get_at("k3", version)


def test_heavy_values_are_dropped_sooner():
    cache, model = Cache(keep_bytes=100_000), MemoryStore()
    for number in range(40):
        cache.take(model.apply((Write("heavy", ["x" * 10_000, number]),), BY, 1.0))
    assert len(cache.recent) < 20
    cache.take(model.apply((Write("heavy", "x" * 500_000),), BY, 1.0))
    assert len(cache.recent) == 1
    assert cache.since == 40


def test_versions_may_have_gaps_where_they_were_loaded():
    cache, model = Cache(), MemoryStore()
    for number in range(30):
        model.apply((Write(f"k{number % 3}", number),), BY, float(number))
    kept = [change for change in model.changes() if change.version % 4]
    other = MemoryStore()
    other.load(kept)
    cache.take(other.changes())
    for version in range(1, 31):
        assert cache.after(version) == list(other.changes(version))
        assert cache.entry_at("k1", version) == other.get_at("k1", version)


def test_the_last_version_until_a_moment_is_not_before_what_is_kept():
    cache, _ = filled(20)
    assert cache.latest_until(1e9, 0) == cache.version
    assert cache.latest_until(-1.0, 0) is None
    assert cache.latest_until(3.0, cache.version - 2) is None
    cache.forget(cache.version)
    assert cache.removed == {}
