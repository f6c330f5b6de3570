"""The context server: requests, durable writes, changes told to many, idle and deaf clients.

Every server and every load is a process of its own, on a free port of this machine; what stands beside
ours says the same messages to the same load.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from benchmarks.startup import TO_INSTALL
from benchmarks.table import NOT_ASKED, Row, bounded, verdict
from benchmarks.timing import PEERS, environment

HERE = Path(__file__).parent / "peers"
LOAD = str(HERE / "socket_load.py")
PYTHON = str(PEERS / "python")

LEAST_GETS = 1.5
LEAST_FAN = 5.0
LEAST_DELIVERED = 1_000_000
LEAST_OF_GROUPS = 0.5
LEAST_OF_COMMITS = 0.7
MOST_DELAY = 1.0
MOST_IDLE = 30.0
MOST_DEAF = 1.0
LEAST_BESIDE_A_DEAF_ONE = 0.8
GROUP = 64
"""Rows of a commit of the floor: what 64 writers in flight have waiting."""
VALUE = json.dumps({"text": "x" * 150})


def rows(sizes):
    if not (PEERS / "python").exists():
        yield Row("requests to a context server", NOT_ASKED, f"Starlette and Redis {TO_INSTALL}")
        return
    folder = Path(tempfile.mkdtemp(dir=sizes.scratch))
    try:
        yield from requests(sizes, folder)
        yield beside_redis(sizes, folder)
        yield from durable(sizes, folder)
        yield from told_to_many(sizes, folder)
        yield from deaf(sizes, folder)
        yield idle(sizes, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# What the figures are taken of.


class Running:
    """A server and how to load it."""

    def __init__(self, process, port, token):
        self.pid = process.pid
        self.port = port
        self.token = token

    def load(self, *words):
        """Return what one load measured."""
        ended = subprocess.run(
            self.words(*words),
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
            timeout=120,
        )
        if ended.returncode != 0:
            raise SystemExit(f"{words} ended with {ended.returncode}:\n{ended.stderr}")
        return json.loads(ended.stdout.splitlines()[-1])

    def words(self, *words):
        return [PYTHON, LOAD, str(self.port), self.token, *map(str, words)]

    def get(self, path):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode()

    def figure(self, name):
        """Return a figure of the server's own page."""
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in self.get("/metrics").splitlines()
            if line.startswith(f"framework0_server_{name}")
        )

    def memory(self):
        """Return the bytes that are resident."""
        pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def ours(folder, store="memory"):
    state = tempfile.mkdtemp(dir=folder)
    words = [PYTHON, "-m", "framework0", "serve", "--port", "0", "--store", store, "--json",
             "--max-connections", "10000", "--workspace", state]  # fmt: skip
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, env=environment(XDG_STATE_HOME=state)
    ) as process:
        try:
            port = json.loads(process.stdout.readline())["port"]
            token = Path(state, "framework0", "servers", f"{port}.token").read_text("ascii").strip()
            yield Running(process, port, token)
        finally:
            process.terminate()


@contextmanager
def starlette(_folder):
    port = free_port()
    words = [PYTHON, str(HERE / "starlette_server.py"), str(port)]
    # What it complains about when a load ends in the middle is no figure.
    with subprocess.Popen(words, env=environment(), stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port)
            yield Running(process, port, "-")
        finally:
            process.kill()


@contextmanager
def redis():
    port = free_port()
    words = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(port)
            yield port
        finally:
            process.kill()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def medians(repeats, *measures):
    """Call the measures in turn, several times, and return the median of each."""
    found = [[measure() for measure in measures] for _ in range(repeats)]
    return [statistics.median(column) for column in zip(*found, strict=True)]


def rated(work, mine, name, other, least, unit="/s"):
    return Row(
        work,
        f"{mine:,.0f}{unit}",
        f"{name} {other:,.0f}{unit}",
        f"{mine / other:.2f} ×",
        NOT_ASKED if least is None else f"≥ {least:g} ×",
        NOT_ASKED if least is None else verdict(mine / other >= least),
    )


# The rows.


def requests(sizes, folder):
    for kind, connections, window, least in (
        ("get", 1, 1, None),
        ("get", 1, 64, None),
        ("get", 10, 64, None),
        ("get", sizes.clients, 64, LEAST_GETS),
        ("set", sizes.clients, 64, None),
    ):
        with ours(folder) as one, starlette(folder) as other:
            mine, theirs = medians(
                min(3, sizes.repeats),
                *[
                    lambda side=side, words=(kind, connections, window): side.load(
                        "requests", *words, sizes.seconds
                    )["rate"]
                    for side in (one, other)
                ],
            )
        many = "connection" if connections == 1 else "connections"
        work = f"{kind}s over {connections} {many}, {window} in flight, in memory"
        yield rated(work, mine, "uvicorn + Starlette", theirs, least)


ASK_REDIS = """
import json, sys, time
import redis
port, count = map(int, sys.argv[1:])
client = redis.Redis(port=port)
client.set("load.k", "x" * 150)
times = []
for _ in range(count):
    began = time.perf_counter()
    client.get("load.k")
    times.append(time.perf_counter() - began)
print(json.dumps(sorted(times)[count // 2]))
"""


def beside_redis(sizes, folder):
    work = "gets over one connection, one in flight, p50"
    if shutil.which("redis-server") is None:
        return Row(work, NOT_ASKED, "Redis: install redis-server to compare")

    def through_redis(port):
        words = [PYTHON, "-c", ASK_REDIS, str(port), str(sizes.calls // 10)]
        return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)

    with ours(folder) as server, redis() as port:
        mine, theirs = medians(
            min(3, sizes.repeats),
            lambda: server.load("requests", "get", 1, 1, sizes.seconds)["p50"],
            lambda: through_redis(port),
        )
    return Row(
        work,
        f"{mine * 1e6:.0f} µs",
        f"Redis through redis-py {theirs * 1e6:.0f} µs",
        f"{mine / theirs:.2f} ×",
        "≤ 1 ×",
        verdict(mine <= theirs),
    )


def durable(sizes, folder):
    for connections, window, least, name in (
        (1, 1, LEAST_OF_COMMITS, "a bare commit each"),
        (sizes.clients, 64, LEAST_OF_GROUPS, f"bare commits of {GROUP}"),
    ):
        found = []
        for _ in range(min(3, sizes.repeats)):
            with ours(folder, "bench") as server:
                rate = server.load("requests", "set", connections, window, sizes.seconds)["rate"]
                group = max(
                    1, round(server.figure("writes_total") / server.figure("commits_total"))
                )
                asked = server.load("requests", "get", connections, window, sizes.seconds)["rate"]
            found.append((rate, bare(folder, min(group, GROUP), sizes.seconds), group, asked))
        mine, floor, group, asked = (
            statistics.median(column) for column in zip(*found, strict=True)
        )
        many = "connection" if connections == 1 else "connections"
        work = f"durable sets over {connections} {many}, {window} in flight ({group:.0f} a commit)"
        yield rated(work, mine, name, floor, least)
        if window == 1:
            # Whoever waits for each has the way there and back too, which no disk makes shorter.
            both = 1 / (1 / floor + 1 / asked)
            yield rated("″", mine, "a bare commit and a get, one after the other", both, None)


def bare(folder, group, seconds):
    """Return how many rows a second SQLite commits in groups, with nothing around it."""
    path = Path(tempfile.mkdtemp(dir=folder)) / "bare.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE log (version INTEGER PRIMARY KEY, key TEXT, value TEXT, at REAL)"
    )
    connection.execute("CREATE TABLE latest (key TEXT PRIMARY KEY, value TEXT, version INTEGER)")
    count = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        made = [(f"load.k{(count + n) % 50}", VALUE, count + n + 1) for n in range(group)]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO log VALUES (?3, ?1, ?2, 1.0)", made)
        connection.executemany("INSERT OR REPLACE INTO latest VALUES (?, ?, ?)", made)
        connection.execute("COMMIT")
        count += group
    rate = count / (time.perf_counter() - began)
    connection.close()
    return rate


def told_to_many(sizes, folder):
    followers = sizes.clients
    with ours(folder) as one, starlette(folder) as other:
        mine, theirs = medians(
            min(3, sizes.repeats),
            *[
                lambda side=side: side.load("fan", followers, 64, sizes.seconds)["rate"]
                for side in (one, other)
            ],
        )
    work = f"changes of 200 bytes told to {followers}, 64 in flight, deliveries"
    yield rated(work, mine, "uvicorn + Starlette", theirs, LEAST_FAN)
    yield Row(work, f"{mine:,.0f}/s", NOT_ASKED, NOT_ASKED, f"≥ {LEAST_DELIVERED:,}/s",
              verdict(mine >= LEAST_DELIVERED))  # fmt: skip
    with ours(folder) as server:
        (p99,) = medians(
            min(3, sizes.repeats), lambda: server.load("pace", followers, 300, sizes.seconds)["p99"]
        )
    work = f"300 changes a second told to {followers}, p99 of a delivery"
    yield bounded(work, p99 * 1000, MOST_DELAY, "ms")


def deaf(sizes, folder):
    followers = sizes.clients
    with ours(folder) as server:

        def fan():
            return server.load("fan", followers, 64, sizes.seconds)["rate"]

        alone = fan()
        with subprocess.Popen(
            server.words("idle", 1), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as stopped:
            stopped.stdout.readline()
            stopped.send_signal(signal.SIGSTOP)
            beside = fan()
            waiting = server.figure("waiting_bytes")
            stopped.kill()
    work = f"changes told to {followers} beside one that is stopped, deliveries"
    yield rated(work, beside, "without it", alone, LEAST_BESIDE_A_DEAF_ONE)
    yield bounded("what waits in the server for the stopped one", waiting / 1e6, MOST_DEAF, "MB")


def idle(sizes, folder):
    with ours(folder) as server:
        server.load("requests", "get", 10, 1, 0.1)
        before = server.memory()
        words = server.words("idle", sizes.idle)
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as clients:
            clients.stdout.readline()
            each = (server.memory() - before) / sizes.idle
            clients.communicate("\n")
    return bounded(
        f"memory of each of {sizes.idle:,} idle connections", each / 1000, MOST_IDLE, "kB"
    )
