"""The real server, killed again and again under clients that write and watch."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from framework0.context import Context, RemoteStore, Write
from framework0.context.change import Author
from tests.ports import free_ports

KILLS = 4
WRITERS = 4


class Server:
    """``framework0 serve`` as a process of its own, on a port that stays the same."""

    def __init__(self, home):
        self.home = home
        (self.port,) = free_ports(1)
        self.url = f"ws://localhost:{self.port}"
        self.process = None

    def start(self):
        with (self.home / "stderr").open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "framework0", "serve", "--port", str(self.port), "--json",
                 "--store", f"sqlite:{self.home / 'context.db'}", "--workspace", self.home],
                stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        line = self.process.stdout.readline()
        assert line, (self.home / "stderr").read_text()

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("FRAMEWORK0_CONTEXT_TOKEN", raising=False)
    server = Server(tmp_path)
    server.start()
    yield server
    server.end(signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured")
def test_no_acknowledged_write_is_lost_and_none_counts_twice_through_kills(server):
    stop = threading.Event()
    done = [0] * WRITERS
    stores = [RemoteStore(server.url, timeout=120) for _ in range(WRITERS + 1)]
    # More keys than changes can be missed, or a snapshot would be the cheaper way to resume.
    for part in "abcd":
        stores[0].apply([Write(f"many.{part}.{n}", n) for n in range(2_000)], Author(), 0.0)
    watcher, told = stores[-1], []
    watcher.watch(told.extend, 0)

    def write(number):
        context = Context(stores[number])
        while not stop.is_set():
            context.modify("total", lambda total: total + 1, 0)
            context.set(f"own.{number}", done[number])
            done[number] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        chance = random.Random(1)
        for _ in range(KILLS):
            before = sum(done)
            while sum(done) < before + 20:
                time.sleep(chance.uniform(0.001, 0.02))
            server.end(signal.SIGKILL)
            server.start()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    last = stores[0].apply([Write("last", True)], Author(), 0.0)[0].version
    end = time.monotonic() + 120
    while watcher.version() < last and time.monotonic() < end:
        time.sleep(0.01)
    try:
        assert stores[0].fresh("total").value == sum(done)
        for number in range(WRITERS):
            assert stores[0].fresh(f"own.{number}").value == done[number] - 1
        assert [change.version for change in told] == list(range(1, last + 1))
        assert told == list(stores[0].changes())
        assert sum(store.status().reconnects for store in stores) >= KILLS
        assert [s.status().why for s in stores if s.status().snapshots > 1] == []
    finally:
        for store in stores:
            store.close()
