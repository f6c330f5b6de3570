"""A context on a server: acknowledged writes, cuts, restarts, absences and refusals."""

from __future__ import annotations

import gc
import logging
import random
import subprocess
import sys
import threading
import time
from time import monotonic

import pytest

from framework0.artifacts import Artifact
from framework0.context import Author, Context, MemoryStore, RemoteStore, Write
from framework0.errors import (
    ContextError,
    OperationReused,
    RefusedError,
    StoreUnavailable,
    UsageError,
    ValueRefused,
    VersionConflict,
)
from framework0.server import ContextServer
from tests.context.remote.conftest import PATIENCE
from tests.context.remote.serving import SmallServer

BY = Author("clean", "run-1", "clean", 2)


def wait_until(condition, seconds=PATIENCE):
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, "it did not happen"
        time.sleep(0.002)


def put(store, key, value):
    return store.apply((Write(key, value),), BY, 1.0)[0]


def ours():
    return [thread for thread in threading.enumerate() if thread.name == "framework0-remote"]


# Reading and writing


def test_a_write_is_acknowledged_by_the_server_and_read_here_at_once(server, join):
    store = join(server)
    for number in range(50):
        made = put(store, "a", number)
        assert server.store.get("a").version == made.version == store.version()
        assert store.get("a").value == number
    assert list(server.store.changes())[-1] == made


def test_what_others_write_arrives_in_order_and_once(server, join):
    store, told = join(server), []
    store.watch(told.extend)
    for number in range(300):
        server.store.apply((Write(f"k{number % 7}", number),), BY, 1.0)
    wait_until(lambda: store.version() == 300)
    assert told == list(server.store.changes())


def test_fresh_asks_the_server(server, join):
    store = join(server)
    with Context(store) as context:
        context.set("a", 1)
        before = len(server.heard)
        assert context.get("a") == 1
        assert len(server.heard) == before
        assert context.get("a", fresh=True) == 1
        assert context.get("b", 7, fresh=True) == 7
        assert len(server.heard) == before + 2


def test_fresh_is_offered_by_every_context():
    context = Context()
    context.set("a", 1)
    assert context.get("a", fresh=True) == 1


def test_many_threads_write_together_and_none_is_lost(server, join):
    store = join(server)
    context = Context(store)

    def count():
        for _ in range(25):
            context.modify("n", lambda n: n + 1, 0)

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert context.get("n") == 150


@pytest.mark.slow
def test_a_large_value_that_changes_a_little_travels_as_what_changed(server, join):
    writer, reader = join(server), join(server)
    rows = [{"name": f"row {number}", "value": number} for number in range(4_000)]
    put(writer, "rows", rows)
    wait_until(lambda: reader.version() == 1)
    rows = [dict(row) for row in rows]
    rows[7]["value"] = -1
    put(writer, "rows", rows)
    wait_until(lambda: reader.version() == 2)
    assert reader.get("rows").value == rows


def test_errors_are_those_of_a_context_here(server, join):
    store = join(server)
    first = put(store, "a", 1)
    with pytest.raises(VersionConflict) as conflict:
        store.apply((Write("a", 2),), BY, 1.0, {"a": 99})
    assert (conflict.value.key, conflict.value.actual) == ("a", first.version)
    store.apply((Write("b", 1),), BY, 1.0, operation="op")
    with pytest.raises(OperationReused, match="op"):
        store.apply((Write("b", 2),), BY, 1.0, operation="op")


@pytest.mark.parametrize(
    "value",
    [2**63, {"a": [-(2**64)]}, Artifact("0" * 64, "json", 5)],
    ids=["int", "deep", "artifact"],
)
def test_what_no_server_takes_is_refused_here(server, join, value):
    store = join(server)
    with pytest.raises(ValueRefused):
        put(store, "a", value)
    assert store.version() == 0


def test_what_the_server_refuses_to_read_is_refused_to_who_wrote_it(server, join):
    store = join(server)
    with pytest.raises(ValueRefused, match="more than 10,000"):
        put(store, "a", {f"k{number}": number for number in range(10_001)})
    assert put(store, "a", 1).version == 1


def test_a_value_beyond_the_servers_limit_is_refused_and_the_connection_stays(server, join):
    store = join(server)
    with pytest.raises(ValueRefused, match="at most 1,048,576"):
        put(store, "a", "x" * 1_100_000)
    assert put(store, "a", 1).version == 1
    assert store.status().reconnects == 0


def test_a_long_history_comes_whole_however_heavy_its_pages_are(tmp_path, join, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with ContextServer(0, store="memory", workspace=tmp_path) as server:
        store = join(server, token=None)
        for number in range(60):
            put(store, "a", f"{number}" + "x" * 20_000)
        assert [change.value[:2] for change in store.changes()] == [f"{n:x<2}" for n in range(60)]
        told = []
        join(server, token=None).watch(told.extend, 0)
        assert told == list(store.changes())


# Cuts


@pytest.mark.slow
def test_a_write_whose_answer_was_lost_counts_once(server, join):
    store = join(server)
    context = Context(store)
    chance = random.Random(4711)
    for _ in range(40):
        server.cuts_after_writes.append(chance.random() < 0.4)
        context.modify("n", lambda n: n + 1, 0)
    assert context.get("n") == 40
    assert server.store.get("n").value == 40
    assert store.status().reconnects > 5
    versions = [change.value for change in server.store.changes()]
    assert versions == list(range(1, 41))


def test_a_watcher_misses_nothing_and_sees_nothing_twice_through_cuts(server, join):
    store, told = join(server), []
    store.watch(told.extend)
    for number in range(200):
        server.store.apply((Write("a", number),), BY, 1.0)
        if number % 20 == 10:
            server.cut()
    wait_until(lambda: store.version() == 200)
    assert told == list(server.store.changes())
    assert store.status().snapshots == 1


def test_a_server_that_was_away_is_found_again_and_tells_only_what_was_missed(server, join):
    store, told = join(server), []
    put(store, "a", 1)
    store.watch(told.extend)
    server.stop()
    wait_until(lambda: not store.status().connected)
    assert store.get("a").value == 1
    server.store.apply((Write("b", 2),), BY, 1.0)
    server.start()
    wait_until(lambda: store.version() == 2)
    assert [change.key for change in told] == ["b"]
    assert store.status()[7:9] == (1, 1)


def test_another_history_comes_as_a_picture_and_watchers_are_told_what_differs(server, join):
    store, told = join(server), []
    put(store, "same", 1), put(store, "gone", 2)
    store.watch(told.extend)
    server.stop()
    server.store = MemoryStore()
    server.store.apply((Write("same", 1), Write("new", 3)), BY, 1.0)
    server.start()
    wait_until(lambda: store.status().snapshots == 2)
    assert store.status().why == "epoch"
    assert {key: entry.value for key, entry in store.entries().items()} == {"same": 1, "new": 3}
    assert [(change.key, change.value, change.removed, change.who) for change in told] == [
        ("same", 1, False, "resync"),
        ("new", 3, False, "resync"),
        ("gone", None, True, "resync"),
    ]
    assert store.epoch() == server.store.epoch()


@pytest.mark.slow
def test_history_that_the_server_has_forgotten_is_replaced_by_a_picture(join):
    server = SmallServer(MemoryStore(keep_changes=5))
    try:
        store, told = join(server), []
        put(store, "a", 0)
        store.watch(told.extend)
        server.stop()
        for number in range(1, 21):
            server.store.apply((Write("a", number),), BY, 1.0)
        server.start()
        wait_until(lambda: store.version() == 21)
        assert (store.status().why, [change.value for change in told]) == ("trimmed", [20])
        assert told[0].old == 0
    finally:
        server.stop()


def test_a_server_that_says_goodbye_is_come_back_to(server, join):
    store = join(server)
    server.goodbye()
    wait_until(lambda: store.status().reconnects == 1)
    assert put(store, "a", 1).version == 1


# While it is away


@pytest.mark.slow
def test_without_a_server_a_write_waits_and_then_says_that_nothing_happened(server, join):
    store = join(server)
    server.stop()
    wait_until(lambda: not store.status().connected)
    store._timeout = 0.3
    began = monotonic()
    with pytest.raises(StoreUnavailable, match=r"did not answer within 0\.3 seconds") as away:
        put(store, "a", 1)
    assert 0.25 < monotonic() - began < 30
    assert away.value.happened is False
    store._timeout = PATIENCE
    server.start()
    wait_until(lambda: store.status().connected)
    assert put(store, "b", 1).version == 1
    assert server.store.keys() == ["b"]


def test_a_write_that_waits_is_done_when_the_server_comes_back_in_time(server, join):
    store = join(server)
    server.stop()
    wait_until(lambda: not store.status().connected)
    made = []
    thread = threading.Thread(target=lambda: made.append(put(store, "a", 1)))
    thread.start()
    server.start()
    thread.join()
    assert made[0].version == 1


@pytest.mark.slow
def test_a_server_that_does_not_answer_leaves_it_open_what_happened(server, join):
    store = join(server)
    store._timeout = 0.3
    server.mute = True
    with pytest.raises(StoreUnavailable, match="not known") as away:
        put(store, "a", 1)
    assert away.value.happened is None
    with pytest.raises(StoreUnavailable) as away:
        store.fresh("a")
    assert away.value.happened is False


class AwayAfterOne(MemoryStore):
    """Does the first write, and has no majority from then on."""

    def apply_all(self, requests):
        if self.version():
            return [
                StoreUnavailable("nobody answers for the log", happened=False) for _ in requests
            ]
        return super().apply_all(requests)


def test_of_a_write_that_was_sent_before_a_cut_nothing_is_certain(join):
    away = SmallServer(AwayAfterOne())
    try:
        store = join(away)
        # It is done, and its answer lost; sent again, it is refused by a server that knows nothing of it.
        away.cuts_after_writes.append(True)
        with pytest.raises(StoreUnavailable, match="sent before as well") as caught:
            put(store, "a", 1)
        assert caught.value.happened is None
        assert away.store.get("a").value == 1
        with pytest.raises(StoreUnavailable, match="nobody answers") as caught:
            put(store, "a", 2)
        assert caught.value.happened is False
    finally:
        away.stop()


def test_writes_may_be_refused_at_once(server, join):
    store = join(server, while_away="refuse")
    server.stop()
    wait_until(lambda: not store.status().connected)
    began = monotonic()
    with pytest.raises(StoreUnavailable, match="no connection"):
        put(store, "a", 1)
    assert monotonic() - began < PATIENCE / 2
    server.start()


def test_writes_may_be_kept_and_reach_the_server_in_order(server, join):
    store = join(server, while_away="keep")
    put(store, "a", 0), put(store, "b", 0)
    server.stop()
    wait_until(lambda: not store.status().connected)
    for number in range(1, 30):
        assert put(store, "a", number).version == 0
        assert store.get("a").value == number
    store.apply((Write("b", removed=True), Write("c", 5)), BY, 1.0)
    assert {key: entry.value for key, entry in store.entries().items()} == {"a": 29, "c": 5}
    assert store.get("b") is None
    assert store.status().kept == 30
    server.start()


def test_kept_writes_are_all_there_once_when_the_server_is_back(server, join):
    store = join(server, while_away="keep")
    server.stop()
    wait_until(lambda: not store.status().connected)
    for number in range(30):
        put(store, "a", number)
    server.cuts_after_writes.extend([False, True, False, True])
    server.start()
    assert store.flush()
    assert [change.value for change in server.store.changes()] == list(range(30))
    wait_until(lambda: store.version() == 30)
    assert store.get("a").version == 30
    assert store.status()[12:14] == (0, 0)


def test_what_expects_a_version_is_never_kept(server, join):
    store = join(server, while_away="keep")
    server.stop()
    wait_until(lambda: not store.status().connected)
    store._timeout = 0.2
    with pytest.raises(StoreUnavailable):
        store.apply((Write("a", 1),), BY, 1.0, {"a": 0})
    server.start()


def test_no_more_is_kept_than_the_bound(server, join, monkeypatch):
    store = join(server, while_away="keep")
    monkeypatch.setattr(store._waiting, "_most", 2)
    server.stop()
    wait_until(lambda: not store.status().connected)
    put(store, "a", 1), put(store, "b", 1)
    with pytest.raises(StoreUnavailable, match="2 writes wait"):
        put(store, "c", 1)
    server.start()
    assert store.flush()


def test_a_kept_write_that_the_server_refuses_is_counted_and_logged(join, caplog):
    server = SmallServer()
    try:
        store = join(server, while_away="keep", token="r")
        server.stop()
        wait_until(lambda: not store.status().connected)
        put(store, "a", 1)
        server.start()
        with caplog.at_level(logging.WARNING):
            assert store.flush()
        assert store.status().refused == 1
        assert "was not taken" in caplog.text
        assert store.get("a") is None
    finally:
        server.stop()


def test_a_program_may_start_before_its_server(join):
    server = SmallServer()
    server.stop()
    context = Context()
    store = context.connect_to_server(server.url, token="a", timeout=PATIENCE)
    changes, told = [], threading.Event()
    began = monotonic()
    context.set("global_config", {"timeout": 30})
    context.subscribe("global_*", callback=lambda change: (changes.append(change), told.set()))
    assert monotonic() - began < PATIENCE / 2
    assert context.get("global_config") == {"timeout": 30}
    server.start()
    try:
        assert store.flush()
        assert server.store.get("global_config").value == {"timeout": 30}
        assert told.wait(PATIENCE)
        assert changes[0].version == 1
    finally:
        context.close()
        server.stop()


def test_a_context_that_has_been_used_cannot_become_another(server):
    context = Context()
    context.set("a", 1)
    with pytest.raises(ContextError, match="connect a new one"):
        context.connect_to_server(server.url)
    other = Context()
    other.subscribe("a", print)
    with pytest.raises(ContextError, match="connect a new one"):
        other.connect_to_server(server.url)
    other.close()


@pytest.mark.slow
def test_reading_from_a_server_that_was_never_there_says_so(join):
    server = SmallServer()
    server.stop()
    store = join(server, wait=False, timeout=0.2)
    for read in (store.version, store.keys, lambda: store.get("a"), store.epoch):
        with pytest.raises(StoreUnavailable, match=r"could not be reached within 0\.2 seconds"):
            read()
    assert store.wait_connected(0.1) is False


# Refusals


def test_a_wrong_token_is_said_at_once(server, join):
    store = join(server, wait=False, token="wrong")
    with pytest.raises(RefusedError, match="no such token"):
        store.wait_connected()
    with pytest.raises(RefusedError, match="no such token"):
        put(store, "a", 1)
    with pytest.raises(RefusedError, match="no such token"):
        store.tags()


@pytest.mark.slow
def test_a_token_that_becomes_valid_is_let_in_later(server, join):
    store = join(server, wait=False, token="later")
    with pytest.raises(RefusedError):
        store.wait_connected()
    server.options["tokens"]["later"] = "write"
    wait_until(lambda: store.status().connected)
    assert put(store, "a", 1).version == 1


def test_an_unknown_namespace_is_said_at_once(server, join):
    store = join(server, wait=False, namespace="other")
    with pytest.raises(ContextError, match="no context other"):
        store.wait_connected()


def test_a_reader_may_not_write_and_a_writer_not_load(server, join):
    reader, writer = join(server, token="r"), join(server, token="w")
    with pytest.raises(RefusedError, match="'write'"):
        put(reader, "a", 1)
    made = put(writer, "a", 1)
    with pytest.raises(RefusedError, match="'admin'"):
        writer.load([made._replace(version=9)])
    with pytest.raises(RefusedError, match="'admin'"):
        writer.untag("x")
    assert (reader.status().role, writer.status().role) == ("read", "write")


def test_too_many_requests_at_a_time_are_sent_a_little_later(join):
    from framework0.context import Request
    from framework0.context.wire.limits import WireLimits

    server = SmallServer(limits=WireLimits(in_flight=1))
    try:
        store = join(server)
        requests = [Request((Write(f"k{n}", n),), BY, 1.0) for n in range(20)]
        answers = store.apply_all(requests)
        assert [changes[0].version for changes in answers] == list(range(1, 21))
    finally:
        server.stop()


def test_the_token_is_in_no_log_and_no_message(server, join, caplog):
    secret = "f0_abc_very-secret"
    server.options["tokens"][secret] = "admin"
    with caplog.at_level(logging.DEBUG):
        store = join(server, token=secret)
        put(store, "a", 1)
        server.cut()
        wait_until(lambda: store.status().reconnects == 1)
    assert secret not in caplog.text + repr(store) + str(store.status()._replace(who=""))


def test_a_wrong_option_is_named(server):
    with pytest.raises(UsageError, match="wait, refuse, keep"):
        RemoteStore(server.url, while_away="hope")


def test_without_the_library_one_sentence_says_what_to_install(server, join, monkeypatch):
    monkeypatch.setitem(sys.modules, "websockets.client", None)
    store = join(server, wait=False)
    with pytest.raises(UsageError, match=r"pip install 'framework0\[remote\]'"):
        store.wait_connected()


# What a broken server can do


@pytest.mark.parametrize(
    "message",
    [
        b"{",
        b'{"type":"changes","changes":[[9,"a",2,[["=",["x"],1]],1.0,"x"]]}',
        b'{"type":"welcome"}',
        b'{"type":"goodbye","code":1001,"reason":"so long"}',
        b'{"type":"error","code":"internal","message":"?"}',
        b'{"type":"pong","id":77,"version":1,"now":1}',
    ],
)
def test_nonsense_from_a_server_costs_at_most_a_reconnection(server, join, message):
    store = join(server)
    put(store, "a", 1)
    with server.lock:
        for ws, _ in server.lines:
            ws.send(message.decode())
    assert put(store, "b", 2).version == 2
    assert store.get("a").value == 1
    wait_until(lambda: store.status().connected)


# Ends


@pytest.mark.parametrize("where", ["there", "mute", "away"])
def test_closing_ends_the_thread_soon(server, join, where):
    before = len(ours())
    store = join(server)
    put(store, "a", 1)
    server.mute = where == "mute"
    if where == "away":
        server.stop()
    began = monotonic()
    store.close()
    # Within a second, on a machine that has time.
    assert monotonic() - began < 20
    wait_until(lambda: len(ours()) <= before)
    store.close()
    assert store.get("a").value == 1
    with pytest.raises(ContextError, match="closed"):
        put(store, "a", 2)
    with pytest.raises(ContextError, match="closed"):
        store.tags()
    if where == "away":
        server.start()


def test_a_call_that_waits_is_told_when_the_store_is_closed(server, join):
    store, raised = join(server), []
    server.mute = True

    def write():
        try:
            put(store, "a", 1)
        except ContextError as error:
            raised.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    wait_until(lambda: store.status().waiting == 1)
    store.close()
    thread.join()
    assert isinstance(raised[0], StoreUnavailable)


def test_a_store_that_is_forgotten_ends_its_thread(server):
    before = len(ours())
    store = RemoteStore(server.url, token="a", timeout=PATIENCE)
    store.wait_connected()
    del store
    # Its thread has it in its hand now and then.
    wait_until(lambda: gc.collect() >= 0 and len(ours()) <= before)


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


@pytest.fixture
def secure(certificate):
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = SmallServer(tls=context)
    yield server
    server.stop()


@pytest.mark.slow
def test_through_tls_the_server_must_be_one_that_is_trusted(secure, join, certificate):
    store = join(secure, ca=str(certificate[0]))
    for number in range(20):
        put(store, "a", "x" * number * 10_000)
    assert store.get("a").value == "x" * 190_000
    other = join(secure, wait=False)
    wait_until(lambda: "no TLS with" in (other.status().trouble or ""))
    assert other.wait_connected(0.1) is False


def test_a_ca_file_that_cannot_be_read_is_named(secure, join, tmp_path):
    store = join(secure, wait=False, ca=str(tmp_path / "none.pem"))
    with pytest.raises(UsageError, match=r"none\.pem"):
        store.wait_connected()
