"""What followers of a context on a cluster are told when its server has lost sight of what happened."""

from __future__ import annotations

import asyncio
import threading

import pytest

from framework0.context import Author, Write
from framework0.context.replicated import ReplicatedStore
from framework0.context.replicated import store as store_module
from framework0.errors import StoreUnavailable
from framework0.server.feed import Feed
from framework0.server.freshness import Freshness
from framework0.testing import FakeLog, Machines

PATIENCE = 120


class Follower:
    """Records what it is handed."""

    def __init__(self):
        self.versions = []
        self.left = []

    def changes(self, batch):
        self.versions += [change.version for change in batch.changes]
        return len(batch.changes)

    def left_out(self, version):
        self.left.append(version)


async def until(true):
    async with asyncio.timeout(PATIENCE):
        # Threads of the stores bring it about: there is nothing else to wait for.
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


def put(store, value):
    return store.apply([Write("k", value)], Author(), 1.0)


@pytest.fixture
def stores(monkeypatch):
    """Two servers' stores that keep little, and the second one's log."""
    monkeypatch.setattr(store_module, "_SNAPSHOT_RECORDS", 10)
    machines = Machines()
    log = FakeLog(machines)
    opened = [ReplicatedStore(each, keep_changes=5) for each in (FakeLog(machines), log)]
    yield (*opened, log)
    for store in opened:
        store.close()


def test_a_server_that_jumped_over_changes_has_its_followers_ask_and_goes_on(stores):
    one, other, log = stores

    async def follow():
        feed = Feed(other, asyncio.get_running_loop())
        follower = Follower()
        feed.followers.add(follower)
        put(one, 0)
        await until(lambda: follower.versions == [1])
        log.cut = True
        for number in range(60):
            put(one, number)
        with log.machines.changed:
            assert log.machines.changed.wait_for(lambda: log.machines.trimmed > 10, PATIENCE)
        log.cut = False
        await until(lambda: follower.left)
        # What is between can no longer be told: it is said up to where.
        assert 1 < follower.left[0] <= 61
        put(one, "last")
        await until(lambda: feed.version == 62)
        assert follower.versions[-1] == 62
        later = [version for version in follower.versions if version > follower.left[0]]
        assert later == list(range(follower.left[0] + 1, 63))
        feed.close()

    asyncio.run(follow())


def test_a_store_that_has_ended_is_followed_no_more():
    async def follow():
        store = ReplicatedStore(FakeLog())
        feed = Feed(store, asyncio.get_running_loop())
        follower = Follower()
        feed.followers.add(follower)
        store.close()
        await until(lambda: follower.left == [0])
        # Told once: a store that has ended has nothing more to say.
        for _ in range(100):
            await asyncio.sleep(0)
        assert follower.left == [0]
        feed.close()

    asyncio.run(follow())


def test_fresh_reads_that_come_during_a_question_share_the_next_one():
    asked = []
    go_on = threading.Semaphore(0)

    def refresh():
        asked.append(len(asked))
        assert go_on.acquire(timeout=PATIENCE)

    async def read():
        freshness = Freshness(refresh, asyncio.get_running_loop())
        first = asyncio.ensure_future(freshness.asked())
        await asyncio.sleep(0)
        others = [asyncio.ensure_future(freshness.asked()) for _ in range(20)]
        freshness.ask_soon()
        go_on.release()
        await asyncio.wait_for(first, PATIENCE)
        # Nobody is answered by a question that was asked before he came.
        assert not any(other.done() for other in others)
        go_on.release()
        await asyncio.wait_for(asyncio.gather(*others), PATIENCE)
        freshness.close()

    asyncio.run(read())
    assert asked == [0, 1]


def test_a_question_that_failed_answers_those_who_came_meanwhile():
    go_on = threading.Event()

    def refresh():
        assert go_on.wait(PATIENCE)
        raise StoreUnavailable("nobody there", happened=False)

    async def read():
        freshness = Freshness(refresh, asyncio.get_running_loop())
        asked = [asyncio.ensure_future(freshness.asked()) for _ in range(3)]
        await asyncio.sleep(0)
        go_on.set()
        found = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), PATIENCE)
        assert {type(error) for error in found} == {StoreUnavailable}
        freshness.close()

    asyncio.run(read())
