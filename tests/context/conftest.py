"""Every claim about the context is made over every store: see ``stores.py``."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from framework0.context import Author, Context
from tests.context.stores import STORES

STEP = Author("clean", "run-1", "clean", 1)


@pytest.fixture(params=sorted(STORES))
def make_store(request, tmp_path):
    with ExitStack() as at_end:
        yield STORES[request.param](request, tmp_path, at_end)


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
