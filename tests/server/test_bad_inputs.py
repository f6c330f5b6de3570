"""Rows 21 to 30 of the bad inputs: each gets its answer, and the next request is answered well."""

from __future__ import annotations

import contextlib
import json
import time
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed

from framework0.server import ServerLimits
from framework0.server.limits import ARRIVAL_SECONDS
from tests.server.conftest import ROOT, Clocks, client_of

KEY = f"{ROOT}/keys/k"


@pytest.fixture
def still_well(client):
    yield
    assert client.put(KEY, 1).status in {200, 201}
    assert client.get(KEY).json == 1


@pytest.mark.parametrize(
    ("body", "offset"),
    [(b"{", 1), (b"", 0), (b'"\xff"', 1), ('{"a":1}'.encode("utf-16"), 0), (b"[1,]", 3), (b"1 2", 2),
     (b"\xef\xbb\xbf1", 0)],
    ids=str,
)  # fmt: skip
def test_row_21_what_is_no_json_is_400_with_the_offset(client, still_well, body, offset):
    answer = client.put(KEY, body)
    assert (answer.status, answer.json.get("offset")) == (400, offset), answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.body.decode()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"[" * 65 + b"]" * 65,
        b'{"a":' * 100_000,
        b"1" * 5000,
        b"9223372036854775808",
        b"-9223372036854775809",
        b"NaN",
        b'{"x":NaN}',
        b"[Infinity,-Infinity]",
        b"1e999",
        b'{"a":1,"a":2}',
        b'"\\ud800"',
        b'{"\\udfff":1}',
        json.dumps({str(n): n for n in range(10_001)}).encode(),
    ],
    ids=lambda body: body[:12],
)
def test_row_22_json_that_parsers_disagree_about_is_400(client, still_well, body):
    assert client.put(KEY, body).status == 400


def test_row_22_a_body_of_20_mb_is_413_before_it_is_read(client, still_well):
    with client.raw() as connection:
        connection.sendall(
            b"PUT %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %b\r\n"
            b"Content-Type: application/json\r\nContent-Length: 20000000\r\n\r\n"
            % (KEY.encode(), client.port, client.token.encode())
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_row_22_a_chunked_body_is_counted_while_it_comes(client, still_well):
    with client.raw() as connection:
        connection.sendall(
            b"PUT %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %b\r\n"
            b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            % (KEY.encode(), client.port, client.token.encode())
        )
        # The refusal may overtake the body: then the system reports the closed connection.
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                connection.sendall(b"2710\r\n" + b" " * 10_000 + b"\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "kind",
    ["text/plain", None, "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/json; charset=utf-16", "application/jsonx", "text/json", "application/json, text/plain"],
)  # fmt: skip
def test_row_23_other_content_types_are_415(client, still_well, kind):
    assert client.put(KEY, b"1", {"Content-Type": kind}).status == 415


def test_row_23_json_may_say_that_it_is_utf_8(client):
    given = {"Content-Type": 'Application/JSON; charset="UTF-8"'}
    assert client.put(KEY, b"1", given).status == 201


@pytest.mark.parametrize(
    ("place", "status"),
    [
        ("..%2f..", 400), ("%2e%2e", 400), ("..", 400), (".", 400), ("%2e", 400), ("a%2f..%2fb", 400),
        ("..%5c..", 400), ("", 400), ("k" * 10_000, 400), ("a%00b", 400), ("a%0ab", 400),
        ("%ff", 400), ("%ed%a0%80", 400), ("__proto__", 201), ("a%2Fb", 201), ("%C3%A9", 201),
        ("a%20b", 201), ("%25", 201), ("a?x=1", 201), ("a;b", 201),
    ],
)  # fmt: skip
def test_row_25_keys_that_lead_elsewhere_are_400_and_odd_ones_are_plain_data(
    client, still_well, place, status
):
    assert client.put(f"{ROOT}/keys/{place}", b'{"__proto__":1}').status == status


@pytest.mark.parametrize(
    ("expected", "status"),
    [("7", 409), ("-1", 422), ("x", 422), ("", 422), ("1.0", 422), (str(2**63), 409), ("1", 200), ("٣", 422)],
)  # fmt: skip
def test_row_26_expected_versions(client, expected, status):
    client.set("k", 1)
    answer = client.put(f"{KEY}?expect_version={quote(expected)}", 2)
    assert answer.status == status, answer
    if status == 409:
        assert answer.json["current_version"] == 1


def test_row_27_the_same_operation_counts_once_and_another_body_is_refused(client):
    once = client.put(KEY, {"n": 1}, {"Idempotency-Key": "op-1"})
    again = client.put(KEY, {"n": 1}, {"Idempotency-Key": "op-1"})
    assert (once.status, again.status, once.body) == (201, 201, again.body)
    other = client.put(KEY, {"n": 2}, {"Idempotency-Key": "op-1"})
    assert (other.status, other.code) == (422, "operation_reused")
    assert client.get(ROOT).json["version"] == 1


def test_row_28_binary_frames_large_frames_and_unknown_types(client):
    with client.socket() as opened:
        assert opened.ask(type="nonsense", id=1)["code"] == "unknown_type"
        assert opened.ask(type="ping", id=2)["type"] == "pong"
        opened.connection.send(b"\x00\x01")
        assert opened.closing() == 1003
    with client.socket() as opened:
        with contextlib.suppress(OSError, ConnectionClosed):
            opened.connection.send("x" * 20_000_000)
        assert opened.closing() == 1009


def test_row_28_ten_thousand_subscribes_are_refused_above_the_limit(client):
    with client.socket() as opened:
        answers = []
        for number in range(1, 10_001):
            opened.say(type="subscribe", id=number, pattern=f"a.{number}.*")
            if number % 500 == 0:
                answers += [opened.hear() for _ in range(500)]
        refused = [answer for answer in answers if answer["type"] == "error"]
        assert len(refused) == 10_000 - 100
        assert {answer["code"] for answer in refused} == {"too_many_subscriptions"}
        assert opened.ask(type="ping", id=99_999)["type"] == "pong"


def read_events(connection, count):
    data = b""
    while data.count(b"\n\n") < count:
        data += connection.recv(65536)
    return data.split(b"\r\n\r\n", 1)[1].decode()


def ask_events(client, query, headers=b""):
    connection = client.raw()
    connection.sendall(
        b"GET %b/events%b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %b\r\n%b\r\n"
        % (ROOT.encode(), query, client.port, client.token.encode(), headers)
    )
    return connection


@pytest.mark.parametrize(("since", "status"), [("99", 422), ("x", 422), ("-1", 422), ("1e3", 422)])
def test_row_29_a_version_to_come_or_no_version_is_422(client, since, status):
    client.set("k", 1)
    assert client.get(f"{ROOT}/events?since={since}").status == status
    assert client.get(f"{ROOT}/events", headers={"Last-Event-ID": since}).status == status


def test_row_29_a_version_no_longer_kept_is_a_resync(start, monkeypatch):
    from framework0.context import MemoryStore

    monkeypatch.setattr("framework0.server.stores.MemoryStore", lambda: MemoryStore(keep_changes=5))
    client = client_of(start())
    for number in range(20):
        client.set("k", number)
    with ask_events(client, b"?since=1") as connection:
        seen = read_events(connection, 2)
    assert "event: resync" in seen
    assert '"why":"trimmed"' in seen


@pytest.fixture
def server(start):
    return start(limits=ServerLimits(connections=400))


@pytest.fixture
def client_and_clocks(server):
    return client_of(server), Clocks(server)


def some_time_goes_by(client, clocks, seconds):
    """Let time go by once the server has read what was sent to it."""
    assert client.get("/healthz").status == 200
    clocks.go_on(seconds)


def drained(connection):
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
    return data


@pytest.mark.slow
def test_row_30_a_chunked_body_that_stops_is_408(client_and_clocks):
    client, clocks = client_and_clocks
    with client.raw() as connection:
        connection.sendall(
            b"PUT %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %b\r\n"
            b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n"
            % (KEY.encode(), client.port, client.token.encode())
        )
        some_time_goes_by(client, clocks, ARRIVAL_SECONDS)
        assert drained(connection).startswith(b"HTTP/1.1 408 ")


def test_row_30_headers_of_64_kb_are_431(client, still_well):
    assert client.get("/readyz", headers={"X-Long": "x" * 65536}).status == 431
    answer = client.get("/" + "x" * 20_000)
    assert answer.status == 431


@pytest.mark.slow
def test_row_30_a_byte_now_and_then_ends_in_time(client_and_clocks):
    client, clocks = client_and_clocks
    with client.raw() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        for _ in range(10):
            connection.sendall(b"x")
            some_time_goes_by(client, clocks, ARRIVAL_SECONDS / 10)
        # Each byte came soon after the one before it, and all of them too late.
        assert drained(connection).startswith(b"HTTP/1.1 408 ")


@pytest.mark.slow
def test_row_30_half_a_frame_ends_in_time(client_and_clocks):
    client, clocks = client_and_clocks
    with client.socket() as opened:
        opened.connection.socket.sendall(b"\x81\x85abcd")
        some_time_goes_by(client, clocks, ARRIVAL_SECONDS)
        assert opened.closing() == 1001


@pytest.mark.slow
def test_d21_two_hundred_slow_clients_delay_nobody(client_and_clocks):
    client, clocks = client_and_clocks
    slow = []
    for _ in range(200):
        connection = client.raw()
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        slow.append(connection)
    times = []
    for _ in range(100):
        began = time.perf_counter()
        assert client.get("/healthz").status == 200
        times.append(time.perf_counter() - began)
    # Whoever had to wait for one of them would have to for half a minute.
    assert sorted(times)[98] < ARRIVAL_SECONDS / 3
    clocks.go_on(ARRIVAL_SECONDS)
    for connection in slow:
        assert drained(connection).startswith(b"HTTP/1.1 408 ")
        connection.close()


def test_a_connection_too_many_is_told_so(start):
    client = client_of(start(limits=ServerLimits(connections=3)))
    held = [client.raw() for _ in range(3)]
    with client.raw() as connection:
        assert drained(connection).startswith(b"HTTP/1.1 503 ")
    for connection in held:
        connection.close()


@pytest.mark.parametrize(
    "line",
    [b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nA b: c\r\n\r\n",
     b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
     b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
     b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_request_is_400(client, still_well, line):
    with client.raw() as connection:
        connection.sendall(line)
        connection.shutdown(1)
        got = drained(connection)
        assert got.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ", b"HTTP/1.1 421 ")) or not got


def test_an_unfinished_handshake_is_refused(client):
    for headers, status in (
        ({"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "8"}, 426),
        ({"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}, 400),
        ({"Upgrade": "websocket", "Sec-WebSocket-Version": "13",
          "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}, 400),
    ):  # fmt: skip
        assert client.ask("GET", "/", headers=headers).status == status
