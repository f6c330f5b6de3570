from __future__ import annotations

import pytest

from framework0.context import Author, Context, MemoryStore, Write
from framework0.errors import ContextError, HistoryTrimmed

BY = Author()


def test_the_past_is_bounded_and_what_is_forgotten_is_said():
    context = Context(MemoryStore(keep_changes=10))
    for number in range(25):
        context.set(f"k{number % 3}", number)
    assert context.kept_since == 15
    assert [change.version for change in context.changes_since(15)] == list(range(16, 26))
    assert context.at(15) == {"k0": 12, "k1": 13, "k2": 14}
    for call in (context.at, context.changes_since, context.diff):
        with pytest.raises(HistoryTrimmed) as trimmed:
            call(14)
        assert (trimmed.value.asked, trimmed.value.kept_since) == (14, 15)
    with pytest.raises(HistoryTrimmed):
        context.subscribe("**", print, since=3)
    history = context.history("k0")
    assert [change.value for change in history] == [15, 18, 21, 24]
    assert history[0].existed


def test_heavy_values_shorten_the_past_but_never_lose_the_present():
    store = MemoryStore(keep_bytes=1_000_000)
    context = Context(store)
    for number in range(20):
        context.set(f"k{number}", "x" * 100_000)
    assert len(context) == 20
    assert 8 <= len(list(store.changes())) <= 10
    context.set("huge", [0.5] * 200_000)
    assert [change.key for change in store.changes()] == ["huge"]
    assert context.get("k0") == "x" * 100_000


def test_loading_more_than_is_kept_forgets_the_oldest():
    source = Context()
    for number in range(20):
        source.set("a", number)
    store = MemoryStore(keep_changes=5)
    store.load(source.changes_since())
    assert store.kept_since() == 15
    assert store.version() == 20


@pytest.mark.parametrize("bounds", [{"keep_changes": 0}, {"keep_bytes": 0}])
def test_a_store_keeps_at_least_one_change(bounds):
    with pytest.raises(ContextError, match="at least one"):
        MemoryStore(**bounds)


def test_the_number_of_keys_is_bounded(monkeypatch):
    monkeypatch.setattr("framework0.context.memory.CONTEXT_KEYS", 3)
    store = MemoryStore()
    store.apply([Write(key, 1) for key in "abc"], BY, 0.0)
    store.apply((Write("a", 2),), BY, 0.0)
    store.apply((Write("a", removed=True), Write("d", 1)), BY, 0.0)
    with pytest.raises(ContextError, match="more than 3 keys"):
        store.apply((Write("b", 5), Write("e", 1)), BY, 0.0)
    assert store.get("b").value == 1


def test_removed_keys_are_forgotten_with_their_history():
    store = MemoryStore(keep_changes=4)
    context = Context(store)
    for number in range(50):
        context.set(f"temporary.{number}", number)
        context.delete(f"temporary.{number}")
    assert len(store._log.removed_at) <= 4
    context.set("temporary.49", 1)
    assert context.history("temporary.49")[-1].previous == 100
    context.set("temporary.0", 1)
    assert context.history("temporary.0")[-1].previous == 0
