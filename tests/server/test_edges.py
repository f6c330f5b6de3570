"""Times that run out, streams that stall, bugs, floods, and an end in the middle of everything."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path

import pytest

from framework0.context.persist import SQLiteStore
from framework0.server import ServerLimits, add_token, new_token
from framework0.server.audit import Audit
from framework0.server.limits import (
    ARRIVAL_SECONDS,
    IDLE_SECONDS,
    PING_SECONDS,
    SILENCE_SECONDS,
)
from framework0.server.rates import Rates
from tests.server.conftest import ROOT, Clocks, client_of, wait_until
from tests.server.test_sockets import changes_until, frames_of, greeting


def asked(client, target, more=b""):
    """A connection that has asked for something."""
    connection = client.raw()
    connection.sendall(
        b"GET %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %b\r\n%b\r\n"
        % (target.encode(), client.port, client.token.encode(), more)
    )
    return connection


def read_to_end(connection):
    size = 0
    while chunk := connection.recv(1 << 16):
        size += len(chunk)
    return size


def test_a_subscription_goes_on_where_it_was(client):
    for number in range(1, 1001):
        client_key = "a.x" if number % 200 == 0 else f"b{number % 3}"
        client.set(client_key, number)
    with client.socket() as opened:
        epoch = opened.welcome["epoch"]
        reply = opened.ask(type="subscribe", id=1, pattern="a.*", since=300, epoch=epoch)
        assert reply["resume"] == "changes"
        seen = []
        while len(seen) < 4:
            seen += opened.hear()["changes"]
        assert [change[0] for change in seen] == [400, 600, 800, 1000]
        client.set("a.y", 1)
        assert opened.hear()["changes"][0][1] == "a.y"


@pytest.mark.slow
def test_a_silent_socket_is_asked_for_a_sign_of_life_and_taken_for_dead(start):
    server = start()
    client, clocks = client_of(server), Clocks(server)
    with client.socket() as lives, client.raw() as dead:
        dead.sendall(greeting(client))
        data = b""
        while b'"welcome"' not in data:
            data += dead.recv(65536)
        clocks.go_on(PING_SECONDS)
        while not data.endswith(b"\x89\x00"):
            data += dead.recv(65536)
        assert lives.ask(type="ping", id=1)["type"] == "pong"
        clocks.go_on(SILENCE_SECONDS - PING_SECONDS)
        assert dead.recv(65536) == b""
        assert lives.ask(type="ping", id=2)["type"] == "pong"


@pytest.mark.slow
def test_a_socket_ends_with_the_time_of_its_token(start, home):
    now = time.time()
    token, text = new_token("short", "write", now, now + 3600)
    add_token(home / "tokens.json", token, now)
    server = start(token_file=home / "tokens.json")
    client, clocks = client_of(server), Clocks(server)
    with client.socket(text) as opened:
        assert opened.ask(type="set", id=1, key="k", value=1)["version"] == 1
        clocks.go_on(3600)
        assert opened.closing() == 4408
    assert client.get("/readyz", token=text).status == 401


def full_of_large_values(start, **limits):
    client = client_of(start(limits=ServerLimits(**limits)))
    for number in range(20):
        client.set(f"k{number}", "z" * 900_000)
    return client


def test_a_large_export_waits_for_its_reader(start):
    client = full_of_large_values(start)
    with asked(client, f"{ROOT}/export", b"Connection: close\r\n") as connection:
        assert client.get("/healthz").status == 200
        assert read_to_end(connection) > 20 * 900_000


@pytest.mark.slow
def test_an_export_that_nobody_reads_is_cut(start):
    client = full_of_large_values(start, stalled_seconds=0.5)
    with asked(client, f"{ROOT}/export") as connection:
        wait_until(lambda: client.get("/v1/status").json["connections"]["http"] == 1)
        try:
            size = read_to_end(connection)
        except ConnectionResetError:
            size = 0
    assert size < 20 * 900_000


def test_a_stream_is_no_place_for_another_request(client):
    with asked(client, f"{ROOT}/events") as connection:
        assert connection.recv(65536)
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            read_to_end(connection)
    assert client.get("/healthz").status == 200


def test_a_quiet_stream_says_that_it_lives(start, monkeypatch):
    monkeypatch.setattr("framework0.server.events.QUIET_SECONDS", 0.05)
    client = client_of(start())
    with asked(client, f"{ROOT}/events") as connection:
        data = b""
        while data.count(b": alive") < 2:
            data += connection.recv(65536)


def test_a_connection_that_asks_nothing_is_closed_without_a_word(start):
    server = start()
    client, clocks = client_of(server), Clocks(server)
    with client.raw() as silent:
        assert client.get("/v1/status").json["connections"]["http"] == 2
        clocks.go_on(ARRIVAL_SECONDS)
        assert silent.recv(100) == b""
    with asked(client, "/healthz") as between:
        assert b"200" in between.recv(65536)
        clocks.go_on(IDLE_SECONDS)
        assert between.recv(100) == b""


def test_requests_sent_ahead_wait_for_the_commit_before_them(start, home):
    client = client_of(start(store="shared"))
    put = b"PUT %b/keys/k HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %b\r\n"
    put %= (ROOT.encode(), client.port, client.token.encode())
    put += b"Content-Type: application/json\r\nContent-Length: 1\r\n\r\n1"
    with client.raw() as connection, client.raw():
        for _ in range(20):
            connection.sendall(put)
        data = b""
        while data.count(b'"version":') < 20:
            data += connection.recv(65536)
        connection.shutdown(1)
        assert connection.recv(100) == b""
    assert client.get(ROOT).json["version"] == 20


@pytest.mark.slow
def test_what_was_acknowledged_before_the_end_is_kept(start, home):
    server = start(store="shared")
    client = client_of(server)
    known = []

    def write(name):
        with client.socket() as opened:
            batch = [
                {"type": "set", "id": n, "key": f"{name}.{n}", "value": n} for n in range(1000)
            ]
            opened.connection.socket.sendall(frames_of(*batch))
            for _ in batch:
                message = opened.hear()
                if message["type"] != "reply":
                    return
                known.append(message["version"])

    threads = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(known) > 500)
    server.stop()
    for thread in threads:
        thread.join(120)
    store = SQLiteStore(Path(home / ".framework0/contexts/shared.db"))
    versions = [change.version for change in store.changes()]
    store.close()
    assert versions == list(range(1, len(versions) + 1))
    assert set(known) <= set(versions)
    assert len(known) == len(set(known))


def test_a_bug_is_told_with_an_id_and_logged_with_its_trace(client, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("planted")

    monkeypatch.setattr("framework0.server.keys.picture", broken)
    answer = client.get(f"{ROOT}/keys")
    assert (answer.status, answer.code) == (500, "internal")
    assert "planted" not in answer.body.decode()
    assert answer.json["request_id"] in caplog.text
    assert "planted" in caplog.text
    assert client.get("/readyz").status == 200


def test_a_server_that_ends_is_not_ready(start):
    server = start()
    client = client_of(server)
    server._app.draining = True
    with client.raw() as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 503 ")
    server._app.draining = False
    assert client.get("/readyz").status == 200


def test_a_full_audit_takes_the_place_of_the_one_before(tmp_path):
    audit = Audit(tmp_path / "audit.jsonl", 400, lambda: 1.0)
    for number in range(12):
        audit.note('"token":"t"', "set", [f"k{number}"], number)
        audit.flush()
    audit.close()
    old = (tmp_path / "audit.jsonl.1").read_text().splitlines()
    new = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert [json.loads(line)["version"] for line in old + new] == list(
        range(12 - len(old + new), 12)
    )
    assert (tmp_path / "audit.jsonl").stat().st_size <= 400
    assert audit.lost == 0


def test_an_audit_without_a_file_keeps_none_and_one_that_cannot_write_says_so(tmp_path):
    none = Audit(None, 100, lambda: 1.0)
    none.note("", "set", ["k"], 1)
    none.close()
    audit = Audit(tmp_path / "audit.jsonl", 1, lambda: 1.0)
    (tmp_path / "audit.jsonl").unlink()
    audit.note('"token":"t"', "set", ["k"], 1)
    audit.flush()
    assert audit.lost == 1


def test_rates_forget_who_has_been_quiet():
    rates = Rates(2)
    assert [rates.take("a", 0.0) for _ in range(9)][-1] == pytest.approx(0.5)
    assert rates.take("b", 0.0) == 0
    rates.forget_idle(1.0)
    assert set(rates._buckets) == {"a"}
    assert rates.take("a", 1.0) == 0
    rates.forget_idle(60.0)
    assert rates._buckets == {}


def test_a_client_that_is_behind_gets_the_rest_from_the_log(client):
    with client.socket(follow="**") as slow:
        slow.hear()
        with client.socket() as writer:
            batch = [{"type": "set", "id": n, "key": "k", "value": "y" * 9000} for n in range(900)]
            writer.connection.socket.sendall(frames_of(*batch))
            for _ in batch:
                writer.hear()
        assert [change[0] for change in changes_until(slow, 900)] == list(range(1, 901))


def test_a_socket_that_is_told_to_close_and_does_not_is_cut(start, monkeypatch):
    monkeypatch.setattr("framework0.server.sockets.CLOSING_SECONDS", 0.1)
    client = client_of(start())
    with client.raw() as rude:
        rude.sendall(greeting(client).replace(b"\r\n\r\n", b"\r\n\r\n") + b"\x83\x80abcd")
        data = b""
        while chunk := rude.recv(65536):
            data += chunk
    assert b"\x03\xea" in data
    wait_until(lambda: client.get("/v1/status").json["connections"]["socket"] == 0)
