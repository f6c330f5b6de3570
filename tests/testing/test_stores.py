"""The store that fails on demand; that it is a store is shown by ``tests/context``, which runs over it."""

from __future__ import annotations

import pytest

from framework0.context import Context
from framework0.errors import ContextError
from framework0.testing import FakeStore


def test_it_fails_when_told_to_and_then_goes_on():
    store = FakeStore([None, ContextError("the server is away")])
    context = Context(store)
    context.set("a", 1)
    with pytest.raises(ContextError, match="away"):
        context.set("a", 2)
    assert (context.get("a"), store.applied) == (1, 1)
    context.set("a", 3)
    assert [change.value for change in context.history("a")] == [1, 3]


def test_a_transaction_in_trouble_writes_nothing():
    store = FakeStore([ContextError("full")])
    context = Context(store)

    def write():
        with context.transaction() as transaction:
            transaction.set("a", 1)
            transaction.set("b", 2)

    with pytest.raises(ContextError, match="full"):
        write()
    assert context.keys() == []
