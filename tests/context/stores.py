"""The stores whose contract is tested: another store is one more line in one of these tables.

A line maps a name to a function of the test's request, a fresh folder and an ExitStack. It returns
what makes stores: each call of that makes an empty one, which forgets all but the latest
``keep_changes`` changes where that is given.
"""

from __future__ import annotations

from itertools import count

from framework0.context import MemoryStore
from framework0.context.persist import SQLiteStore
from framework0.testing import FakeStore


def memory(request, home, at_end):
    return MemoryStore


def fake(request, home, at_end):
    return FakeStore


def sqlite(request, home, at_end):
    names = count()

    def make(**bounds):
        store = SQLiteStore(home / f"{next(names)}.db", **bounds)
        at_end.callback(store.close)
        return store

    return make


# Every claim about a context is made over each of these.
STORES = {
    "fake": fake,
    "memory": memory,
    "sqlite": sqlite,
}

# Slow to start or far away: only the contract itself (test_store.py) is held against them.
DISTANT_STORES = {}

# These take a ``clock``, so that a test decides how time goes by.
CLOCKED = frozenset({"fake", "memory"})


def forget_what_is_old(store):
    """Have a store that forgets by and by do it now."""
    compact = getattr(store, "compact", None)
    if compact is not None:
        compact()
