"""Clients that mean harm, against a server in a process of its own.

Whatever they do, the server's memory stays within a bound, others are served meanwhile, and each of
them is in the log once and with nothing of its own text. What a single rule answers is in the tests
of that rule (test_bad_inputs, test_guard, test_sockets); here is what it costs when many do it.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import quote

import pytest
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode

from framework0.errors import UsageError
from framework0.server import revoke_token
from framework0.server.handles import make_room
from tests.server.attacked import SERVED_SECONDS, servers_in, somebody_else
from tests.server.conftest import ROOT, Client, Socket, token_file, wait_until
from tests.server.test_sockets import frames_of, greeting

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unmeasured")]

MEGABYTE = 1024 * 1024
# Opens many connections, tells how each ended up, and holds what it has until it is told to go.
CROWD = """
import asyncio, collections, json, resource, sys
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
port, count, hello = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode().decode("unicode_escape").encode("latin-1")
held, ends = [], collections.Counter()

async def come():
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        held.append(writer)
        writer.write(hello)
        said = await reader.readuntil(b"\\r\\n\\r\\n")
        if b" 101 " in said:
            said = await reader.readuntil(b'"welcome"')
            ends["welcome"] += 1
        else:
            ends[said.split(b" ", 2)[1].decode()] += 1
    except (OSError, asyncio.IncompleteReadError):
        ends["cut"] += 1

async def crowd():
    await asyncio.gather(*(come() for _ in range(count)))
    print(json.dumps(ends), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)

asyncio.run(crowd())
"""


@pytest.fixture
def serve(home):
    """The function that starts a server in a process, with the limits it is given."""
    with servers_in(home) as started:
        yield started


@contextmanager
def crowded(port, count, processes, hello):
    """Have processes open connections, together ``count``; yield how they ended up, in sum."""
    words = [sys.executable, "-c", CROWD, str(port), str(count // processes)]
    words.append(hello.decode("latin-1").encode("unicode_escape").decode())
    with ExitStack() as running:
        crowd = [
            running.enter_context(
                subprocess.Popen(
                    words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                )
            )
            for _ in range(processes)
        ]  # fmt: skip
        for process in crowd:
            running.callback(process.kill)
        ends = {}
        for process in crowd:
            for end, number in json.loads(process.stdout.readline()).items():
                ends[end] = ends.get(end, 0) + number
        yield ends
        for process in crowd:
            process.communicate("go\n", timeout=120)


def files_allowed():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def read_code(connection):
    """Read until the server says goodbye and return its code, None when it only ends."""
    data = b""
    with suppress(ConnectionError):
        while chunk := connection.recv(1 << 20):
            data = (data + chunk)[-4096:]
            if found := re.search(rb'"goodbye","code":(\d{4})', data):
                return int(found[1])
    return None


def texts_as_frames(texts):
    """Return texts of up to 125 bytes as a client's frames, with masks that change nothing."""
    return b"".join(b"\x81%c\0\0\0\0%b" % (0x80 | len(text), text) for text in texts)


def test_twenty_five_clients_that_never_read_cost_their_bound_and_are_dropped(serve):
    served = serve(stalled_seconds=1.0)
    client = served.client
    served.measure()
    with ExitStack() as stuck:
        for number in range(25):
            connection = stuck.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", client.port))
            connection.sendall(
                greeting(client, follow="**")
                if number < 20
                else b"GET %b/events HTTP/1.1\r\nHost: localhost:%d\r\nAuthorization: Bearer %b\r\n\r\n"
                % (ROOT.encode(), client.port, client.token.encode())
            )
        connections = "connections"
        wait_until(lambda: client.get("/v1/status").json[connections] == {"http": 6, "socket": 20})
        with somebody_else(client), client.socket() as writer:
            value = "x" * 10_000
            batch = frames_of(
                *({"type": "set", "id": n, "key": f"k{n}", "value": value} for n in range(50))
            )
            for _ in range(30):
                writer.connection.socket.sendall(batch)
                for _ in range(50):
                    writer.hear()
            wait_until(lambda: b"dropped_total 25" in client.get("/metrics").body)
    # Fifteen megabytes were written, and the store keeps them; for each of these it would be as much.
    assert served.grown < 80 * MEGABYTE
    served.wait_for_lines("socket closed with 1013", 20)
    served.wait_for_lines("refused GET (408 stalled)", 5)


def test_sixty_halves_of_a_frame_are_bounded_and_end_in_time(serve):
    served = serve(arrival_seconds=2.0)
    client = served.client
    served.measure()
    whole = Frame(Opcode.TEXT, b" " * (MEGABYTE - 1000)).serialize(mask=True)
    with somebody_else(client), ExitStack() as half:
        connections = [half.enter_context(client.raw()) for _ in range(60)]
        for connection in connections:
            connection.sendall(greeting(client) + whole[: MEGABYTE * 9 // 10])
        assert {read_code(connection) for connection in connections} == {1001}
    assert served.grown < 60 * 2.5 * MEGABYTE
    served.wait_for_lines("socket closed with 1001", 60)


def test_64_megabytes_in_a_frame_or_in_parts_are_refused_before_they_are_kept(serve):
    served = serve()
    client = served.client
    served.measure()
    one = b"\x81\xff" + (64 * MEGABYTE).to_bytes(8, "big") + b"mask"
    parts = Frame(Opcode.TEXT, b"x" * (MEGABYTE // 2), fin=False).serialize(mask=True)
    part = Frame(Opcode.CONT, b"x" * (MEGABYTE // 2), fin=False).serialize(mask=True)
    with somebody_else(client):
        for first, next_ in ((one, b"x" * MEGABYTE), (parts, part)):
            with client.raw() as connection:
                connection.sendall(greeting(client) + first)
                # It is told at once and cut when it goes on for too long.
                with suppress(ConnectionError):
                    for _ in range(64):
                        connection.sendall(next_)
                assert read_code(connection) == 1009
    assert served.grown < 16 * MEGABYTE
    served.wait_for_lines("socket closed with 1009", 2)


def test_of_20_000_subscriptions_on_one_connection_100_are_made(serve):
    served = serve()
    client = served.client
    total, at_once = 20_000, 5000
    replies = errors = 0
    served.measure()
    with somebody_else(client), client.raw() as connection:
        connection.sendall(greeting(client))
        for start in range(0, total, at_once):
            texts = (
                b'{"type":"subscribe","id":%d,"pattern":"**.%d.*"}' % (n, n)
                for n in range(start + 1, start + at_once + 1)
            )
            connection.sendall(texts_as_frames(texts) + frames_of({"type": "ping", "id": 0}))
            data = bytearray()
            while b'"pong"' not in data[-200:]:
                data += connection.recv(1 << 20)
            replies += data.count(b'"type":"reply"')
            errors += data.count(b'"code":"too_many_subscriptions"')
        assert (replies, errors) == (100, total - 100)
    assert served.grown < 16 * MEGABYTE
    served.wait_for_lines("socket refused too_many_subscriptions", 1)


def test_patterns_made_to_be_slow_hold_up_nobody_over_http(serve):
    served = serve()
    client = served.client
    keys = [f"{'a' * 500}{number:05}" for number in range(2000)]
    with client.socket() as opened:
        for start in range(0, len(keys), 500):
            writes = [{"key": key, "value": 1} for key in keys[start : start + 500]]
            assert opened.ask(type="transaction", id=start, writes=writes)["count"] == 500
    bomb = quote("**a" * 15 + "b" + "**a")
    served.measure()
    with somebody_else(client):
        for path in ("keys?", "at?version=3&", "export?"):
            answer = client.get(f"{ROOT}/{path}pattern={bomb}")
            assert (answer.status, b"aaaa" in answer.body) == (200, False), answer
        for pattern in ("*" * 33, "**a" * 200, "*." + "x" * 600, ""):
            assert client.get(f"{ROOT}/keys?pattern={quote(pattern)}").status in {400, 422}
    assert served.grown < 16 * MEGABYTE


def test_pages_of_other_places_are_refused_and_their_words_are_not_in_the_log(serve):
    served = serve()
    client = served.client
    served.measure()
    evil = {"Origin": "http://evil.example"}
    with somebody_else(client):
        for _ in range(30):
            assert client.put(f"{ROOT}/keys/k", 1, evil).status == 403
            with pytest.raises(InvalidStatus):
                Socket(client.port, origin="http://evil.example")
        for _ in range(30):
            assert client.get(f"{ROOT}/keys/k", headers={"Host": "evil.example"}).status == 421
    assert client.get(f"{ROOT}/keys/k").status == 404
    assert served.grown < 16 * MEGABYTE
    served.wait_for_lines("refused PUT (403 origin)", 30)
    served.wait_for_lines("refused GET (403 origin)", 30)
    served.wait_for_lines("refused GET (421 host)", 30)
    assert "evil" not in served.log


def test_a_revoked_token_opens_nothing_however_it_is_played_back(serve, home):
    path, texts = token_file(home, gone="admin", stays="write")
    served = serve(token_path=path)
    client = served.client
    gone, given = texts["gone"], {"Authorization": f"Bearer {texts['gone']}"}
    recorded = greeting(Client(client.port, gone)) + frames_of(
        {"type": "set", "id": 1, "key": "stolen", "value": 1}
    )
    with client.socket(gone) as opened:
        assert opened.ask(type="set", id=1, key="k", value=1)["version"] == 1
        revoke_token(path, "gone")
        served.process.send_signal(signal.SIGHUP)
        assert opened.closing() == 4408
    with somebody_else(Client(client.port, texts["stays"])):
        assert client.get(f"{ROOT}/keys/k", token=gone).status == 401
        assert client.put(f"{ROOT}/keys/stolen", 1, token=gone).status == 401
        assert client.get(f"{ROOT}/events?token={gone}", token=None).status == 401
        with pytest.raises(InvalidStatus):
            Socket(client.port, additional_headers=given)
        with client.raw() as connection:
            connection.sendall(recorded)
            assert read_code(connection) == 4401
    assert client.get(f"{ROOT}/keys/stolen").status == 404
    served.wait_for_lines("socket closed with 4408", 1)
    served.wait_for_lines("socket closed with 4401", 1)
    served.wait_for_lines("refused GET (401 token)", 3)
    served.wait_for_lines("refused PUT (401 token)", 1)
    assert gone not in served.log
    assert gone.split("_", 2)[2] not in served.log


def test_keys_and_names_made_of_paths_touch_no_file(serve, home):
    served = serve(store="shared")
    client = served.client
    client.set("k", 1)
    canary = home / "canary"
    canary.write_text("untouched")
    tricks = ["../canary", "../../canary", "..\\canary", "/etc/passwd", str(canary), "~/canary",
              "canary\0.db", "canary%00", "a/../../canary", "CON", ".", "..", "file:canary"]  # fmt: skip

    def files():
        return {
            file
            for file in home.rglob("*")
            if file.is_file() and not re.search(r"-(wal|shm)$|\.lock$|server\.log$", file.name)
        }

    before = files()
    refused = 0
    with somebody_else(client), client.socket() as opened:
        for number, trick in enumerate(tricks):
            answer = opened.ask(type="set", id=2 * number, key=trick, value=trick)
            if answer["type"] == "reply":
                assert opened.ask(type="get", id=2 * number + 1, key=trick)["value"] == trick
            there = quote(trick, safe="")
            for path in (f"{ROOT}/keys/{there}", f"/v1/contexts/{there}/keys/k"):
                status = client.put(path, trick).status
                assert status in {200, 201, 400}, (path, status)
                refused += status == 400
            raw = client.put(f"/v1/contexts/{trick.replace(chr(0), '%00')}/keys/k", 1)
            assert raw.status in {200, 201, 400, 404}, (trick, raw)
            refused += raw.status == 400
    made = {file.name for file in files() - before}
    # Names that are names make contexts of their own, in the folder where contexts are.
    assert made <= {"shared+CON.db"}
    assert canary.read_text() == "untouched"
    assert not list(home.parent.glob("canary*"))
    assert refused > len(tricks)
    served.wait_for_lines("socket refused bad_key", 1)
    assert sum(served.lines(f"refused PUT (400 {code})") for code in
               ("path", "key", "namespace", "bad_key")) == refused  # fmt: skip
    assert "canary" not in served.log


def test_ten_thousand_connections_at_once_leave_the_limit_and_the_others_alone(serve):
    served = serve()
    client = served.client
    processes = 4
    count = min(10_000, processes * (files_allowed() - 100)) // processes * processes
    served.measure()
    with client.socket() as there, somebody_else(client) as took:
        wait_until(lambda: len(took) > 2)
        open_before = 2
        with crowded(client.port, count, processes, greeting(client)) as ends:
            # What is held, and what has been turned away and not gone yet.
            assert served.files < 128 + 256 + 100
            there.ask(type="ping", id=1)
            assert ends["welcome"] <= 128 - open_before
            assert sum(ends.values()) == count
            turned_away = count - ends["welcome"]
        assert ends["welcome"] > 64
        assert max(took) < SERVED_SECONDS
    assert served.grown < 64 * MEGABYTE
    # Everybody comes in again as soon as the crowd has gone.
    wait_until(lambda: client.get("/healthz").status == 200)
    wait_until(lambda: client.get("/v1/status").json["connections"]["socket"] == 0)
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(120) == 0
    assert served.lines("refused - (503 connections)") == turned_away
    assert served.log.count("\n") < 500


def test_two_hundred_slow_clients_of_every_kind_delay_nobody(serve):
    served = serve(arrival_seconds=3.0, authentication_seconds=3.0, connections=300)
    client = served.client
    shake = greeting(client)
    shake = shake[: shake.index(b"\r\n\r\n") + 4]
    body = (
        b"PUT %b/keys/k HTTP/1.1\r\nHost: localhost:%d\r\nAuthorization: Bearer %b\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n1"
    ) % (ROOT.encode(), client.port, client.token.encode())
    beginnings = [b"GET /healthz HTTP/1.1\r\nX-Slow: ", body, shake + b"\x81", shake]
    served.measure()
    with somebody_else(client), ExitStack() as slow:
        connections = []
        for number in range(200):
            # What is open and has said nothing yet would be another kind of slow.
            connections.append(slow.enter_context(client.raw()))
            connections[-1].sendall(beginnings[number % 4])
        until = time.monotonic() + 2.0
        while time.monotonic() < until:
            for number, connection in enumerate(connections):
                if number % 4 < 2:
                    with suppress(OSError):
                        connection.sendall(b"1")
            time.sleep(0.2)
        codes = {read_code(connection) for connection in connections}
        assert codes <= {None, 4401}
    assert served.grown < 16 * MEGABYTE
    served.wait_for_lines("refused - (408 slow)", 50)
    served.wait_for_lines("refused PUT (408 slow)", 50)
    served.wait_for_lines("socket closed with 4401", 100)


def test_when_files_run_out_those_who_are_there_are_served_and_others_come_later(serve):
    served = serve(connections=1000)
    client = served.client
    served.measure()
    soft = served.files + 40
    resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE, (soft, soft))
    with client.socket() as opened, ExitStack() as many:
        for _ in range(80):
            many.enter_context(socket.create_connection(("127.0.0.1", client.port), timeout=120))
        wait_until(lambda: served.files >= soft)
        assert opened.ask(type="set", id=1, key="k", value=1)["version"] == 2
    wait_until(lambda: client.get("/healthz").status == 200)


def test_a_server_for_many_raises_its_own_limit_of_files(serve):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        served = serve(connections=1000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    now, _ = resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE)
    assert now > 1000


def test_a_server_for_more_than_the_system_allows_does_not_start():
    with pytest.raises(UsageError, match="--max-connections"):
        make_room(files_allowed())
