"""The server's machine: who is let in, what each request does, and what each mistake is answered."""

from __future__ import annotations

import json

import pytest

from framework0.context import MemoryStore, Write
from framework0.context.change import Author, Entry
from framework0.context.wire.codec import STRICT
from framework0.context.wire.effects import Apply, Close, Follow, Send, Unfollow
from framework0.context.wire.frames import read_full_change
from framework0.context.wire.limits import WireLimits
from framework0.errors import WorkspaceError
from tests.context.wire.performing import NOW, Connection

BY = Author("clean", "run-1", "clean", 2)


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def connect(store):
    def connect(role="a", hello=None, **options):
        connection = Connection(store, **options)
        say(connection, type="hello", protocol=1, token=role, **(hello or {}))
        return connection

    return connect


@pytest.fixture
def client(connect):
    client = connect()
    heard(client)
    return client


def say(connection, **message):
    connection.receive(json.dumps(message))


def heard(connection):
    messages = [json.loads(data) for data in connection.sent]
    connection.sent.clear()
    return messages


def ask(connection, **message):
    say(connection, id=7, **message)
    (answer,) = heard(connection)
    assert answer.pop("id") == 7
    return answer


def refusal(connection, **message):
    answer = ask(connection, **message)
    assert answer.pop("type") == "error"
    return answer


def put(store, key, value, at=NOW):
    return store.apply((Write(key, value),), BY, at)[0]


# Who is let in


def test_a_client_with_a_token_is_welcomed(store, connect):
    put(store, "a", 1)
    (welcome,) = heard(connect("w"))
    limits = welcome.pop("limits")
    assert limits["message_bytes"] == 1024 * 1024
    assert welcome == {
        "type": "welcome",
        "protocol": 1,
        "epoch": store.epoch(),
        "version": 1,
        "role": "write",
        "who": "token-w",
        "namespace": "default",
        "resume": "live",
        "now": NOW,
    }


def test_without_a_valid_token_nothing_is_said_and_the_connection_ends(connect):
    for role in ("x", ""):
        client = connect(role)
        error, goodbye = heard(client)
        assert error["code"] == "unauthorized"
        assert goodbye["code"] == client.closed.code == 4401


def test_a_token_may_come_with_the_http_request(store):
    client = Connection(store, known="r")
    say(client, type="hello", protocol=1)
    assert heard(client)[0]["role"] == "read"


def test_an_unknown_namespace_ends_the_connection(connect):
    client = connect(hello={"namespace": "other"})
    assert heard(client)[0]["code"] == "unknown_namespace"
    assert client.closed.code == 4404


@pytest.mark.parametrize(
    ("first", "code", "close"),
    [
        ('{"type":"get","id":1,"key":"a"}', "hello_first", 4401),
        ('{"type":"ping","id":1}', "hello_first", 4401),
        ('{"id":1}', "hello_first", 4401),
        ('{"type":["hello"]}', "hello_first", 4401),
        ("[]", "bad_message", 4400),
        ("{", "malformed", 4400),
        ('{"type":"hello","protocol":2}', "wrong_protocol", 4400),
        ('{"type":"hello","protocol":"1"}', "wrong_protocol", 4400),
        ('{"type":"hello"}', "bad_message", 4400),
        ('{"type":"hello","protocol":1,"since":"5"}', "bad_message", 4400),
        ('{"type":"hello","protocol":1,"namespace":"../x"}', "bad_message", 4400),
        ('{"type":"hello","protocol":1,"token":5}', "bad_message", 4400),
    ],
)
def test_nothing_is_accepted_before_hello(store, first, code, close):
    client = Connection(store)
    client.receive(first)
    error, goodbye = heard(client)
    assert (error["code"], goodbye["code"], client.closed.code) == (code, close, close)
    client.receive('{"type":"hello","protocol":1,"token":"a"}')
    assert heard(client) == []
    assert store.version() == 0


def test_what_comes_before_the_token_is_looked_up_waits_for_it(store):
    client = Connection(store, lazy=True)
    say(client, type="hello", protocol=1, token="r")
    say(client, type="get", id=1, key="a")
    say(client, type="set", id=2, key="a", value=1)
    assert heard(client) == []
    client.run()
    welcome, forbidden, reply = heard(client)
    assert (welcome["type"], forbidden["code"], reply["id"]) == ("welcome", "forbidden", 1)


def test_whoever_sends_too_much_before_the_welcome_is_closed(store):
    client = Connection(store, lazy=True)
    say(client, type="hello", protocol=1, token="r")
    for number in range(65):
        say(client, type="ping", id=number)
    assert client.closed.code == 4400
    client.run()
    assert [message["type"] for message in heard(client)] == ["goodbye"]


def test_a_store_that_cannot_be_opened_is_an_error_and_an_end(store):
    client = Connection(store, lazy=True)
    say(client, type="hello", protocol=1, token="r")
    ((_, authenticate),) = client.work
    client.perform(client.session.answered(authenticate, WorkspaceError("the disk is gone")))
    assert heard(client)[0]["code"] == "unavailable"
    # It is no fault of the greeting: the client shall come again.
    assert client.closed.code == 1013


def test_a_read_that_may_be_old_says_by_how_much(client):
    client.lazy = True
    heard(client)
    say(client, type="get", id=7, key="a")
    _, effect = client.work.popleft()
    client.perform(client.session.answered(effect, Entry(1, 5), 0.12345))
    assert heard(client) == [{"type": "reply", "id": 7, "version": 5, "value": 1, "behind": 0.123}]


# Requests


def test_set_get_and_delete_tell_versions(client):
    assert ask(client, type="get", key="a") == {"type": "reply", "version": 0}
    assert ask(client, type="set", key="a", value={"x": [1]}) == {
        "type": "reply",
        "version": 1,
        "count": 1,
    }
    assert ask(client, type="get", key="a") == {"type": "reply", "version": 1, "value": {"x": [1]}}
    assert ask(client, type="get", key="a", fresh=True)["value"] == {"x": [1]}
    assert ask(client, type="delete", key="a") == {"type": "reply", "version": 2, "count": 1}
    assert ask(client, type="delete", key="a") == {"type": "reply", "count": 0}
    assert ask(client, type="set", key="n", value=None)["version"] == 3
    assert ask(client, type="get", key="n") == {"type": "reply", "version": 3, "value": None}


def test_a_transaction_is_done_whole_or_not(client):
    writes = [{"key": "a", "value": 1}, {"key": "b", "value": 2}, {"key": "a", "removed": True}]
    answer = ask(client, type="transaction", writes=writes, full=True)
    assert (answer["version"], answer["count"]) == (3, 3)
    assert [read_full_change(change).key for change in answer["changes"]] == ["a", "b", "a"]
    refused = refusal(
        client, type="transaction", writes=[{"key": "c", "value": 1}], expected={"b": 1}
    )
    assert {name: refused[name] for name in ("code", "key", "expected", "actual")} == {
        "code": "conflict",
        "key": "b",
        "expected": 1,
        "actual": 2,
    }
    assert refusal(client, type="transaction", writes=[], expected_version=9)["key"] == "*"


def test_a_write_may_expect_the_version_of_its_key(client):
    assert ask(client, type="set", key="a", value=1, expect=0)["version"] == 1
    refused = refusal(client, type="set", key="a", value=2, expect=0)
    assert (refused["code"], refused["actual"]) == ("conflict", 1)
    assert refusal(client, type="delete", key="a", expect=9)["code"] == "conflict"
    assert ask(client, type="delete", key="a", expect=1)["version"] == 2


def test_a_repeated_operation_counts_once_and_another_under_its_name_is_refused(client):
    first = ask(client, type="set", key="a", value=1, operation="op-1")
    assert ask(client, type="set", key="a", value=1, operation="op-1") == first
    assert ask(client, type="get", key="a")["version"] == 1
    refused = refusal(client, type="set", key="a", value=2, operation="op-1")
    assert refused["code"] == "operation_reused"


def test_a_client_that_may_not_claim_is_signed_by_its_token_and_the_servers_clock(store, connect):
    by = {"who": "root", "run": "r1", "step": "s", "attempt": 2}
    write = {"type": "set", "key": "a", "value": 1, "by": by, "at": 5.0}
    strict, trusted = connect("w", claims=False), connect("w")
    heard(strict), heard(trusted)
    ask(strict, **write)
    ask(trusted, **write)
    signed, claimed = store.changes()
    assert (signed.who, signed.run, signed.step, signed.attempt, signed.at) == (
        "token-w",
        "r1",
        "s",
        2,
        NOW,
    )
    assert (claimed.who, claimed.at) == ("root", 5.0)


def test_a_value_may_end_by_itself(client):
    ask(client, type="set", key="a", value=1, ttl=60)
    assert ask(client, type="get", key="a")["expires"] == NOW + 60


def test_history_comes_in_pages(store, client):
    made = [put(store, key, number) for number, key in enumerate("abaab")]
    answer = ask(client, type="history", key="a", limit=2)
    assert (answer["more"], answer["kept_since"]) == (True, 0)
    assert [read_full_change(change) for change in answer["changes"]] == [made[0], made[2]]
    answer = ask(client, type="history", key="a", since=made[2].version)
    assert [read_full_change(change) for change in answer["changes"]] == [made[3]]
    assert answer["more"] is False
    assert len(ask(client, type="history")["changes"]) == 5


def test_a_page_ends_where_it_gets_heavy(store, client):
    for number in range(4):
        put(store, f"k{number}", "x" * 600_000)
    answer = ask(client, type="entries")
    assert (len(answer["entries"]), answer["more"]) == (1, True)
    answer = ask(client, type="history", since=3)
    assert (len(answer["changes"]), answer["more"]) == (1, False)


def test_the_past_can_be_read_whole_or_one_key(store, client):
    put(store, "a", 1, at=10.0)
    put(store, "b", 2, at=20.0)
    put(store, "a", 3, at=30.0)
    store.tag("release", 2)
    assert ask(client, type="at", moment=2) == {
        "type": "reply",
        "moment": 2,
        "values": [["a", 1], ["b", 2]],
        "more": False,
    }
    assert ask(client, type="at", moment=2, limit=1)["more"] is True
    assert ask(client, type="at", moment=2, after="a")["values"] == [["b", 2]]
    assert ask(client, type="at", moment=2, pattern="b*")["values"] == [["b", 2]]
    answer = ask(client, type="at", moment=2, key="a")
    assert (answer["moment"], answer["value"], answer["version"]) == (2, 1, 1)
    assert ask(client, type="at", moment=1, key="b") == {"type": "reply", "moment": 1, "version": 0}
    assert ask(client, type="version_at", time=25)["version"] == 2
    assert refusal(client, type="at", moment=99)["code"] == "not_yet"


def test_the_past_that_is_gone_is_told_as_such(connect):
    store = MemoryStore(keep_changes=2)
    client = Connection(store)
    say(client, type="hello", protocol=1, token="r")
    for number in range(5):
        put(store, "a", number)
    heard(client)
    refused = refusal(client, type="at", moment=1)
    assert (refused["code"], refused["asked"], refused["kept_since"]) == ("history_trimmed", 1, 3)
    assert refusal(client, type="history", since=0)["code"] == "history_trimmed"


def test_keys_and_entries_are_sorted_filtered_and_paged(store, client):
    for key in ("b.1", "a", "b.2", "c"):
        put(store, key, key)
    assert ask(client, type="keys")["keys"] == ["a", "b.1", "b.2", "c"]
    assert ask(client, type="keys", pattern="b.*", limit=1) == {
        "type": "reply",
        "version": 4,
        "keys": ["b.1"],
        "more": True,
    }
    assert ask(client, type="entries", after="b.1") == {
        "type": "reply",
        "version": 4,
        "entries": [["b.2", "b.2", 3], ["c", "c", 4]],
        "more": False,
    }


def test_tags_name_versions(store, client):
    put(store, "a", 1)
    assert ask(client, type="tag", name="v1", version=1) == {"type": "reply"}
    assert ask(client, type="tags")["tags"] == {"v1": 1}
    put(store, "a", 2)
    assert refusal(client, type="tag", name="v1", version=2)["code"] == "refused"
    ask(client, type="tag", name="v1", version=2, move=True)
    assert ask(client, type="untag", name="v1")["existed"] is True
    assert ask(client, type="untag", name="v1")["existed"] is False


def test_an_admin_loads_what_another_server_exported(store, client):
    other = MemoryStore()
    put(other, "a", [1])
    other.apply((Write("a", removed=True), Write("b", False)), BY, NOW)
    source = Connection(other)
    say(source, type="hello", protocol=1, token="r")
    heard(source)
    exported = ask(source, type="history")["changes"]
    assert ask(client, type="load", changes=exported)["version"] == 3
    assert list(store.changes()) == list(other.changes())


def test_presence_and_ping_are_answered(store, connect, client):
    assert ask(client, type="presence")["clients"][0]["client"] == "me"
    assert ask(client, type="ping") == {"type": "pong", "version": 0, "now": NOW}
    follower = connect("r", hello={"since": 0, "epoch": store.epoch()})
    put(store, "a", 1)
    follower.run()
    heard(follower)
    assert ask(follower, type="ping")["version"] == 1


# Mistakes


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ({"type": "got", "key": "a"}, "unknown_type", None),
        ({"type": None}, "unknown_type", None),
        ({"type": {}}, "unknown_type", None),
        ({"key": "a"}, "unknown_type", None),
        ({"type": "hello", "protocol": 1}, "hello_first", None),
        ({"type": "get"}, "bad_message", "key"),
        ({"type": "get", "key": ""}, "bad_key", None),
        ({"type": "get", "key": 5}, "bad_key", None),
        ({"type": "get", "key": "x" * 513}, "bad_key", None),
        ({"type": "get", "key": "a\x00"}, "bad_key", None),
        ({"type": "get", "key": "a", "fresh": 1}, "bad_message", "fresh"),
        ({"type": "set", "key": "a"}, "bad_message", "value"),
        ({"type": "set", "key": "a", "value": 1, "exepct": 5}, "bad_message", "exepct"),
        ({"type": "set", "key": "a", "value": 1, "expect": -1}, "bad_message", "expect"),
        ({"type": "set", "key": "a", "value": 1, "expect": "5"}, "bad_message", "expect"),
        ({"type": "set", "key": "a", "value": 1, "expect": True}, "bad_message", "expect"),
        ({"type": "set", "key": "a", "value": 1, "ttl": 0}, "bad_message", "ttl"),
        ({"type": "set", "key": "a", "value": 1, "ttl": "5"}, "bad_message", "ttl"),
        ({"type": "set", "key": "a", "value": 1, "operation": ""}, "bad_message", "operation"),
        ({"type": "set", "key": "a", "value": 1, "by": "me"}, "bad_message", "by"),
        ({"type": "set", "key": "a", "value": 1, "by": {"name": "x"}}, "bad_message", "name"),
        ({"type": "set", "key": "a", "value": 1, "by": {"attempt": -1}}, "bad_message", "attempt"),
        ({"type": "set", "key": "a", "value": {"$artifact": "x"}}, "bad_value", None),
        ({"type": "transaction", "writes": {}}, "bad_message", "writes"),
        ({"type": "transaction", "writes": [1]}, "bad_message", "writes"),
        ({"type": "transaction", "writes": [{"value": 1}]}, "bad_message", "key"),
        ({"type": "transaction", "writes": [{"key": "a"}]}, "bad_message", "value"),
        (
            {"type": "transaction", "writes": [{"key": "a", "removed": True, "value": 1}]},
            "bad_message",
            "removed",
        ),
        ({"type": "transaction", "writes": [], "expected": {"": 1}}, "bad_key", None),
        ({"type": "transaction", "writes": [], "expected": {"a": "x"}}, "bad_message", "expected"),
        ({"type": "subscribe", "pattern": ""}, "bad_pattern", None),
        ({"type": "subscribe", "pattern": 5}, "bad_message", "pattern"),
        ({"type": "subscribe", "pattern": "a" * 513}, "bad_pattern", None),
        ({"type": "subscribe", "pattern": "*a" * 200}, "bad_pattern", None),
        ({"type": "subscribe", "pattern": "**", "since": "text"}, "bad_message", "since"),
        ({"type": "unsubscribe", "subscription": 5}, "not_found", None),
        ({"type": "at"}, "bad_message", "moment"),
        ({"type": "at", "moment": -1}, "bad_message", "moment"),
        ({"type": "at", "moment": {"time": "now"}}, "bad_message", "moment"),
        ({"type": "at", "moment": {"when": 5}}, "bad_message", "moment"),
        ({"type": "keys", "limit": 0}, "bad_message", "limit"),
        ({"type": "load", "changes": [{"version": 1}]}, "bad_message", "key"),
        ({"type": "load", "changes": [7]}, "bad_message", "changes"),
    ],
)
def test_a_mistake_is_answered_with_its_code_and_the_connection_stays(client, message, code, field):
    refused = refusal(client, **message)
    assert (refused["code"], refused.get("field")) == (code, field)
    assert refused["message"]
    assert ask(client, type="ping")["type"] == "pong"
    assert client.store.version() == 0


def test_a_near_name_is_offered(client):
    refused = refusal(client, type="set", key="a", value=1, exepct=5)
    assert "did you mean 'expect'" in refused["message"]


@pytest.mark.parametrize("identity", [None, -1, 2**53, 1.0, "1", True, [1]])
def test_a_request_without_a_usable_id_is_answered_without_one(client, identity):
    say(client, type="get", key="a", id=identity)
    (error,) = heard(client)
    assert "id" not in error
    assert (error["code"], error["field"]) == ("bad_message", "id")


def test_text_that_is_no_json_is_answered_and_the_connection_stays(client):
    client.receive(b'{"id":7,"type":')
    (error,) = heard(client)
    assert (error["code"], error["offset"]) == ("malformed", 15)
    assert client.closed is None


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ('{"type":"set","id":41,"key":"a","value":NaN}', 41),
        (b'{"type":"set","id":41,"key":"\xff"}', 41),
        ('{"type":"set","key":"a","value":{"id":41},"x":NaN}', None),
        ('{"type":"se', None),
    ],
)
def test_what_cannot_be_read_is_answered_with_the_id_in_front_of_it(client, text, identity):
    client.receive(text)
    (error,) = heard(client)
    assert error.get("id") == identity


def test_a_message_that_is_too_large_ends_the_connection(client):
    client.receive(b"x" * (1024 * 1024 + 1))
    assert heard(client)[0]["code"] == "too_large"
    assert client.closed.code == 1009


def test_limits_have_their_own_errors(connect):
    client = connect(limits=WireLimits(writes=2, subscriptions=2))
    heard(client)
    writes = [{"key": "a", "value": 1}] * 3
    assert refusal(client, type="transaction", writes=writes)["code"] == "too_many_writes"
    deep = value = []
    for _ in range(64):
        value.append([])
        value = value[0]
    assert refusal(client, type="set", key="a", value=deep)["code"] == "too_deep"
    for identity in (1, 2):
        say(client, type="subscribe", pattern="**", id=identity)
    heard(client)
    refused = refusal(client, type="subscribe", pattern="a")
    assert refused["code"] == "too_many_subscriptions"
    assert ask(client, type="unsubscribe", subscription=1) == {"type": "reply"}
    assert ask(client, type="subscribe", pattern="a")["resume"] == "live"


def test_a_value_that_is_too_large_has_an_error_of_its_own(connect):
    from framework0.context import ValueLimits

    client = connect(values=ValueLimits(characters=10))
    heard(client)
    refused = refusal(client, type="set", key="a", value={"b": ["x" * 11]})
    assert (refused["code"], refused["path"]) == ("value_too_large", "b")


def test_requests_beyond_what_may_wait_are_refused(connect):
    client = connect(limits=WireLimits(in_flight=2))
    client.lazy = True
    heard(client)
    for identity in range(3):
        say(client, type="get", key="a", id=identity)
    (busy,) = heard(client)
    assert (busy["id"], busy["code"]) == (2, "busy")
    assert client.session.waiting == 2
    client.run()
    assert [message["id"] for message in heard(client)] == [0, 1]
    assert client.session.waiting == 0


NEEDED = {
    "read": [
        {"type": "get", "key": "a"},
        {"type": "subscribe", "pattern": "**"},
        {"type": "unsubscribe", "subscription": 7},
        {"type": "history"},
        {"type": "at", "moment": 0},
        {"type": "version_at", "time": 1},
        {"type": "keys"},
        {"type": "entries"},
        {"type": "tags"},
        {"type": "presence"},
        {"type": "ping"},
    ],
    "write": [
        {"type": "set", "key": "a", "value": 1},
        {"type": "delete", "key": "a"},
        {"type": "transaction", "writes": []},
        {"type": "tag", "name": "t", "version": 0},
    ],
    "admin": [{"type": "untag", "name": "t"}, {"type": "load", "changes": []}],
}


def test_the_matrix_below_holds_every_request():
    from framework0.context.wire.messages import CLIENT

    kinds = {message["type"] for messages in NEEDED.values() for message in messages}
    assert kinds == CLIENT.keys() - {"hello"}


@pytest.mark.parametrize("role", ["read", "write", "admin"])
def test_every_message_is_checked_against_the_role(connect, role):
    client = connect(role[0])
    heard(client)
    ranks = ["read", "write", "admin"]
    for needed, messages in NEEDED.items():
        for message in messages:
            answer = ask(client, **message)
            if ranks.index(role) >= ranks.index(needed):
                assert answer["type"] in {"reply", "pong"}, message
            else:
                assert (answer["code"], answer["needed"]) == ("forbidden", needed)


def test_what_the_store_fails_at_is_told_by_code(connect):
    client = connect()
    client.lazy = True
    heard(client)
    for error, code in [
        (WorkspaceError("the disk is full"), "unavailable"),
        (OSError(28, "No space left"), "unavailable"),
        (RuntimeError("secret detail"), "internal"),
    ]:
        say(client, type="set", id=7, key="a", value=1)
        _, effect = client.work.popleft()
        assert isinstance(effect, Apply)
        client.perform(client.session.answered(effect, error))
        (answer,) = heard(client)
        assert answer["code"] == code
        assert "secret" not in answer["message"]


def test_after_goodbye_nothing_is_said_any_more(client):
    effects = client.session.goodbye(1001, "the server stops")
    assert [type(effect) for effect in effects] == [Send, Close]
    assert client.session.closed
    assert client.session.receive('{"type":"ping","id":1}', NOW) == []
    assert client.session.goodbye(1001, "again") == []
    assert client.session.streamed() == []


def test_changes_are_asked_for_when_the_first_subscription_comes_and_no_more_after_the_last(client):
    for identity in (1, 2):
        say(client, type="subscribe", pattern="a", id=identity)
    for identity in (1, 2):
        say(client, type="unsubscribe", subscription=identity, id=9)
    asked = [type(effect) for effect in client.seen if type(effect) in {Follow, Unfollow}]
    assert asked == [Follow, Unfollow]


def test_the_answer_to_a_write_is_written_as_the_codec_writes_it(client):
    """It is put together without the codec, because it is given most often."""
    for message in (
        {"type": "set", "key": "a", "value": {"text": "x", "numbers": [1, 2.5]}},
        {"type": "transaction", "writes": [{"key": "b", "value": 1}, {"key": "c", "value": 2}]},
    ):
        say(client, id=2**53 - 1, **message)
        (sent,) = client.sent
        assert sent == STRICT.encode(json.loads(sent))
        (told,) = heard(client)
        assert list(told) == ["type", "id", "version", "count"]


@pytest.mark.parametrize(
    ("value", "code"),
    [({"$artifact": "x"}, "bad_value"), ({"a": {"$artifact": 1}}, "bad_value"), ({"a": 1}, None)],
)
def test_a_flat_value_is_looked_at_as_closely_as_any_other(value, code, client):
    answer = ask(client, type="set", key="a", value=value)
    assert answer.get("code") == code
