"""The client for asyncio: the same answers, and watches that go on through cuts."""

from __future__ import annotations

import asyncio
import sys

import pytest

from framework0.context import AsyncContextClient, MemoryStore, Write
from framework0.context.change import Author
from framework0.context.remote import watching
from framework0.errors import (
    ContextError,
    RefusedError,
    StoreUnavailable,
    UsageError,
    VersionConflict,
)
from tests.context.remote.serving import SmallServer

BY = Author("other")


def put(store, key, value):
    return store.apply((Write(key, value),), BY, 1.0)[0]


def run(server, work, **options):
    """Run ``work(client)`` with a client of the server."""
    options.setdefault("token", "a")
    options.setdefault("timeout", 100)

    async def main():
        async with asyncio.timeout(120):
            async with AsyncContextClient(server.url, **options) as client:
                return await work(client)

    return asyncio.run(main())


async def take(watch, count):
    found = []
    async for change in watch:
        found.append(change)
        if len(found) == count:
            return found
    return found


def test_what_can_be_asked_of_a_context_can_be_asked(server):
    async def work(client):
        assert await client.get("a", 5) == 5
        assert await client.set("a", {"x": 1}) == 1
        assert await client.get("a", fresh=True) == {"x": 1}
        assert await client.set("b", None, expect=0) == 2
        with pytest.raises(VersionConflict):
            await client.set("b", 2, expect=0)
        writes = [Write("c", 3), Write("a", None, True)]
        assert await client.transaction(writes, {"c": 0}) == 4
        assert await client.delete("c") is True
        assert await client.delete("c") is False
        assert await client.keys() == ["b"]
        assert await client.items("b*") == [("b", None)]
        assert await client.at(3) == {"a": {"x": 1}, "b": None, "c": 3}
        assert await client.tags() == {}
        assert (await client.presence())[0]["client"] == "me"
        await client.ping()
        assert [change.key for change in await client.history("a")] == ["a", "a"]
        assert len(await client.history(since=2)) == 3
        return client.role

    assert run(server, work) == "admin"


def test_pages_are_put_together(server):
    server.store.apply([Write(f"k{number:04}", number) for number in range(2_500)], BY, 1.0)

    async def work(client):
        assert len(await client.keys()) == 2_500
        assert len(await client.items()) == 2_500
        assert len(await client.history()) == 2_500
        assert len(await client.at(2_400)) == 2_400

    run(server, work)


def test_requests_of_many_tasks_share_the_connection(server):
    async def work(client):
        versions = await asyncio.gather(*(client.set(f"k{n}", n) for n in range(100)))
        assert sorted(versions) == list(range(1, 101))

    run(server, work)
    assert server.connected == 1


def test_a_watch_tells_each_change_once_through_cuts(server):
    async def work(client):
        await client.set("a.first", 0)
        task = asyncio.create_task(take(client.watch("a.**", since=0, epoch=epoch), 100))
        for number in range(1, 100):
            await client.set(f"a.{number}", number)
            await client.set(f"b.{number}", number)
            if number % 25 == 0:
                server.cut()
        found = await task
        assert [change.value for change in found] == list(range(100))
        assert client.reconnects >= 3

    epoch = server.store.epoch()
    run(server, work)


def test_a_write_whose_answer_was_lost_counts_once(server):
    server.cuts_after_writes.extend([True, False, False, True, True, False])

    async def work(client):
        for number in range(3):
            await client.set("a", number)

    run(server, work)
    assert [change.value for change in server.store.changes()] == [0, 1, 2]


def test_a_watch_begins_with_what_comes(server):
    put(server.store, "a", 1)

    async def work(client):
        await client.ping()
        watch = client.watch()
        task = asyncio.create_task(take(watch, 1))
        while not server.lines[0][1].session._feed.subscriptions:
            await client.ping()
        await client.set("a", 2)
        (change,) = await task
        assert change.value == 2
        await watch.aclose()
        await client.ping()
        assert server.lines[0][1].session._feed.subscriptions == 0

    run(server, work)


def test_after_a_gap_what_differs_is_told(server):
    put(server.store, "a", 1), put(server.store, "b", 1)

    async def work(client):
        watch = client.watch(since=0, epoch=server.store.epoch())
        assert [change.value for change in await take_some(watch, 2)] == [1, 1]
        server.stop()
        server.store = MemoryStore()
        put(server.store, "a", 5)
        server.start()
        found = await take_some(watch, 2)
        assert {(change.key, change.value, change.removed, change.who) for change in found} == {
            ("a", 5, False, "resync"),
            ("b", None, True, "resync"),
        }
        await watch.aclose()

    async def take_some(watch, count):
        return [await anext(watch) for _ in range(count)]

    run(server, work)


def test_a_reader_that_is_slow_is_told_the_rest_from_the_log(server, monkeypatch):
    monkeypatch.setattr(watching, "MOST_WAITING", 10)

    async def work(client):
        watch = client.watch(since=0, epoch=server.store.epoch())
        await client.set("k", -1)
        found = [await anext(watch)]
        for number in range(200):
            await client.set("k", number)
        found += [await anext(watch) for _ in range(200)]
        assert [change.value for change in found] == list(range(-1, 200))
        await watch.aclose()

    run(server, work)


def test_without_a_server_a_call_says_so_after_its_time():
    server = SmallServer()
    server.stop()

    async def work(client):
        with pytest.raises(StoreUnavailable, match=r"0\.2 seconds") as away:
            await client.set("a", 1)
        assert away.value.happened is None
        with pytest.raises(StoreUnavailable) as away:
            await client.get("a")
        assert away.value.happened is False
        assert client.connected is False

    run(server, work, timeout=0.2)


def test_a_wrong_token_is_said_at_once(server):
    async def work(client):
        with pytest.raises(RefusedError, match="no such token"):
            await client.get("a")

    run(server, work, token="wrong")


def test_after_closing_nothing_is_answered_and_watches_end(server):
    async def work(client):
        await client.ping()
        task = asyncio.create_task(take(client.watch(), 5))
        await asyncio.sleep(0)
        await client.close()
        assert await task == []
        with pytest.raises(ContextError, match="closed"):
            await client.get("a")

    run(server, work)


def test_without_the_library_one_sentence_says_what_to_install(server, monkeypatch):
    monkeypatch.setitem(sys.modules, "websockets.asyncio.client", None)

    async def work(client):
        raise AssertionError(client)

    with pytest.raises(UsageError, match=r"pip install 'framework0\[remote\]'"):
        run(server, work)


class AwayAfterOne(MemoryStore):
    """Does the first write, and has no majority from then on."""

    def apply_all(self, requests):
        if self.version():
            return [
                StoreUnavailable("nobody answers for the log", happened=False) for _ in requests
            ]
        return super().apply_all(requests)


def test_of_a_write_that_was_sent_before_a_cut_nothing_is_certain():
    server = SmallServer(AwayAfterOne())
    server.cuts_after_writes.append(True)

    async def work(client):
        told = []
        for value in (1, 2):
            with pytest.raises(StoreUnavailable) as caught:
                await client.set("a", value)
            told.append(caught.value.happened)
        return told

    try:
        assert run(server, work) == [None, False]
    finally:
        server.stop()
