"""A line between two processes: whole messages or a clear end, nothing in between."""

from __future__ import annotations

import json
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.runner.processes import line as module
from framework0.runner.processes.keeper import _refuse
from framework0.runner.processes.line import Line, LineBroken, pair

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)

DEEP = (100_000).to_bytes(4, "big") + b"[" * 100_000


@pytest.fixture
def ends():
    ours, theirs = pair()
    other = Line(theirs)
    yield ours, other
    ours.close()
    other.close()


@settings(max_examples=40)
@given(st.lists(JSON, max_size=5))
def test_messages_arrive_whole_and_in_order(messages):
    ours, theirs = pair()
    other = Line(theirs)
    for message in messages:
        ours.send([message])
    ours.close()
    assert [other.receive() for _ in messages] == [[message] for message in messages]
    assert other.receive() is None
    other.close()


def test_undecodable_text_survives(ends):
    ours, other = ends
    ours.send("caf\udce9")
    assert other.receive() == "caf\udce9"


def test_a_large_message_arrives(ends):
    ours, other = ends
    message = ["x" * 5_000_000]
    thread = threading.Thread(target=ours.send, args=(message,))
    thread.start()
    assert other.receive() == message
    thread.join()


@pytest.mark.parametrize(
    "data", [b"\0\0", b"\0\0\0\x05ab", b"\0\0\0\x02{]", DEEP, b"\xff\xff\xff\xff"]
)
def test_half_a_message_or_none_at_all_breaks_the_line(data):
    ours, theirs = pair()
    with theirs:
        theirs.sendall(data)
    with pytest.raises(LineBroken):
        ours.receive()
    ours.close()


def test_a_length_without_a_message_is_the_end():
    ours, theirs = pair()
    with theirs:
        theirs.sendall(b"\0\0\0\x05")
    assert ours.receive() is None
    ours.close()


def test_a_message_over_the_limit_is_not_sent(ends, monkeypatch):
    ours, other = ends
    monkeypatch.setattr(module, "MESSAGE_LIMIT", 10)
    with pytest.raises(ValueError, match="12 bytes are more than the 10"):
        ours.send("x" * 10)
    ours.send("x")
    assert other.receive() == "x"


def test_a_connection_reset_is_the_end():
    ours, theirs = pair()
    ours.send("unread")
    with theirs:
        ours.send("still unread")
    assert ours.receive() is None
    ours.close()


def test_an_attempt_the_keeper_cannot_start_is_told_why(ends):
    ours, other = ends
    _refuse(other.fileno(), OSError(11, "Resource temporarily unavailable"))
    report = ours.receive()
    assert "cannot be started" in report["why"]
    assert "temporarily unavailable" in report["why"]
    assert json.dumps(report)
