"""A small real server, and clients of it that end with the test."""

from __future__ import annotations

import pytest

from framework0.context import RemoteStore
from tests.context.remote.serving import SmallServer

# Seconds that a call waits for a server that is there, however slow the machine is.
PATIENCE = 120.0


@pytest.fixture
def server():
    server = SmallServer()
    yield server
    server.stop()


@pytest.fixture
def join():
    """Return what makes clients of a server."""
    made = []

    def join(server, *, wait=True, **options):
        options.setdefault("token", "a")
        options.setdefault("timeout", PATIENCE)
        store = RemoteStore(server if isinstance(server, str) else server.url, **options)
        made.append(store)
        if wait:
            assert store.wait_connected()
        return store

    yield join
    for store in made:
        store.close()
