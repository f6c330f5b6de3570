"""Subscribers that read at their own pace, in threads and on event loops."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter

import pytest

from framework0.context import MemoryBus
from framework0.errors import BusClosed, BusError, ContextError, WaitTimeout


@pytest.fixture
def bus():
    with MemoryBus() as bus:
        yield bus


def started(work, *args):
    thread = threading.Thread(target=work, args=args, daemon=True)
    thread.start()
    return thread


def waits_for_room(inbox):
    """Return when a publisher stands before the inbox; the test's time limit is pytest's."""
    while not inbox._writers:
        threading.Event().wait(0.001)


async def until(condition):
    # What is waited for has no event: it is inside the inbox.
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)


def values(inbox):
    return [message.value for message in inbox]


def test_messages_wait_in_order_until_they_are_read(bus):
    inbox = bus.inbox("a.*", overflow="block")
    assert bus.publish("a.b", 1) == 1
    bus.publish("a.c", 2)
    bus.publish("b", 3)
    assert (len(inbox), inbox.dropped, bool(inbox)) == (2, 0, True)
    assert "'a.*', open, waiting=2, dropped=0" in repr(inbox)
    assert inbox.get() == ("a.b", 1)
    assert inbox.get(1).topic == "a.c"
    assert bus.inboxes == (inbox,)


def test_drop_oldest_keeps_the_newest_and_counts(bus, caplog):
    inbox = bus.inbox("a", overflow="drop_oldest", limit=3)
    for number in range(10):
        assert bus.publish("a", number) == 1
    inbox.close()
    assert values(inbox) == [7, 8, 9]
    assert inbox.dropped == 7
    assert caplog.text.count("slower than what is published") == 1


def test_conflate_keeps_the_newest_of_each_topic(bus):
    inbox = bus.inbox("*", overflow="conflate", limit=3)
    for number in range(10):
        bus.publish("ab"[number % 2], number)
    inbox.close()
    assert [tuple(message) for message in inbox] == [("a", 8), ("b", 9)]
    assert inbox.dropped == 8


def test_conflate_may_go_by_a_key_of_the_message(bus):
    inbox = bus.inbox(
        "*", overflow="conflate", limit=2, key=lambda message: message.value["sensor"]
    )
    for number in range(9):
        bus.publish("reading", {"sensor": number % 2, "value": number})
    assert [inbox.get().value["value"] for _ in range(2)] == [7, 8]
    assert inbox.dropped == 7


def test_a_key_that_fails_costs_its_message_only(bus, caplog):
    inbox = bus.inbox("*", overflow="conflate", key=lambda message: message.value["sensor"])
    for value in ({"sensor": 1}, {}, {"sensor": []}, {"sensor": 2}):
        assert bus.publish("reading", value) == 1
    inbox.close()
    assert values(inbox) == [{"sensor": 1}, {"sensor": 2}]
    assert inbox.dropped == 2
    assert "KeyError" in caplog.text
    assert "unhashable" in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"overflow": "lose"},
        {"overflow": "block", "limit": 0},
        {"overflow": "block", "key": id},
        {"overflow": "drop_oldest", "key": id},
    ],
)
def test_an_unknown_policy_an_empty_inbox_and_a_key_without_use_are_refused(bus, options):
    with pytest.raises(ContextError):
        bus.inbox("a", **options)
    assert bus.inboxes == ()


def test_block_makes_publishers_wait_until_there_is_room(bus):
    inbox = bus.inbox("a", overflow="block", limit=2, timeout=None)
    done = []
    publisher = started(lambda: [done.append(bus.publish("a", number)) for number in range(5)])
    waits_for_room(inbox)
    assert done == [1, 1]
    assert [inbox.get(120).value for _ in range(5)] == [0, 1, 2, 3, 4]
    publisher.join(120)
    assert (done, inbox.dropped) == ([1] * 5, 0)


def test_block_gives_the_message_up_after_its_time_and_says_so(bus, caplog):
    inbox = bus.inbox("a", overflow="block", limit=1, timeout=0.01)
    assert [bus.publish("a", number) for number in range(3)] == [1, 0, 0]
    assert inbox.dropped == 2
    inbox.close()
    assert values(inbox) == [0]
    assert "its policy: block" in caplog.text


def test_everybody_else_has_the_message_before_a_full_inbox_is_waited_for(bus):
    blocking = bus.inbox("a", overflow="block", limit=1, timeout=None)
    dropping = bus.inbox("a", overflow="drop_oldest")
    seen = []
    bus.subscribe("a", lambda _, value: seen.append(value))
    bus.publish("a", 1)
    publisher = started(bus.publish, "a", 2)
    waits_for_room(blocking)
    assert seen == [1, 2]
    assert [dropping.get(120).value for _ in range(2)] == [1, 2]
    blocking.get()
    publisher.join(120)
    assert blocking.get(120).value == 2


def test_closing_an_inbox_lets_waiting_publishers_go(bus):
    inbox = bus.inbox("a", overflow="block", limit=1, timeout=None)
    bus.publish("a", 1)
    publisher = started(bus.publish, "a", 2)
    waits_for_room(inbox)
    inbox.close()
    publisher.join(120)
    assert not publisher.is_alive()
    assert values(inbox) == [1]


def test_what_waits_can_be_read_after_close_and_then_it_ends(bus):
    with bus.inbox("a", overflow="block") as inbox:
        bus.publish("a", 1)
    bus.publish("a", 2)
    assert "closed" in repr(inbox)
    assert bus.inboxes == ()
    assert values(inbox) == [1]
    with pytest.raises(BusClosed, match="everything in it is read"):
        inbox.get()
    inbox.close()


def test_get_says_when_time_ran_out(bus):
    inbox = bus.inbox("a", overflow="block")
    with pytest.raises(WaitTimeout, match=r"'a' within 0\.001 s"):
        inbox.get(0.001)
    bus.publish("a", 1)
    assert inbox.get(0).value == 1


def test_closing_the_bus_wakes_every_reader(bus):
    inbox = bus.inbox("a", overflow="block")
    ended = []
    readers = [started(lambda: ended.append(values(inbox))) for _ in range(3)]
    for _ in range(1_000):
        if len(inbox._readers) == 3:
            break
        threading.Event().wait(0.005)
    bus.close()
    for reader in readers:
        reader.join(120)
    assert ended == [[], [], []]


def test_of_several_readers_each_message_is_read_by_one(bus):
    inbox = bus.inbox("a", overflow="block", limit=10, timeout=None)
    read = [[] for _ in range(4)]
    readers = [started(lambda mine=mine: mine.extend(values(inbox))) for mine in read]
    writers = [
        started(lambda first=first: [bus.publish("a", first + n) for n in range(500)])
        for first in (0, 500)
    ]
    for writer in writers:
        writer.join(120)
    inbox.close()
    for reader in readers:
        reader.join(120)
    assert sorted(n for mine in read for n in mine) == list(range(1_000))
    for mine in read:
        # In the order in which each publisher published.
        assert [n for n in mine if n < 500] == sorted(n for n in mine if n < 500)


def test_a_task_reads_what_other_threads_publish(bus):
    async def read():
        inbox = bus.inbox("a", overflow="block", limit=5, timeout=None)
        publisher = started(lambda: [bus.publish("a", number) for number in range(500)])
        found = []
        async for message in inbox:
            found.append(message.value)
            if len(found) == 500:
                inbox.close()
        publisher.join(120)
        return found

    assert asyncio.run(read()) == list(range(500))


def test_a_task_that_is_cancelled_loses_no_message(bus):
    async def read():
        inbox = bus.inbox("a", overflow="block")
        first, second = (asyncio.ensure_future(inbox.aget()) for _ in range(2))
        await until(lambda: len(inbox._readers) < 2)
        # The first is called, and then cancelled before it could look.
        bus.publish("a", 1)
        first.cancel()
        assert (await asyncio.wait_for(second, 120)).value == 1
        with pytest.raises(asyncio.CancelledError):
            await first
        third = asyncio.ensure_future(inbox.aget())
        await until(lambda: not inbox._readers)
        third.cancel()
        with pytest.raises(asyncio.CancelledError):
            await third
        bus.publish("a", 2)
        return (await inbox.aget()).value

    assert asyncio.run(read()) == 2


def test_a_full_inbox_does_not_keep_its_loop_from_other_tasks(bus):
    async def main():
        inbox = bus.inbox("a", overflow="block", limit=1_000)
        for number in range(1_000):
            bus.publish("a", number)
        inbox.close()
        turns = 0

        async def other():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.ensure_future(other())
        count = 0
        async for _ in inbox:
            count += 1
        beside.cancel()
        return count, turns

    count, turns = asyncio.run(main())
    assert count == 1_000
    assert turns >= 9


def test_publishing_into_the_own_loops_full_inbox_is_refused_not_waited_for(bus):
    async def main():
        read = []
        inbox = bus.inbox("a", overflow="block", limit=1, timeout=None)
        bus.publish("a", 0)
        assert (await inbox.aget()).value == 0
        bus.publish("a", 1)
        with pytest.raises(BusError, match="apublish"):
            bus.publish("a", 2)
        assert inbox.dropped == 1
        # Others that are full get it nevertheless.
        other = bus.inbox("a", overflow="block", limit=1, timeout=None)
        other.offer(("a", 0))
        reader = started(lambda: read.extend(other.get(120)[1] for _ in range(2)))
        with pytest.raises(BusError, match="apublish"):
            bus.publish("a", 2)
        reader.join(120)
        assert read == [0, 2]
        other.close()
        waiting = asyncio.ensure_future(bus.apublish("a", 3))
        assert (await inbox.aget()).value == 1
        assert await waiting == 1
        return (await inbox.aget()).value

    assert asyncio.run(main()) == 3


def test_apublish_tells_everybody_and_gives_up_in_time(bus):
    async def main():
        seen = []
        bus.subscribe("a", lambda _, value: seen.append(value))
        inbox = bus.inbox("a", overflow="block", limit=1, timeout=0.01)
        counts = [await bus.apublish("a", number) for number in range(2)]
        inbox.close()
        return seen, counts, [message.value async for message in inbox], inbox.dropped

    assert asyncio.run(main()) == ([0, 1], [2, 1], [0], 1)


def test_a_cancelled_apublish_leaves_the_line(bus):
    async def main():
        inbox = bus.inbox("a", overflow="block", limit=1, timeout=None)
        bus.publish("a", 0)
        cancelled = asyncio.ensure_future(bus.apublish("a", 1))
        patient = asyncio.ensure_future(bus.apublish("a", 2))
        await until(lambda: len(inbox._writers) < 2)
        assert inbox.get().value == 0
        # It was the first one's turn.
        cancelled.cancel()
        assert (await asyncio.wait_for(inbox.aget(), 120)).value == 2
        assert await patient == 1
        with pytest.raises(asyncio.CancelledError):
            await cancelled

    asyncio.run(main())


def test_a_reader_whose_loop_has_ended_hurts_nobody(bus):
    inbox = bus.inbox("a", overflow="block")

    async def wait_in_vain():
        waiting = asyncio.ensure_future(inbox.aget())
        await until(lambda: not inbox._readers)
        # Forgotten without being cancelled, as when a loop is stopped and closed.
        return waiting

    loop = asyncio.new_event_loop()
    waiting = loop.run_until_complete(wait_in_vain())
    waiting._log_destroy_pending = False
    loop.close()
    assert bus.publish("a", 1) == 1
    assert inbox.get(120).value == 1


def test_a_slow_reader_harms_nobody_but_by_block(bus):
    never_read = [
        bus.inbox("a", overflow=overflow, limit=3) for overflow in ("drop_oldest", "conflate")
    ]
    seen, quick = Counter(), bus.inbox("a", overflow="block", limit=5, timeout=None)
    reader = started(lambda: [seen.update([message.value]) for message in quick])
    for number in range(1_000):
        bus.publish("a", number)
    quick.close()
    reader.join(120)
    assert len(seen) == sum(seen.values()) == 1_000
    assert [len(inbox) for inbox in never_read] == [3, 1]
    assert [inbox.dropped for inbox in never_read] == [997, 999]


def test_nothing_is_logged_when_everybody_keeps_up(bus, caplog):
    inbox = bus.inbox("a", overflow="drop_oldest", limit=2)
    with caplog.at_level(logging.DEBUG):
        for number in range(10):
            bus.publish("a", number)
            assert inbox.get().value == number
    assert caplog.text == ""
    assert inbox.dropped == 0


def test_room_or_an_end_that_came_meanwhile_is_not_waited_for(bus):
    inbox = bus.inbox("a", overflow="block", limit=1, timeout=None)
    offer = inbox.offer

    def full_at_first(message):
        # As if a reader had taken what was there just after this.
        inbox.offer = offer
        return False

    inbox.offer = full_at_first
    assert bus.publish("a", 1) == 1
    assert inbox.get(0).value == 1
    inbox.offer = full_at_first
    assert asyncio.run(bus.apublish("a", 2)) == 1
    assert inbox.get(0).value == 2
    # Found by a publisher just before it was closed.
    inbox.close()
    assert inbox.offer(("a", 3)) is True
    assert len(inbox) == 0


def test_a_publisher_that_is_interrupted_leaves_the_line(bus, monkeypatch):
    inbox = bus.inbox("a", overflow="block", limit=1, timeout=None)
    bus.publish("a", 0)

    def interrupted(self, until):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("framework0.context.bus.bells.ThreadBell.wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            bus.publish("a", 1)
        assert inbox.get().value == 0
        with pytest.raises(KeyboardInterrupt):
            inbox.get()
    assert not inbox._writers
    assert not inbox._readers
    assert inbox.dropped == 1
