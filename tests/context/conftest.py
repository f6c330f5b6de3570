"""Every claim about the context is made over every store: a new store is one more line here."""

from __future__ import annotations

import pytest

from framework0.context import Author, Context, MemoryStore
from framework0.testing import FakeStore

STORES = {
    "fake": FakeStore,
    "memory": MemoryStore,
}

STEP = Author("clean", "run-1", "clean", 1)


@pytest.fixture(params=sorted(STORES))
def make_store(request):
    return STORES[request.param]


@pytest.fixture
def store(make_store):
    store = make_store()
    yield store
    store.close()


@pytest.fixture
def context(store):
    with Context(store) as context:
        yield context


@pytest.fixture
def author():
    return STEP
