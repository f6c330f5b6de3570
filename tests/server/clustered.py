"""Three real servers on one real cluster, a balancer in front of them, and clients that record."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from contextlib import suppress

from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.context.replicated.clusters import NODES
from tests.linearizability import FOREVER, UNKNOWN, Operation
from tests.ports import free_ports
from tests.server.conftest import PATIENCE, ROOT, Client, Socket, token_file

KEYS = [f"k{number}" for number in range(5)]


class Servers:
    """``framework0 serve`` three times on one cluster, under the ports they keep."""

    def __init__(self, folder, store, front, *, stores=None):
        """``stores`` has the addresses of the servers that reach the cluster in another way."""
        self.folder = folder
        self._others = stores or {}
        self.ports = free_ports(NODES)
        self.tokens, texts = token_file(folder, client="admin")
        self.token = texts["client"]
        self._store = store
        self._front = front
        self._processes = {}

    def start(self, *numbers):
        """Start these together, and return when they listen."""
        for number in numbers:
            self._begin(number)
        for number in numbers:
            said = self._processes[number].stdout.readline()
            assert said, (self.folder / f"server{number}" / "log").read_text()

    def _begin(self, number):
        home = self.folder / f"server{number}"
        home.mkdir(exist_ok=True)
        words = [sys.executable, "-m", "framework0", "serve", "--json", "--store",
                 self._others.get(number, self._store),
                 "--port", str(self.ports[number]), "--workspace", str(home),
                 "--token-file", str(self.tokens), "--allow-host", f"127.0.0.1:{self._front}"]  # fmt: skip
        environment = {**os.environ, "XDG_STATE_HOME": str(home / "state")}
        with open(home / "log", "ab") as log:
            process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=log)
        self._processes[number] = process

    def kill(self, number):
        process = self._processes.pop(number)
        process.kill()
        process.wait()
        process.stdout.close()

    def client(self, number):
        return Client(self.ports[number], self.token)

    def __enter__(self):
        try:
            self.start(*range(NODES))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for number in list(self._processes):
            self._processes[number].send_signal(signal.SIGTERM)
        for number in list(self._processes):
            with suppress(subprocess.TimeoutExpired):
                self._processes[number].wait(60)
            self.kill(number)


class Balancer:
    """Hands each TCP connection to the next server that takes it."""

    def __init__(self):
        (self.port,) = free_ports(1)
        self.servers = []
        self._next = 0
        self._listening = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self):
        self._thread.start()
        self._listening = self._do(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        return self

    def __exit__(self, *_):
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, what):
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE)

    async def _end(self):
        self._listening.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        for _ in self.servers:
            self._next += 1
            with suppress(OSError):
                port = self.servers[self._next % len(self.servers)]
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
                return
        writer.close()


class Holding(Balancer):
    """Stands before a member of etcd, and keeps from a server what its follower would be told.

    Its questions to the majority and its writes go through.
    """

    def __init__(self):
        super().__init__()
        self._free = asyncio.Event()
        self._free.set()

    def hold(self):
        self._do(self._set(free=False))

    def release(self):
        self._do(self._set(free=True))

    async def _set(self, *, free):
        if free:
            self._free.set()
        else:
            self._free.clear()

    async def _serve(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.servers[0])
        follows = asyncio.Event()
        with suppress(OSError):
            await asyncio.gather(
                self._ask(reader, far_writer, follows), self._tell(far_reader, writer, follows)
            )

    @staticmethod
    async def _ask(reader, writer, follows):
        while data := await reader.read(65536):
            # Only a follower asks for many records at once, or watches.
            if b"/v3/watch" in data or b"range_end" in data:
                follows.set()
            writer.write(data)
            await writer.drain()
        writer.close()

    async def _tell(self, reader, writer, follows):
        while data := await reader.read(65536):
            if follows.is_set():
                await self._free.wait()
            writer.write(data)
            await writer.drain()
        writer.close()


async def _pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


class Clients:
    """Threads that read fresh, write and compare-and-set at any server, and record what they saw.

    A write without an answer is sent again under its operation id, most likely to another server.
    ``plain`` clients do not ask for fresh reads: the control.
    """

    def __init__(self, port, token, *, root=ROOT, plain=False, count=6):
        self._root = root
        self._read = "" if plain else "?fresh=true"
        self.history = []
        self._client = Client(port, token)
        self._values = iter(range(1, 10**9))
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number,)) for number in range(count)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def answered(self):
        """Return how many calls have had an answer."""
        return sum(1 for call in self.history if call.end != FOREVER)

    def _run(self, seed):
        chance = random.Random(seed)
        known = {}
        while not self._stopping.is_set():
            key = chance.choice(KEYS)
            kind = chance.choice(["read", "read", "write", "cas"])
            if kind == "cas" and key not in known:
                kind = "read"
            value = None if kind == "read" else next(self._values)
            expected, version = known.get(key, (None, 0)) if kind == "cas" else (None, 0)
            call = Operation(key, kind, time.monotonic(), FOREVER, value, expected, UNKNOWN)
            answer = self._ask(call, version)
            if answer is None:
                if kind != "read":
                    self.history.append(call)
                continue
            if kind == "read":
                out = answer.json if answer.status == 200 else None
                etag = int(answer.headers["etag"].strip('"')) if answer.status == 200 else 0
                known[key] = (out, etag)
            else:
                out = answer.status in {200, 201}
                if out:
                    known[key] = (value, answer.json["version"])
            self.history.append(call._replace(end=time.monotonic(), out=out))

    def _ask(self, call, version):
        """Return the answer to a call; None when a read failed, or time ran out for a write."""
        path = f"{self._root}/keys/{call.key}"
        named = {"Idempotency-Key": uuid.uuid4().hex}
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if call.kind == "read":
                    answer = self._client.get(f"{path}{self._read}")
                elif call.kind == "write":
                    answer = self._client.put(path, call.value, named)
                else:
                    answer = self._client.put(f"{path}?expect_version={version}", call.value, named)
            except (OSError, http.client.HTTPException):
                answer = None
            if answer is not None and answer.status < 500:
                assert answer.status in {200, 201, 404, 409}, answer
                return answer
            if call.kind == "read":
                return None
            # Whoever is refused at once does not take the time of those who work on it.
            time.sleep(0.01)
        return None


class Watcher:
    """Follows everything through the balancer, comes back after each cut with where it was."""

    def __init__(self, port, token, *, namespace="default"):
        self.told = []
        self._namespace = namespace
        self.welcomes = []
        self.trouble = []
        self._port = port
        self._token = token
        self._epoch = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @property
    def position(self):
        return self.told[-1][0] if self.told else 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join()

    def _run(self):
        while not self._stopping.is_set():
            try:
                with Socket(self._port) as opened:
                    self._follow(opened)
            except (OSError, EOFError, ConnectionClosed, WebSocketException):
                continue

    def _follow(self, opened):
        epoch = {"epoch": self._epoch, "since": self.position} if self._epoch else {"since": 0}
        hello = {"namespace": self._namespace, "follow": "**", **epoch}
        opened.say(type="hello", protocol=1, token=self._token, **hello)
        welcome = opened.hear()
        if welcome["type"] != "welcome":
            # No majority says what there is: the next server, or the next moment.
            assert welcome["code"] in {"unavailable", "unknown_namespace"}, welcome
            time.sleep(0.02)
            return
        if self._epoch and welcome["resume"] != "changes":
            self.trouble.append(welcome)
        self._epoch = welcome["epoch"]
        self.welcomes.append(welcome)
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                message = opened.hear(timeout=0.2)
                if message["type"] == "changes":
                    self.told += message["changes"]


def answered(ask):
    """Ask again for as long as there is no majority to answer: it chooses a leader when it must."""
    end = time.monotonic() + PATIENCE
    while (answer := ask()).status == 503 and time.monotonic() < end:
        time.sleep(0.05)
    return answer


def history_at(client, root=ROOT):
    """Return the changes that a server has, once it has everything."""
    found, since = [], 0
    while True:
        path = f"{root}/history?fresh=true&limit=10000&since={since}"
        answer = answered(lambda path=path: client.get(path))
        assert answer.status == 200, answer
        page = json.loads(answer.body)
        found += page["changes"]
        if page["next"] is None:
            return found
        since = page["next"]
