"""Whatever bytes come, both machines answer and neither raises."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.context import MemoryStore, Write
from framework0.context.change import Author
from framework0.context.wire.client import ClientSession
from framework0.context.wire.codes import CLOSES, ERRORS
from framework0.context.wire.messages import CLIENT, SERVER
from tests.context.wire.performing import Connection

NAMES = sorted(
    {field.name for message in CLIENT.values() for field in message.fields} | {"key", "value"}
)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["a", "**", "default", "$artifact", "run:step", ""]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
VALID = [
    {"type": "get", "id": 1, "key": "a"},
    {"type": "set", "id": 1, "key": "a", "value": {"x": [1, "y"]}, "ttl": 5, "expect": 0},
    {"type": "set", "id": 1, "key": "a", "value": 1, "operation": "o", "by": {"run": "r"}},
    {"type": "delete", "id": 1, "key": "a"},
    {
        "type": "transaction",
        "id": 1,
        "writes": [{"key": "a", "value": 1}, {"key": "b", "removed": True}],
        "expected": {"a": 1},
        "full": True,
    },
    {"type": "subscribe", "id": 1, "pattern": "**", "since": 0},
    {"type": "unsubscribe", "id": 2, "subscription": 1},
    {"type": "history", "id": 1, "since": 0, "limit": 2},
    {"type": "at", "id": 1, "moment": 1, "key": "a"},
    {"type": "at", "id": 1, "moment": {"time": 5}},
    {"type": "keys", "id": 1, "pattern": "a*"},
    {"type": "entries", "id": 1, "after": "a"},
    {"type": "tag", "id": 1, "name": "t", "version": 1},
    {"type": "load", "id": 1, "changes": [{"version": 9, "key": "a", "who": "x", "at": 1}]},
]
TOLD = [
    {
        "type": "welcome",
        "protocol": 1,
        "epoch": "e",
        "version": 1,
        "role": "read",
        "resume": "live",
        "now": 1,
    },
    {"type": "snapshot", "version": 3, "epoch": "e", "more": False, "entries": [["a", 1, 2]]},
    {"type": "changes", "changes": [[4, "a", 0, 1, 5.0, "x", "r", "s", 1, 9.0], [5, "b", 1, None]]},
    {"type": "changes", "changes": [[6, "a", 2, [["=", ["x"], 1]], 5.0, "x"]]},
    {"type": "reply", "id": 1, "version": 4},
    {"type": "error", "id": 1, "code": "conflict", "message": "no"},
    {"type": "goodbye", "code": 1001, "reason": "stop"},
]


@st.composite
def mutated(draw, examples):
    """A message of the examples with one part changed, added or dropped, or its text cut into."""
    message = json.loads(json.dumps(draw(st.sampled_from(examples))))
    how = draw(st.sampled_from(["change", "add", "drop", "text"]))
    if how == "change":
        message[draw(st.sampled_from(sorted(message)))] = draw(anything)
    elif how == "add":
        message[draw(st.sampled_from(NAMES))] = draw(anything)
    elif how == "drop":
        del message[draw(st.sampled_from(sorted(message)))]
    data = json.dumps(message).encode()
    if how == "text":
        where = draw(st.integers(0, len(data) - 1))
        data = data[:where] + draw(st.binary(max_size=3)) + data[where + draw(st.integers(0, 3)) :]
    return data


messages = (
    mutated(VALID) | st.binary(max_size=60) | anything.map(lambda value: json.dumps(value).encode())
)


def checked(connection):
    for data in connection.sent:
        answer = json.loads(data)
        assert answer["type"] in SERVER
        assert answer["type"] != "error" or answer["code"] in ERRORS
        assert answer.get("code") != "internal"
        fields = {field.name for field in SERVER[answer["type"]].fields}
        assert answer.keys() - {"type"} <= fields
    connection.sent.clear()


@given(st.lists(messages, max_size=6), st.sampled_from("rwa"))
@settings(deadline=None, max_examples=200)
def test_a_server_answers_whatever_comes(texts, role):
    store = MemoryStore()
    store.apply([Write("a", 1)], Author(), 1.0)
    connection = Connection(store)
    connection.receive(json.dumps({"type": "hello", "protocol": 1, "token": role, "follow": "**"}))
    checked(connection)
    for text in texts:
        connection.receive(text)
        assert connection.sent or connection.closed or b"unsubscribe" in text
        checked(connection)
    assert connection.closed is None
    connection.receive('{"type":"ping","id":1}')
    assert json.loads(connection.sent[-1])["type"] == "pong"
    connection.cut()


@given(messages)
@settings(deadline=None, max_examples=150)
def test_a_server_takes_anything_for_a_first_message(text):
    connection = Connection(MemoryStore())
    connection.receive(text)
    checked(connection)
    assert connection.closed is not None
    assert connection.closed.code in CLOSES


@given(st.lists(mutated(TOLD) | messages, max_size=8), st.booleans())
@settings(deadline=None, max_examples=200)
def test_a_client_survives_whatever_a_server_says(texts, welcomed):
    client = ClientSession()
    client.hello()
    if welcomed:
        client.receive(json.dumps(TOLD[0]))
    for text in texts:
        before = client.position
        client.receive(text)
        assert client.position >= before or b"snapshot" in text
