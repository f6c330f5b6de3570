"""Sockets: what is committed reaches everybody, in order, once; slow and hostile clients harm nobody."""

from __future__ import annotations

import json
import socket
import threading
import time

import psutil
import pytest
from websockets.frames import Frame, Opcode

from framework0.context import Context
from framework0.server import ServerLimits
from tests.server.conftest import PATIENCE, ROOT, Clocks, client_of, wait_until


def frames_of(*messages):
    return b"".join(
        Frame(Opcode.TEXT, json.dumps(m).encode()).serialize(mask=True) for m in messages
    )


def greeting(client, **hello):
    """The bytes of a handshake and a hello, for clients that are no clients."""
    shake = (
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    )
    hello = {"type": "hello", "protocol": 1, "token": client.token, **hello}
    return shake.encode() + frames_of(hello)


def changes_until(opened, version):
    seen = []
    while not seen or seen[-1][0] < version:
        message = opened.hear()
        if message["type"] == "changes":
            seen += message["changes"]
    return seen


def test_a_change_reaches_those_who_follow_its_key(client):
    with client.socket(follow="a.**") as one, client.socket() as two, client.socket() as three:
        assert one.hear()["type"] == "snapshot"
        two.ask(type="subscribe", id=1, pattern="b")
        for number, key in enumerate(("a.x", "b", "c", "a.y.z")):
            assert three.ask(type="set", id=number, key=key, value=number)["version"] == number + 1
        assert [change[1:4] for change in changes_until(one, 4)] == [
            ["a.x", 0, 0], ["a.y.z", 0, 3]]  # fmt: skip
        assert [change[1] for change in changes_until(two, 2)] == ["b"]


def test_the_writer_sees_its_change_before_its_answer(client):
    with client.socket(follow="**") as opened:
        opened.hear()
        opened.say(type="set", id=7, key="k", value=1)
        assert [opened.hear()["type"] for _ in range(2)] == ["changes", "reply"]


def test_a_client_that_comes_back_gets_exactly_what_it_missed(client):
    with client.socket(follow="**") as opened:
        opened.hear()
        epoch = opened.welcome["epoch"]
    for number in range(300):
        client.set("k", number)
    with client.socket(follow="**", epoch=epoch, since=100) as opened:
        assert opened.welcome["resume"] == "changes"
        assert [change[0] for change in changes_until(opened, 300)] == list(range(101, 301))
    with client.socket(follow="**", epoch="another", since=100) as opened:
        assert (opened.welcome["resume"], opened.welcome["why"]) == ("snapshot", "epoch")
        assert opened.hear()["entries"] == [["k", 299, 300]]


def test_writes_of_one_turn_are_one_commit(client):
    with client.socket() as opened:
        before = client.get(ROOT).json
        stream = [{"type": "set", "id": n, "key": f"k{n}", "value": n} for n in range(200)]
        opened.connection.socket.sendall(frames_of(*stream))
        answers = [opened.hear() for _ in range(200)]
        assert sorted(answer["version"] for answer in answers) == list(range(1, 201))
        after = client.get(ROOT).json
    assert after["writes"] - before["writes"] == 200
    assert after["commits"] - before["commits"] < 50


@pytest.mark.slow
def test_a_follower_among_many_writers_misses_nothing(client):
    def write(name):
        with client.socket() as opened:
            for number in range(200):
                opened.ask(type="set", id=number, key=f"{name}.{number % 7}", value=number)

    threads = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(5)]
    with client.socket(follow="**") as opened:
        opened.hear()
        for thread in threads:
            thread.start()
        seen = changes_until(opened, 1000)
        for thread in threads:
            thread.join()
    assert [change[0] for change in seen] == list(range(1, 1001))


def test_every_question_over_a_socket_has_its_answer(client):
    with client.socket() as opened:
        ask = opened.ask
        ask(type="set", id=1, key="a.b", value=1)
        ask(type="set", id=2, key="a.b", value={"x": 2}, by={"run": "r", "step": "s"})
        ask(type="delete", id=3, key="a.b")
        ask(type="set", id=4, key="c", value=3)
        assert ask(type="get", id=5, key="c")["value"] == 3
        assert ask(type="keys", id=6)["keys"] == ["c"]
        assert ask(type="entries", id=7)["entries"] == [["c", 3, 4]]
        assert ask(type="at", id=8, moment=1)["values"] == [["a.b", 1]]
        assert ask(type="at", id=9, moment="r:s", key="a.b")["value"] == {"x": 2}
        assert [c["version"] for c in ask(type="history", id=10, key="a.b")["changes"]] == [1, 2, 3]
        assert ask(type="tag", id=11, name="t", version=2)["type"] == "reply"
        assert ask(type="tags", id=12)["tags"] == {"t": 2}
        assert ask(type="at", id=13, moment="t")["moment"] == 2
        assert ask(type="untag", id=14, name="t")["existed"] is True
        assert ask(type="version_at", id=15, time=time.time())["version"] == 4
        assert ask(type="presence", id=16)["clients"][0]["role"] == "admin"
        done = ask(type="transaction", id=17, writes=[{"key": "d", "value": 1}], expected={"c": 4})
        assert (done["version"], done["count"]) == (5, 1)
        refused = ask(type="set", id=18, key="c", value=1, expect=1)
        assert (refused["code"], refused["actual"]) == ("conflict", 4)
        assert ask(type="at", id=19, moment="nothing")["type"] == "error"
        assert ask(type="get", id=20, key="")["code"] == "bad_key"


@pytest.mark.slow
def test_a_socket_that_asks_too_often_is_told_so_for_each_message_and_read_more_slowly(start):
    server = start(limits=ServerLimits(rate=20))
    client = client_of(server)
    # While its clock stands still, nobody earns another request, however slowly the rest goes on.
    Clocks(server, still=True)
    with client.socket() as opened:
        began = time.monotonic()
        pings = [{"type": "ping", "id": number} for number in range(100)]
        opened.connection.socket.sendall(frames_of(*pings))
        answers = [opened.hear() for _ in range(100)]
        assert [answer["id"] for answer in answers] == list(range(100))
        # Eighty come at once: four seconds' worth. Then each that comes too early is refused, and
        # what follows it is not read before its time.
        assert [answer["type"] for answer in answers[:80]] == ["pong"] * 80
        refused = [answer for answer in answers if answer["type"] == "error"]
        assert len(refused) == 20
        assert time.monotonic() - began > 0.3
        for answer in refused:
            assert answer["code"] == "rate"
            assert 0 < answer["retry_after"] <= 0.06
            assert "wait" in answer["message"]
        # The socket stays, and goes on.
        server._app.monotonic = time.monotonic
        until = time.monotonic() + PATIENCE
        while opened.ask(type="ping", id=200)["type"] != "pong":
            assert time.monotonic() < until


def test_whatever_comes_too_often_is_told_so_and_never_the_greeting(start):
    server = start(limits=ServerLimits(rate=20))
    client = client_of(server)
    Clocks(server, still=True)

    def refusal_of(opened, text):
        for _ in range(100):
            opened.connection.send(text)
            answer = opened.hear()
            if answer.get("code") == "rate":
                return answer
        raise AssertionError("never refused")

    with client.socket() as opened:
        assert refusal_of(opened, '{"key": "k", "id": 7, "type": "get"}')["id"] == 7
    with client.socket() as other:
        # The same token, and a new connection: it is let in, and its requests are counted.
        assert other.welcome["type"] == "welcome"
        for text in ("nonsense", "[1]", '{"id": -1}', '{"id": 1.5}'):
            assert "id" not in refusal_of(other, text)


@pytest.mark.slow
def test_a_client_that_is_told_rate_sends_again_by_itself(start):
    server = start(limits=ServerLimits(rate=40))
    with Context() as context:
        context.connect_to_server(server.url, timeout=float(PATIENCE))
        for number in range(170):
            context.set("n", number)
        assert context.get("n", fresh=True) == 169
        assert context.version == 170


def test_more_messages_than_one_turn_has_are_answered_in_order(client):
    with client.socket() as opened:
        pings = [{"type": "ping", "id": n} for n in range(1, 2201)]
        opened.connection.socket.sendall(frames_of(*pings))
        assert [opened.hear()["id"] for _ in pings] == [ping["id"] for ping in pings]


def test_a_ping_is_answered_and_a_close_is_closed(client):
    with client.socket() as opened:
        assert opened.connection.ping().wait(PATIENCE)
        opened.connection.close(1000)
        assert opened.closing() == 1000
    wait_until(lambda: client.get("/v1/status").json["connections"]["socket"] == 0)


def test_messages_sent_with_the_handshake_are_heard(client):
    with client.raw() as connection:
        connection.sendall(greeting(client) + frames_of({"type": "ping", "id": 1}))
        data = b""
        while b'"pong"' not in data:
            data += connection.recv(65536)
    assert data.startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    "message",
    ["", "x", "[]", "{}", "1", '{"type":1}', '{"type":"set"}', '{"type":"get","id":"x"}',
     '{"type":"get","id":-1,"key":"k"}', '{"type":"set","id":1,"key":"k","value":NaN}',
     '{"type":"set","id":1,"key":"k","value":' + "[" * 5000 + "}",
     '{"type":"set","id":1,"key":"k","value":1,"id":2}',
     '{"type":"set","id":1,"key":"../..\\u0000","value":1}',
     '{"type":"subscribe","id":1,"pattern":"' + "*a" * 200 + '"}'],
    ids=lambda message: message[:40],
)  # fmt: skip
def test_nonsense_is_an_error_and_the_socket_stays(client, message):
    with client.socket() as opened:
        opened.connection.send(message)
        assert opened.hear()["type"] == "error"
        assert opened.ask(type="ping", id=9)["type"] == "pong"


@pytest.mark.slow
def test_patterns_made_to_be_slow_delay_nobody(client):
    with client.socket() as bomber, client.socket() as other:
        for number in range(100):
            bomber.ask(type="subscribe", id=number, pattern="**a" * 7 + "b" + "**a" * 7)
        began = time.perf_counter()
        for number in range(20):
            other.ask(type="set", id=number, key="a" * 500, value=number)
        assert time.perf_counter() - began < 60


@pytest.mark.slow
def test_a_client_that_never_reads_costs_its_bound_and_is_closed_with_1013(start):
    limits = ServerLimits(stalled_seconds=1.0, connections=50)
    client = client_of(start(limits=limits))
    value = "x" * 200
    with socket.socket() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(("127.0.0.1", client.port))
        stuck.sendall(greeting(client, follow="**"))
        with client.socket(follow="**") as well, client.socket() as writer:
            well.hear()
            wait_until(lambda: client.get("/v1/status").json["connections"]["socket"] == 3)
            before = psutil.Process().memory_info().rss
            seen, number = 0, 0
            until = time.monotonic() + PATIENCE
            # Until its buffers and those of the system are full, and it has been closed for that.
            while number <= 2000 or b"dropped_total 1" not in client.get("/metrics").body:
                assert time.monotonic() < until
                batch = [
                    {"type": "set", "id": n, "key": f"k{n}", "value": value} for n in range(100)
                ]
                writer.connection.socket.sendall(frames_of(*batch))
                number += 100
                for _ in range(100):
                    writer.hear()
                seen = changes_until(well, number)[-1][0]
                assert seen == number
            grown = psutil.Process().memory_info().rss - before
    # The history of the store itself is most of it: the client's share is bounded by its buffers.
    assert grown < 96 * 1024 * 1024


@pytest.mark.slow
def test_a_slow_reader_gets_everything_late_but_whole(client):
    total = 3000
    with client.socket(follow="**") as slow, client.socket() as writer:
        slow.hear()
        value = "y" * 2000
        for start_at in range(0, total, 500):
            batch = [
                {"type": "set", "id": n, "key": f"k{n % 9}", "value": value} for n in range(500)
            ]
            writer.connection.socket.sendall(frames_of(*batch))
            for _ in range(500):
                writer.hear()
            assert start_at < total
        seen = changes_until(slow, total)
    assert [change[0] for change in seen] == list(range(1, total + 1))


def test_large_answers_wait_until_the_client_reads(start):
    client = client_of(start(limits=ServerLimits(stalled_seconds=float(PATIENCE))))
    client.set("big", "z" * 900_000)
    with client.raw() as connection:
        asks = frames_of(*({"type": "get", "id": n, "key": "big"} for n in range(60)))
        connection.sendall(greeting(client) + asks)
        before = psutil.Process().memory_info().rss
        assert client.get("/healthz").status == 200
        assert psutil.Process().memory_info().rss - before < 24 * 1024 * 1024
        size = 0
        while size < 60 * 900_000:
            size += len(connection.recv(1 << 20))


def test_a_socket_in_the_middle_of_everything_may_vanish(client):
    for cut in (1, 40, 150, 200, 230, 260, 300):
        with client.raw() as connection:
            connection.sendall((greeting(client, follow="**") + frames_of(
                {"type": "set", "id": 1, "key": "k", "value": cut}))[:cut])  # fmt: skip
    wait_until(lambda: client.get("/v1/status").json["connections"] == {"http": 1, "socket": 0})


def test_the_server_says_goodbye(start):
    server = start()
    client = client_of(server)
    with client.socket() as opened:
        server.stop()
        assert opened.hear()["type"] == "goodbye"
        assert opened.closing() == 1001
