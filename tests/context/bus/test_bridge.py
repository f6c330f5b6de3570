"""Two buses in two processes that tell each other."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

from framework0.context import MemoryBus
from framework0.context.bus import Bridge, channel
from framework0.errors import BusError


def pair(**options):
    """Return two bridged buses, as if each were in a process of its own, and their bridges."""
    out, far_in = channel()
    far_out, back = channel()
    near, far = MemoryBus(), MemoryBus()
    return near, far, Bridge(near, out, back, **options), Bridge(far, far_out, far_in, **options)


def test_what_is_published_on_one_bus_is_published_on_the_other_and_does_not_come_back():
    near, far, here, there = pair()
    with near, far, here, there:
        inboxes = [bus.inbox("**", overflow="block") for bus in (near, far)]
        near.publish("from.near", {"array": np.arange(3)})
        assert inboxes[1].get(120).value["array"].tolist() == [0, 1, 2]
        far.publish("from.far", 1)
        assert inboxes[0].get(120).topic == "from.near"
        assert inboxes[0].get(120) == ("from.far", 1)
        assert inboxes[1].get(120) == ("from.far", 1)
        # Had anything come back, it would have done so before this.
        near.publish("last", 2)
        assert inboxes[1].get(120) == ("last", 2)
        assert inboxes[0].get(120) == ("last", 2)
        assert [len(inbox) for inbox in inboxes] == [0, 0]


def test_what_a_subscriber_publishes_in_answer_goes_back():
    near, far, here, there = pair()
    with near, far, here, there:
        far.subscribe("ask", lambda _, value: far.publish("answer", value + 1))
        answers = near.inbox("answer", overflow="block")
        near.publish("ask", 1)
        assert answers.get(120).value == 2


def test_a_bridge_carries_what_its_pattern_says():
    near, far, here, there = pair(pattern="out.*")
    with near, far, here, there:
        inbox = far.inbox("**", overflow="block")
        near.publish("in.a", 1)
        near.publish("out.a", 2)
        assert inbox.get(120) == ("out.a", 2)


def test_what_cannot_travel_is_logged_and_counted_and_the_bridge_goes_on(caplog):
    near, far, here, there = pair()
    with near, far, here, there:
        inbox = far.inbox("**", overflow="block")
        near.publish("a", object())
        near.publish("a", 1)
        assert inbox.get(120).value == 1
        assert here.refused == 1
        assert "'a' cannot be passed on" in caplog.text


def test_what_is_no_message_is_logged_and_counted_and_the_bridge_goes_on(caplog):
    sender, receiver = channel()
    bus = MemoryBus()
    inbox = bus.inbox("**", overflow="block")
    with bus, Bridge(bus, receiver=receiver) as bridge:
        sender._end.send(b"nonsense")
        sender.send("a", 1)
        assert inbox.get(120).value == 1
        assert bridge.refused == 1
        assert bridge.dropped == 0
        assert "the bridge goes on without it" in caplog.text
        sender.close()
        assert bridge.wait(120)
        assert bridge.closed


def test_closing_a_bridge_sends_what_waits_and_ends_the_other_one():
    near, far, here, there = pair()
    inbox = far.inbox("**", overflow="block", limit=10_000)
    for number in range(500):
        near.publish("a", number)
    here.close()
    here.close()
    assert there.wait(120)
    assert there.closed
    inbox.close()
    assert [message.value for message in inbox] == list(range(500))
    assert near.publish("a", 1) == far.publish("a", 1) == 0


def test_wait_says_when_the_bridge_stands_still():
    near, far, here, there = pair()
    with near, far, here, there:
        assert here.wait(0.01) is False


def test_closing_the_bus_closes_its_bridge_and_the_other_one():
    near, far, here, there = pair()
    near.close()
    assert here.wait(120)
    assert there.wait(120)
    far.close()


def test_a_bus_that_is_closed_ends_a_bridge_that_only_receives():
    sender, receiver = channel()
    bus = MemoryBus()
    bridge = Bridge(bus, receiver=receiver)
    bus.close()
    sender.send("a", 1)
    assert bridge.wait(120)
    sender.close()


def test_a_process_that_does_not_read_costs_the_bound_of_its_bridge_and_delays_nobody():
    sender, receiver = channel(window=1)
    bus = MemoryBus()
    seen = []
    bus.subscribe("a", lambda _, value: seen.append(value))
    bridge = Bridge(bus, sender, limit=5)
    for _ in range(100):
        bus.publish("a", b"x")
    assert len(seen) == 100
    assert 93 <= bridge.dropped <= 95
    # What waits cannot be sent: nobody reads.
    bridge.close(0.05)
    receiver.close()
    assert bridge.wait(120)


def test_a_bridge_without_an_end_is_refused():
    with pytest.raises(BusError, match="needs an end"):
        Bridge(MemoryBus())


CHILD = """
import sys, threading
from framework0.context import MemoryBus
from framework0.context.bus import Bridge, Receiver, Sender
bus = MemoryBus()
done = threading.Event()
bus.subscribe("work.*", lambda topic, value: bus.publish("result", float(value.mean())))
bridge = Bridge(bus, Sender.from_descriptor(int(sys.argv[1])), Receiver.from_descriptor(int(sys.argv[2])))
bus.publish("ready")
bridge.wait()
"""


def test_a_bridge_reaches_another_process_and_ends_with_it():
    out, far_in = channel()
    far_out, back = channel()
    descriptors = [far_out.fileno(), far_in.fileno()]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, descriptors)], pass_fds=descriptors
    )
    far_in.close()
    far_out.close()
    with MemoryBus() as bus, Bridge(bus, out, back) as bridge:
        inbox = bus.inbox("*", overflow="block")
        assert inbox.get(120).topic == "ready"
        bus.publish("work.one", np.full(100_000, 3.0))
        assert inbox.get(120).value == 3.0
        child.kill()
        assert bridge.wait(120)
    assert child.wait(120) == -9
    for thread in threading.enumerate():
        if thread.name.startswith("framework0-bridge"):
            thread.join(120)
            assert not thread.is_alive()
