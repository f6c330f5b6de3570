"""R16: one subscriber that is stopped harms nobody, costs little, and is closed with 1013."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from websockets.frames import Frame, Opcode

from framework0.workspace import read_local_token
from tests.server.conftest import Client

MEGABYTE = 1024 * 1024
# A megabyte of what does not repeat itself, as messages of ten kilobytes.
MESSAGES = b"".join(
    Frame(
        Opcode.TEXT,
        json.dumps(
            {"type": "set", "id": n, "key": f"k{n}", "value": os.urandom(5_000).hex()}
        ).encode(),
    ).serialize(mask=True)
    for n in range(100)
)

# It reads until it is stopped; when it goes on, it reads to the end and tells with which code.
SUBSCRIBER = """
import json, sys
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
port, token = sys.argv[1:]
with connect(f"ws://127.0.0.1:{port}", compression=None, max_size=None) as opened:
    opened.send(json.dumps({"type": "hello", "protocol": 1, "token": token, "follow": "**"}))
    print(opened.recv()[:20], flush=True)
    try:
        while True:
            opened.recv()
    except ConnectionClosed as closed:
        print(closed.rcvd.code if closed.rcvd else None, flush=True)
"""


class Traffic:
    """A writer, and a follower that reads everything."""

    def __init__(self, client):
        self.writer = client.socket()
        self.follower = client.socket(follow="**")
        self.follower.hear()
        self.version = 0

    def round(self):
        """Write a megabyte and wait until the follower has read it."""
        self.writer.connection.socket.sendall(MESSAGES)
        self.version += 100
        for _ in range(100):
            self.writer.hear()
        while self.follower.hear()["changes"][-1][0] < self.version:
            pass

    def rounds(self, seconds):
        """Return how many rounds there were in a second, on average."""
        began = time.perf_counter()
        count = 0
        while time.perf_counter() - began < seconds:
            self.round()
            count += 1
        return count / (time.perf_counter() - began)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A server in a process of its own, and a client for it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    words = [sys.executable, "-m", "framework0", "serve", "--port", "0", "--json",
             "--store", "memory", "--workspace", str(tmp_path)]  # fmt: skip
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = json.loads(process.stdout.readline())["port"]
            yield process, Client(port, read_local_token(port))
        finally:
            process.kill()


@pytest.mark.slow
def test_r16_a_stopped_subscriber_harms_nobody(served):
    process, client = served
    traffic = Traffic(client)
    server = psutil.Process(process.pid)
    words = [sys.executable, "-c", SUBSCRIBER, str(client.port), client.token]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as subscriber:
        assert "welcome" in subscriber.stdout.readline()
        # The store keeps 64 megabytes of the past: from then on it does not grow any more.
        for _ in range(90):
            traffic.round()
        before = traffic.rounds(2)
        size = server.memory_info().rss
        subscriber.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        after, grown = [], []
        while b"dropped_total 1" not in client.get("/metrics").body:
            after.append(traffic.rounds(1))
            grown.append(server.memory_info().rss - size)
            assert time.monotonic() - stopped < 120
        # Others may have come to this machine meanwhile, and then the server alone is slower, too.
        before = min(before, traffic.rounds(1))
        subscriber.send_signal(signal.SIGCONT)
        told = subscriber.stdout.readline().strip()
    assert told == "1013"
    # The promise is for 11 MB a second; what a busy machine does beyond that is no promise.
    assert max(after) >= 0.5 * min(before, 11)
    assert max(grown) < 32 * MEGABYTE
