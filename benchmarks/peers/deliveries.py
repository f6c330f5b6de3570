"""Publish to subscribers within one process, as ours and each of the small libraries do it.

    PYTHON peers/deliveries.py NAME MESSAGES SUBSCRIBERS

Each gets the cheapest call it offers for one topic and one value, and callbacks that do nothing. The clock
starts when all have subscribed and a tenth of the messages has been published.
"""

# The callbacks do nothing with what they are told: the delivery is what is timed.
# ruff: noqa: ARG005

from __future__ import annotations

import gc
import json
import sys
from time import perf_counter

TOPIC = "sensors.door"


def ours(subscribers):
    from framework0.context import MemoryBus

    bus = MemoryBus()
    for _ in range(subscribers):
        bus.subscribe("sensors.*", lambda topic, value: None)
    return lambda value: bus.publish(TOPIC, value)


def blinker(subscribers):
    from blinker import signal

    found = signal(TOPIC)
    for _ in range(subscribers):
        found.connect(lambda sender, value: None, weak=False)
    return lambda value: found.send(None, value=value)


def pypubsub(subscribers):
    from pubsub import pub

    kept.extend(lambda value: None for _ in range(subscribers))
    for listener in kept:
        pub.subscribe(listener, TOPIC)
    return lambda value: pub.sendMessage(TOPIC, value=value)


def pyee(subscribers):
    from pyee.base import EventEmitter

    emitter = EventEmitter()
    for _ in range(subscribers):
        emitter.on(TOPIC, lambda value: None)
    return lambda value: emitter.emit(TOPIC, value)


# PyPubSub refers to its listeners weakly.
kept = []
SIDES = {"ours": ours, "blinker": blinker, "PyPubSub": pypubsub, "pyee": pyee}


def main():
    name, messages, subscribers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    publish = SIDES[name](subscribers)
    for value in range(messages // 10):
        publish(value)
    gc.collect()
    started = perf_counter()
    for value in range(messages):
        publish(value)
    print(json.dumps({"seconds": perf_counter() - started}))


if __name__ == "__main__":
    main()
