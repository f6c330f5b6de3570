"""The feed of one connection, move by move, where luck would be needed to meet them otherwise."""

from __future__ import annotations

import json

import pytest

from framework0.context import MemoryStore, Write
from framework0.context.change import Author
from framework0.context.wire.effects import CatchUp, Close, Missed, Picture
from framework0.errors import WorkspaceError
from tests.context.wire.performing import Connection

BY = Author("ann")


def put(store, *keys):
    return store.apply([Write(key, key) for key in keys], BY, 1.0)


def say(connection, **message):
    connection.receive(json.dumps(message))


def heard(connection):
    messages = [json.loads(data) for data in connection.sent]
    connection.sent.clear()
    return messages


def follower(store, **hello):
    connection = Connection(store, lazy=True)
    say(connection, type="hello", protocol=1, token="r", **hello)
    connection.run()
    heard(connection)
    return connection


def waiting(connection, kind):
    return [what for _, what in connection.work if type(what) is kind]


def test_what_a_slow_client_lost_comes_as_pictures_and_nothing_between_is_missed():
    store = MemoryStore(keep_changes=2)
    client = follower(store, since=0, epoch=store.epoch(), follow="a*")
    say(client, type="subscribe", id=1, pattern="b*")
    client.run()
    heard(client)
    put(store, "a1", "b1"), put(store, "a2", "b2"), put(store, "a3", "b3")
    client.work.clear()
    client.perform(client.session.left_out(store.version()))
    client.step()
    pictures = waiting(client, Picture)
    assert [(each.why, each.pattern, each.subscription) for each in pictures] == [
        ("lost", "a*", None),
        ("lost", "b*", 1),
    ]
    # The first is taken before, the second after this; a subscription that begins now must wait.
    client.step()
    say(client, type="subscribe", id=2, pattern="c")
    put(store, "a4", "b4")
    client.run()
    messages = heard(client)
    parts = [message for message in messages if message["type"] == "snapshot"]
    assert [(part["version"], part.get("subscription")) for part in parts] == [(6, None), (8, 1)]
    assert [entry[0] for entry in parts[0]["entries"]] == ["a1", "a2", "a3"]
    changes = [change for m in messages if m["type"] == "changes" for change in m["changes"]]
    assert [change[:2] for change in changes] == [[7, "a4"], [8, "b4"]]
    assert any(message.get("id") == 2 for message in messages)


def test_a_subscription_whose_past_was_trimmed_meanwhile_gets_a_picture():
    store = MemoryStore(keep_changes=5)
    put(store, "a", "b")
    client = follower(store, since=2, epoch=store.epoch())
    say(client, type="subscribe", id=1, pattern="a", since=0, epoch=store.epoch())
    client.step()
    assert waiting(client, Missed)
    put(store, "c", "d", "e", "f")
    client.run()
    messages = heard(client)
    assert messages[0]["resume"] == "changes"
    (part,) = [message for message in messages if message["type"] == "snapshot"]
    assert (part["why"], part["subscription"], part["entries"]) == ("trimmed", 1, [["a", "a", 1]])


def test_a_subscription_that_ends_while_its_past_is_read_gets_nothing():
    store = MemoryStore()
    put(store, "a", "b")
    for since in (0, 9):
        client = follower(store, since=2, epoch=store.epoch())
        say(client, type="subscribe", id=1, pattern="**", since=since, epoch=store.epoch())
        client.step()
        heard(client)
        say(client, type="unsubscribe", id=2, subscription=1)
        client.run()
        assert [message["type"] for message in heard(client)] == ["reply"]
        put(store, "c")
        client.run()
        assert heard(client)[0]["changes"][0][1] == "c"
        client.cut()
        store = MemoryStore()
        put(store, "a", "b")


@pytest.mark.parametrize(
    ("error", "code"), [(WorkspaceError("the disk is gone"), 1013), (RuntimeError("bug"), 1011)]
)
@pytest.mark.parametrize("kind", [CatchUp, Picture])
def test_a_client_that_cannot_be_told_what_it_missed_is_closed(error, code, kind):
    store = MemoryStore()
    put(store, "a")
    hello = {"since": 0, "epoch": store.epoch()} if kind is CatchUp else {"follow": "**"}
    client = Connection(store, lazy=True)
    say(client, type="hello", protocol=1, token="r", **hello)
    client.step()
    (effect,) = waiting(client, kind)
    client.work.clear()
    effects = client.session.answered(effect, error)
    assert [type(each) for each in effects] == [Close]
    assert effects[0].code == code
    assert client.session.closed
    assert client.session.answered(effect, []) == []


def test_a_subscription_that_could_not_begin_can_be_asked_for_again():
    store = MemoryStore()
    client = follower(store)
    say(client, type="subscribe", id=1, pattern="a")
    ((_, effect),) = client.work
    client.work.clear()
    client.perform(client.session.answered(effect, WorkspaceError("not now")))
    assert heard(client)[0]["code"] == "unavailable"
    say(client, type="subscribe", id=1, pattern="a")
    say(client, type="subscribe", id=1, pattern="a")
    client.run()
    assert [message["type"] for message in heard(client)] == ["error", "reply"]


def test_a_batch_that_overlaps_what_was_sent_is_cut():
    store = MemoryStore()
    client = follower(store, since=0, epoch=store.epoch())
    put(store, "a"), put(store, "b")
    client.run()
    heard(client)
    from framework0.context.wire.frames import Batch

    put(store, "c")
    client.work.clear()
    client.perform(client.session.changes(Batch(list(store.changes()))))
    (message,) = heard(client)
    assert [change[1] for change in message["changes"]] == ["c"]
    assert client.session.position == 3


def test_a_large_snapshot_comes_in_parts_with_the_reason_in_the_first():
    store = MemoryStore()
    for number in range(5):
        store.apply([Write(f"k{number}", "x" * 60_000)], BY, 1.0)
    client = Connection(store)
    say(client, type="hello", protocol=1, token="r", follow="**")
    parts = heard(client)[1:]
    assert [(part.get("why"), part["more"], len(part["entries"])) for part in parts] == [
        ("new", True, 2),
        (None, True, 2),
        (None, False, 1),
    ]
