"""The stores whose contract is tested: another store is one more line in one of these tables.

A line maps a name to a function of the test's request, a fresh folder and an ExitStack. It returns
what makes stores: each call of that makes an empty one, which forgets all but the latest
``keep_changes`` changes where that is given.
"""

from __future__ import annotations

import atexit
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from unittest.mock import patch
from uuid import uuid4

from framework0.context import MemoryStore, RemoteStore
from framework0.context.persist import SQLiteStore
from framework0.context.replicated import ReplicatedStore, open_log
from framework0.server import ContextServer
from framework0.testing import FakeStore
from tests.context.replicated.clusters import CalmEtcdCluster, NatsCluster

# Seconds that a call waits: a busy machine has a cluster choose another leader now and then.
PATIENCE = 120.0


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


def replicated(engine):
    def on_a_cluster(request, home, at_end):
        # Three processes serve all tests of a worker, each test under names of its own.
        cluster = clusters.get(engine)
        if cluster is None:
            cluster = clusters[engine] = engine(Path(mkdtemp(prefix="framework0-"))).__enter__()
            atexit.register(cluster.__exit__)

        def make(**bounds):
            log = open_log(f"{cluster.url}/{uuid4().hex}")
            store = ReplicatedStore(log, timeout=PATIENCE, **bounds)
            at_end.callback(store.close)
            return store

        return make

    return on_a_cluster


clusters = {}


def remote(request, home, at_end):
    """A store that reaches the real server over a real socket."""
    at_end.enter_context(patch.dict("os.environ", XDG_STATE_HOME=str(home / "state")))

    def make(**bounds):
        kept = partial(MemoryStore, **bounds)
        with patch("framework0.server.stores.MemoryStore", kept):
            server = ContextServer(0, store="memory", workspace=home).start_async()
            at_end.callback(server.stop)
            store = RemoteStore(server.url, timeout=PATIENCE)
            at_end.callback(store.close)
            assert store.wait_connected()
        return store

    return make


# Every claim about a context is made over each of these.
STORES = {
    "fake": fake,
    "memory": memory,
    "sqlite": sqlite,
}

# Slow to start or far away: only the contract itself (test_store.py) is held against them.
DISTANT_STORES = {
    "remote": remote,
    "etcd": replicated(CalmEtcdCluster),
    "nats": replicated(NatsCluster),
}

# These take a ``clock``, so that a test decides how time goes by.
CLOCKED = frozenset({"fake", "memory"})


def forget_what_is_old(store):
    """Have a store that forgets by and by do it now."""
    compact = getattr(store, "compact", None)
    if compact is not None:
        compact()
