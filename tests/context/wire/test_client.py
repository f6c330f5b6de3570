"""The client's machine: what a server may say, and what no server says."""

from __future__ import annotations

import json

import pytest

from framework0.context.change import Entry
from framework0.context.wire.client import (
    Answer,
    Broken,
    ClientSession,
    Failed,
    Farewell,
    Happened,
    Part,
    Welcome,
    must_fit,
)
from framework0.context.wire.codec import Malformed

WELCOME = {
    "type": "welcome",
    "protocol": 1,
    "epoch": "e1",
    "version": 5,
    "role": "write",
    "who": "ci",
    "namespace": "default",
    "limits": {"keys": 5},
    "resume": "changes",
    "now": 1.5,
}


@pytest.fixture
def client():
    client = ClientSession()
    client.hello(token="t", since=3, epoch="e1", patches=None)
    assert client.receive(json.dumps(WELCOME)) == [
        Welcome("e1", 5, "write", "ci", "changes", None, 1.5, {"keys": 5})
    ]
    return client


def hear(client, **message):
    return client.receive(json.dumps(message).encode())


def test_hello_leaves_out_what_is_not_given():
    hello = json.loads(ClientSession().hello(token="t", since=None, epoch=None))
    assert hello == {"type": "hello", "protocol": 1, "token": "t"}


def test_requests_have_ids_of_their_own_and_null_is_a_value(client):
    first, text = client.request("set", key="a", value=None, ttl=None)
    second, _ = client.request("ping")
    assert first != second
    assert json.loads(text) == {"type": "set", "id": first, "key": "a", "value": None}


def test_a_value_that_is_no_json_is_refused_before_it_is_sent(client):
    with pytest.raises(Malformed):
        client.request("set", key="a", value=float("nan"))


def test_changes_are_handed_out_once_and_move_the_position(client):
    by = [2.0, "ann", "run-1", "clean", 2]
    (event,) = hear(
        client,
        type="changes",
        changes=[[3, "old", 0, 1, *by], [4, "a", 0, [1], *by], [5, "b", 1, None], [6, "c", 0, 9]],
    )
    assert isinstance(event, Happened)
    assert [change.version for change in event.changes] == [4, 5, 6]
    assert {
        (change.who, change.run, change.step, change.attempt, change.at) for change in event[0]
    } == {("ann", "run-1", "clean", 2, 2.0)}
    assert [change.removed for change in event.changes] == [False, True, False]
    assert client.position == 6
    assert hear(client, type="changes", changes=[[6, "c", 0, 9, *by]]) == []


def test_changes_of_one_subscription_do_not_move_the_position(client):
    (event,) = hear(client, type="changes", subscription=4, changes=[[9, "a", 0, 1, 2.0, "x"]])
    assert (event.subscription, client.position) == (4, 3)


def test_a_snapshot_counts_when_its_last_part_is_there(client):
    part = {"type": "snapshot", "version": 9, "epoch": "e2", "why": "epoch"}
    (event,) = hear(client, **part, more=True, entries=[["a", 1, 2]])
    assert event == Part(9, [("a", Entry(1, 2))], True, "epoch", "e2", None)
    assert (client.epoch, client.position) == ("e1", 3)
    hear(client, **part, more=False, entries=[["b", 1, 2, 99.5]])
    assert (client.epoch, client.position) == ("e2", 9)


def test_answers_errors_and_farewells_are_events(client):
    assert hear(client, type="reply", id=1, version=4) == [
        Answer(1, {"type": "reply", "id": 1, "version": 4})
    ]
    assert isinstance(hear(client, type="pong", id=1, version=4, now=1)[0], Answer)
    (failed,) = hear(client, type="error", id=2, code="conflict", message="no", key="a")
    assert isinstance(failed, Failed)
    assert (failed.id, failed.code, failed.fields["key"]) == (2, "conflict", "a")
    assert hear(client, type="error", code="malformed", message="?")[0].id is None
    assert hear(client, type="goodbye", code=1001, reason="stop") == [Farewell(1001, "stop")]


def test_what_a_newer_server_says_beside_is_passed_over(client):
    assert hear(client, type="weather", sun=True) == []
    assert hear(client, type="reply", id=1, more_than_we_know=1)


def test_a_context_may_hold_integers_longer_than_64_bits(client):
    (event,) = hear(client, type="changes", changes=[[4, "a", 0, 10**100, 1.0, "x"]])
    assert event.changes[0].value == 10**100


@pytest.mark.parametrize(
    "message",
    [
        [],
        {"type": "reply"},
        {"type": "reply", "id": "1"},
        {"type": "pong", "id": -1},
        {"type": "error", "id": 1},
        {"type": "error", "code": 5, "message": "x"},
        {"type": "goodbye"},
        {"type": "goodbye", "code": 7},
        WELCOME,
        {"type": "snapshot"},
        {"type": "snapshot", "version": 1, "epoch": "e", "more": False, "entries": {}},
        {"type": "snapshot", "version": 1, "epoch": "e", "more": False, "entries": [["a"]]},
        {"type": "snapshot", "version": 1, "epoch": "e", "more": False, "entries": [["a", 1, 0]]},
        {"type": "snapshot", "version": 1, "epoch": "e", "more": False, "entries": [[1, 1, 1]]},
        {"type": "changes"},
        {"type": "changes", "changes": [5]},
        {"type": "changes", "changes": [[4, "a", 0, 1]]},
        {"type": "changes", "changes": [[4, "a", 0, 1, "now", "x"]]},
        {"type": "changes", "changes": [[4, "a", 5, 1, 1.0, "x"]]},
        {"type": "changes", "changes": [[4, 5, 0, 1, 1.0, "x"]]},
        {"type": "changes", "changes": [["4", "a", 0, 1, 1.0, "x"]]},
        {"type": "changes", "changes": [[5, "a", 0, 1, 1.0, "x"], [4, "a", 0, 1]]},
        {"type": "changes", "subscription": "x", "changes": []},
    ],
)
def test_what_no_server_says_is_the_last_that_is_heard_of_it(client, message):
    (event,) = client.receive(json.dumps(message))
    assert isinstance(event, Broken)
    assert client.broken
    assert hear(client, type="reply", id=1) == []


@pytest.mark.parametrize(
    "message", [{"type": "reply", "id": 1}, {"type": "changes", "changes": []}]
)
def test_nothing_but_an_error_comes_before_the_welcome(message):
    assert isinstance(hear(ClientSession(), **message)[0], Broken)
    (failed,) = hear(ClientSession(), type="error", code="unauthorized", message="no")
    assert failed.code == "unauthorized"


@pytest.mark.parametrize("lacking", ["protocol", "epoch", "version", "role", "resume", "now"])
def test_a_welcome_must_be_whole(lacking):
    welcome = {name: value for name, value in WELCOME.items() if name != lacking}
    assert isinstance(hear(ClientSession(), **welcome)[0], Broken)


@pytest.mark.parametrize("value", [2**63, [-(2**63) - 1], {"a": [2**64]}, object()])
def test_what_does_not_fit_the_protocol_is_found_before_it_is_sent(value):
    with pytest.raises(Malformed):
        must_fit(value)


def test_what_fits_is_let_through():
    must_fit({"a": [1, 2**63 - 1, -(2**63), 1.5, "x", None, True]})
