"""Questions about a store while others write to it."""

from __future__ import annotations

from framework0.context import Author, MemoryStore, Write
from framework0.server.looking import CHUNK_BYTES, picture, some_changes

ME = Author("test")


class Raced(MemoryStore):
    """A store to which somebody writes between the two questions of a picture."""

    def entries(self):
        self.apply([Write("new", 1), Write("changed", 2), Write("gone", removed=True)], ME, 2.0)
        return super().entries()


def test_a_picture_is_of_exactly_its_version_whoever_writes_meanwhile():
    store = Raced()
    store.apply([Write("changed", 1), Write("gone", 1), Write("same", 1)], ME, 1.0)
    version, entries = picture(store)
    assert version == 3
    assert {key: entry.value for key, entry in entries.items()} == store.at(3)


def test_large_changes_are_read_a_few_at_a_time():
    store = MemoryStore()
    for number in range(10):
        store.apply([Write("k", "x" * (CHUNK_BYTES // 3))], ME, float(number))
    assert [change.version for change in some_changes(store, 0, None, 1000)] == [1, 2, 3]
    assert [change.version for change in some_changes(store, 3, None, 2)] == [4, 5]
