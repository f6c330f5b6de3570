"""A server in a process of its own, as those see it who attack it and those who do not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager

import psutil

from framework0.workspace import read_local_token
from tests.server.conftest import Client, wait_until

# Generous, because tests share their machine: whoever waits for one that is slow by design waits for ever, and
# whoever waits for all that attack at once waits for the sum of their times.
SERVED_SECONDS = 30.0

SERVER = """
import json, sys
from framework0.server import ContextServer, ServerLimits
port, workspace, more, limits = json.loads(sys.argv[1])
server = ContextServer(port, workspace=workspace, limits=ServerLimits(**limits), **more)
server.serve(lambda: print(server.port, flush=True))
"""


class Served:
    """A server in a process, its log, and how large it has become."""

    def __init__(self, process, client, log):
        self.process = process
        self.client = client
        self._log = log
        self._size = 0
        self._about = psutil.Process(process.pid)

    @property
    def log(self):
        return self._log.read_text()

    def measure(self):
        """From here on, count what its memory grows by; what it does for the first time is done."""
        with self.client.socket() as opened:
            opened.ask(type="set", id=1, key="warm", value="x" * 1000)
        self._size = self._about.memory_info().rss

    @property
    def grown(self):
        return self._about.memory_info().rss - self._size

    @property
    def files(self):
        return self._about.num_fds()

    def lines(self, words):
        """Return how often the log tells of that, in lines and in counts of lines left out."""
        counts = re.findall(rf"and (\d+) more: {re.escape(words)}", self.log)
        ones = re.findall(rf"(?<!more: ){re.escape(words)}", self.log)
        return len(ones) + sum(map(int, counts))

    def wait_for_lines(self, words, count):
        wait_until(lambda: self.lines(words) >= count)
        assert self.lines(words) == count


@contextmanager
def servers_in(home):
    """Yield the function that starts a server with these limits; each is killed in the end."""
    with ExitStack() as running:

        def served(store="memory", token_path=None, **limits):
            more = {"store": store, "token_file": token_path and str(token_path)}
            given = json.dumps([0, str(home), more, limits])
            log = home / "server.log"
            process = running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", SERVER, given],
                    stdout=subprocess.PIPE,
                    stderr=running.enter_context(log.open("w")),
                    text=True,
                )
            )
            running.callback(process.kill)
            port = int(process.stdout.readline())
            return Served(process, Client(port, read_local_token(port)), log)

        yield served


@contextmanager
def somebody_else(client):
    """Have somebody write and read meanwhile; each time it must take its turn within seconds."""
    ended = threading.Event()
    took = []

    def use():
        with client.socket() as opened:
            number = 0
            while not ended.is_set() or not took:
                began = time.perf_counter()
                opened.ask(type="set", id=number, key="else", value=number)
                assert opened.ask(type="get", id=number + 1, key="else")["value"] == number
                took.append(time.perf_counter() - began)
                number += 2
                ended.wait(0.02)

    thread = threading.Thread(target=use)
    thread.start()
    try:
        yield took
    finally:
        ended.set()
        thread.join(120)
    assert not thread.is_alive()
    assert max(took) < SERVED_SECONDS
