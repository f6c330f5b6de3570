"""A real server on a free loopback port, and clients that say exactly what a test wants said."""

from __future__ import annotations

import http.client
import json
import socket
import time
from contextlib import ExitStack, closing

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from framework0.server import ContextServer, ServerLimits, add_token, new_token
from framework0.workspace import read_local_token

ROOT = "/v1/contexts/default"
# Seconds that anything is waited for; how long it takes is the machine's matter.
PATIENCE = 120


class Answer:
    """What an HTTP request was answered."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["code"]

    def __repr__(self):
        return f"<{self.status} {self.body[:200]!r}>"


class Client:
    """Speaks HTTP to one server; ``token`` None says nobody."""

    def __init__(self, port, token):
        self.port = port
        self.token = token

    def ask(self, method, path, body=None, headers=(), *, token=...):
        """Send one request as it is given; bodies that are no bytes become JSON."""
        token = self.token if token is ... else token
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            sent["Content-Type"] = "application/json"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        sent.update(dict(headers))
        with closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        ) as connection:
            connection.request(method, path, body, {k: v for k, v in sent.items() if v is not None})
            found = connection.getresponse()
            return Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, found.read())

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def put(self, path, body, headers=(), **more):
        return self.ask("PUT", path, body, headers, **more)

    def set(self, key, value):
        answer = self.put(f"{ROOT}/keys/{key}", value)
        assert answer.status in {200, 201}, answer
        return answer.json["version"]

    def post(self, path, body, headers=(), **more):
        return self.ask("POST", path, body, headers, **more)

    def delete(self, path, headers=(), **more):
        return self.ask("DELETE", path, None, headers, **more)

    def raw(self):
        """Return a plain connection to the server."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def socket(self, token=..., **hello):
        """Return a WebSocket that has said hello, and its welcome."""
        opened = Socket(self.port)
        opened.say(type="hello", protocol=1, token=self.token if token is ... else token, **hello)
        opened.welcome = opened.hear()
        return opened


class Socket:
    """A WebSocket; messages are JSON objects."""

    def __init__(self, port, **options):
        options = {"compression": None, "max_size": None, "open_timeout": PATIENCE, **options}
        self._open = ExitStack()
        self.connection = self._open.enter_context(connect(f"ws://127.0.0.1:{port}", **options))
        self.welcome = None

    def say(self, **message):
        self.connection.send(json.dumps(message))

    def hear(self, timeout=PATIENCE):
        return json.loads(self.connection.recv(timeout=timeout))

    def ask(self, **message):
        """Send a request and return its answer; what comes before it is dropped."""
        self.say(**message)
        while True:
            answer = self.hear()
            if answer.get("id") == message["id"]:
                return answer

    def closing(self, timeout=PATIENCE):
        """Read to the end and return the close code."""
        try:
            while True:
                self.connection.recv(timeout=timeout)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._open.close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A workspace and a home of this test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def start(home):
    """Return the function that starts a server; each is stopped when the test ends."""
    servers = []

    def started(**settings):
        settings = {"store": "memory", "workspace": home, **settings}
        server = ContextServer(settings.pop("port", 0), **settings).start_async()
        servers.append(server)
        return server

    yield started
    for server in servers:
        server.stop()


@pytest.fixture
def client(start):
    """A client with an admin's token, and a fresh server in memory."""
    return client_of(start(limits=ServerLimits(connections=500)))


class Clocks:
    """The clocks of a server in this process, which a test lets go on, or stand still."""

    def __init__(self, server, *, still=False):
        app = server._app
        self._gone = 0.0
        now, monotonic = app.now, app.monotonic
        if still:
            stood = monotonic()
            monotonic = lambda: stood  # noqa: E731
        app.now = app.guard._now = lambda: now() + self._gone
        app.monotonic = lambda: monotonic() + self._gone

    def go_on(self, seconds):
        self._gone += seconds


def client_of(server):
    return Client(server.port, read_local_token(server.port))


def token_file(folder, **roles):
    """Write a file of tokens, one for each name with its role; return it and their texts."""
    path = folder / "tokens.json"
    texts = {}
    for name, role in roles.items():
        token, texts[name] = new_token(name, role, time.time())
        add_token(path, token, time.time())
    return path, texts


def wait_until(true, seconds=PATIENCE):
    """Wait until ``true()`` is, and say so if it never is."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.005)
