"""Who publishes does not know who listens: callbacks in the publisher's thread."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import pytest

import framework0.context.bus as door
from framework0.context import MemoryBus
from framework0.context.bus import routes
from framework0.errors import BusClosed, BusError, ContextError


@pytest.fixture
def bus():
    with MemoryBus() as bus:
        yield bus


def test_the_public_names_are_sorted_and_all_there():
    assert list(door.__all__) == sorted(door.__all__)
    for name in door.__all__:
        assert getattr(door, name).__name__ == name
    assert set(door.__all__) <= set(dir(door))
    assert door.MemoryBus is MemoryBus


def test_a_bus_loads_nothing_heavy_and_starts_no_thread():
    code = (
        "import sys, threading\n"
        "before, threads = set(sys.modules), threading.active_count()\n"
        "from framework0.context import MemoryBus\n"
        "bus = MemoryBus()\n"
        "bus.subscribe('a', print)\n"
        "bus.publish('a', 1)\n"
        "heavy = {'asyncio', 'inspect', 'logging', 'socket', 'numpy', 'json', 'mmap'}\n"
        "print(heavy & (set(sys.modules) - before), threading.active_count() - threads)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "a 1\nset() 0\n"


def test_callbacks_are_called_in_the_publishers_thread_in_the_order_they_subscribed(bus):
    seen = []
    for name in ("first", "second"):
        bus.subscribe(
            "a.*",
            lambda topic, value, name=name: seen.append(
                (name, topic, value, threading.current_thread())
            ),
        )
    bus.subscribe("a.b", lambda topic, value: seen.append(("third", topic, value, None)))
    assert bus.publish("a.b", 1) == 3
    here = threading.current_thread()
    assert seen == [
        ("first", "a.b", 1, here),
        ("second", "a.b", 1, here),
        ("third", "a.b", 1, None),
    ]


def test_values_are_handed_over_as_they_are(bus):
    seen, value = [], object()
    bus.subscribe("a", lambda _, value: seen.append(value))
    bus.publish("a", value)
    bus.publish("a")
    assert seen == [value, None]


def test_nobody_listening_is_no_mistake(bus):
    assert bus.publish("a.b") == 0
    bus.subscribe("a.c", print)
    assert bus.publish("a.b") == 0


@pytest.mark.parametrize("topic", ["", "a\nb", None, 3, ["a"], "x" * 1000])
def test_what_is_no_topic_is_refused_by_everybody(bus, topic):
    bus.subscribe("**", print)
    for call in (bus.publish, bus.request):
        with pytest.raises(ContextError):
            call(topic)


@pytest.mark.parametrize("pattern", ["", None, "a\nb"])
def test_what_is_no_pattern_is_refused_by_everybody(bus, pattern):
    for call in (
        lambda: bus.subscribe(pattern, print),
        lambda: bus.inbox(pattern, overflow="block"),
        lambda: bus.respond(pattern, print),
        lambda: bus.questions(pattern),
    ):
        with pytest.raises(ContextError):
            call()
    assert bus.publish("a") == 0


def test_a_subscription_ends_when_it_is_called_and_calling_again_is_harmless(bus):
    seen = []
    end = bus.subscribe("a", lambda _, value: seen.append(value))
    other = bus.subscribe("*", lambda _, value: seen.append(-value))
    bus.publish("a", 1)
    end()
    end()
    assert bus.publish("a", 2) == 1
    other()
    assert bus.publish("a", 3) == 0
    assert seen == [1, -1, -2]


def test_the_same_callback_may_subscribe_twice_and_end_once(bus):
    seen = []
    end = bus.subscribe("a", lambda _, value: seen.append(value))
    bus.subscribe("a", lambda _, value: seen.append(value))
    bus.publish("a", 1)
    end()
    bus.publish("a", 2)
    assert seen == [1, 1, 2]


def test_a_failing_callback_is_logged_and_hurts_nobody(bus, caplog):
    seen = []

    def broken(topic, value):
        raise ValueError(f"no {value}")

    bus.subscribe("a.*", broken)
    bus.subscribe("a.*", lambda _, value: seen.append(value))
    with caplog.at_level(logging.ERROR, "framework0.context.bus"):
        assert bus.publish("a.b", 1) == 2
    assert seen == [1]
    assert "'a.*' failed on 'a.b'" in caplog.text
    assert "ValueError: no 1" in caplog.text


def test_ctrl_c_in_a_callback_reaches_the_publisher(bus):
    def interrupt(topic, value):
        raise KeyboardInterrupt

    bus.subscribe("a", interrupt)
    for _ in range(60):
        with pytest.raises(KeyboardInterrupt):
            bus.publish("a")


def test_an_async_callback_is_refused_with_what_to_do_instead(bus):
    async def nobody_awaits_me(topic, value):
        del topic, value

    with pytest.raises(BusError, match=r"nobody_awaits_me is async.*async for"):
        bus.subscribe("a", nobody_awaits_me)


def test_what_a_callback_publishes_reaches_everybody_before_it_goes_on(bus):
    seen = []
    bus.subscribe("a", lambda _, value: bus.publish("b", value + 1))
    bus.subscribe("a", lambda topic, value: seen.append((topic, value)))
    bus.subscribe("b", lambda topic, value: seen.append((topic, value)))
    bus.publish("a", 1)
    assert seen == [("b", 2), ("a", 1)]


def test_who_subscribes_within_a_callback_is_told_from_the_next_message_on(bus):
    seen = []

    def more(topic, value):
        bus.subscribe("a", lambda _, value: seen.append(value))

    bus.subscribe("a", more)
    bus.publish("a", 1)
    assert seen == []
    bus.publish("a", 2)
    assert seen == [2]


def test_who_is_ended_within_a_callback_is_not_called_any_more(bus):
    seen = []
    ends = []
    bus.subscribe("a", lambda *_: [end() for end in ends])
    ends.append(bus.subscribe("a", lambda _, value: seen.append(value)))
    bus.publish("a", 1)
    assert seen == []


def test_a_callback_may_end_itself(bus):
    seen = []

    def once(topic, value):
        seen.append(value)
        end()

    end = bus.subscribe("*", once)
    bus.publish("a", 1)
    bus.publish("a", 2)
    assert seen == [1]


def test_callbacks_that_publish_in_a_circle_are_stopped_and_the_others_served(bus, caplog):
    seen = []
    calls = []

    def again(topic, value):
        calls.append(topic)
        bus.publish("b" if topic == "a" else "a", value)

    # Two of them: each level would begin twice as many as the one before.
    bus.subscribe("a", again)
    bus.subscribe("b", again)
    bus.subscribe("a", again)
    bus.subscribe("b", again)
    bus.subscribe("a", lambda _, value: seen.append(value))
    assert bus.publish("a", 1) == 3
    assert seen == [1]
    assert len(calls) == 100
    assert "publish in a circle" in caplog.text
    assert bus.publish("c") == 0


def test_a_chain_that_is_long_but_no_circle_is_passed_on(bus):
    seen = []
    bus.subscribe(
        "*",
        lambda topic, value: seen.append(topic) or (value and bus.publish(f"n{value}", value - 1)),
    )
    bus.publish("n", 49)
    assert len(seen) == 50


def test_more_topics_than_are_remembered_are_matched_again(bus, monkeypatch):
    monkeypatch.setattr(routes, "REMEMBERED_TOPICS", 5)
    seen = []
    bus.subscribe("t*1", lambda topic, _: seen.append(topic))
    for number in range(40):
        bus.publish(f"t{number}")
    assert seen == ["t1", "t11", "t21", "t31"]
    assert len(bus._subscribers.known) <= 5


def test_publishing_to_a_closed_bus_is_refused_and_closing_again_harmless(bus):
    seen = []
    bus.subscribe("a", lambda _, value: seen.append(value))
    end = bus.subscribe("**", lambda _, value: seen.append(value))
    bus.publish("a", 1)
    bus.close()
    bus.close()
    end()
    for call in (
        lambda: bus.publish("a", 2),
        lambda: bus.subscribe("a", print),
        lambda: bus.inbox("a", overflow="block"),
        lambda: bus.request("a"),
        lambda: bus.respond("a", print),
    ):
        with pytest.raises(BusClosed, match="closed"):
            call()
    assert seen == [1, 1]


def test_close_within_a_callback_ends_the_bus_after_this_message(bus):
    seen = []
    bus.subscribe("a", lambda *_: bus.close())
    bus.subscribe("a", lambda _, value: seen.append(value))
    bus.publish("a", 1)
    assert seen == [1]
    with pytest.raises(BusClosed):
        bus.publish("a", 2)


@pytest.mark.slow
def test_no_message_is_lost_or_doubled_while_others_come_and_go(bus):
    counts = [[0] * 4 for _ in range(2)]

    def publish(number):
        for value in range(2_000):
            bus.publish(f"t.{number}", value)

    def come_and_go():
        for _ in range(500):
            ends = [bus.subscribe(pattern, lambda *_: None) for pattern in ("t.*", "t.1", "**")]
            for end in ends:
                end()

    def count(kind):
        return lambda topic, _: add(counts[kind], int(topic[2:]))

    def add(row, number):
        # Each topic has one publisher, so no two threads count in one place.
        row[number] += 1

    bus.subscribe("t.*", count(0))
    for number in range(4):
        bus.subscribe(f"t.{number}", count(1))
    threads = [threading.Thread(target=publish, args=(number,)) for number in range(4)]
    threads += [threading.Thread(target=come_and_go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert counts == [[2_000] * 4] * 2
