"""Load for servers of our protocol, and what it measured as one line of JSON.

socket_load.py PORT TOKEN requests KIND CONNECTIONS WINDOW SECONDS    requests a second, and their p50
socket_load.py PORT TOKEN fan FOLLOWERS WINDOW SECONDS                changes delivered a second
socket_load.py PORT TOKEN pace FOLLOWERS RATE SECONDS                 p99 of a delivery at that rate
socket_load.py PORT TOKEN idle CONNECTIONS                            connects, says so, waits for a line

Frames are made beforehand and answers only counted: the load must not be what is measured.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from typing import ClassVar

import uvloop

SHAKE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MASK = b"\x11\x22\x33\x44"
WARM_SECONDS = 0.4
KEYS = 50
# With its key, version and time a change of about 200 bytes.
VALUE = {"text": "x" * 150}
MARK = b'"load.k'
SENT = re.compile(rb'"sent": ?([0-9.e+-]+)')


def frame(message):
    payload = json.dumps(message).encode()
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + MASK + bytes(byte ^ MASK[n % 4] for n, byte in enumerate(payload))


class Client(asyncio.Protocol):
    """Connects, greets, and hands each frame's payload to :meth:`heard`."""

    def __init__(self, port, hello):
        self.shake = SHAKE % port
        self.hello = frame(hello)
        self.ready = asyncio.get_running_loop().create_future()
        self.rest = b""
        self.open = False

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.shake)

    def data_received(self, data):
        data = self.rest + data if self.rest else data
        here = 0
        if not self.open:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.rest = data
                return
            self.open, here = True, end + 4
            self.transport.write(self.hello)
        self.rest = data[self.read(data, here) :]

    def read(self, data, here):
        size = len(data)
        count = 0
        while size - here >= 2:
            length, start = data[here + 1], here + 2
            if length >= 126:
                width = 2 if length == 126 else 8
                start += width
                if start > size:
                    break
                length = int.from_bytes(data[start - width : start], "big")
            if start + length > size:
                break
            if not self.ready.done():
                assert b'"welcome"' in data[start : start + length], data[start : start + length]
                self.ready.set_result(None)
            else:
                count += 1
                self.heard(data, start, start + length)
            here = start + length
        if count:
            self.round(count)
        return here

    def heard(self, data, start, end):
        """A payload has come."""

    def round(self, count):
        """So many have come together."""


class Asker(Client):
    """Keeps ``window`` requests in flight."""

    answers = 0
    times: ClassVar[list[float]] = []

    def begin(self, frames, window):
        self.frames = frames
        self.at = 0
        self.window = window
        self.ask(window)

    def ask(self, count):
        frames, at = self.frames, self.at
        self.at += count
        many = [frames[(at + n) % len(frames)] for n in range(count)]
        self.asked = time.perf_counter()
        self.transport.write(b"".join(many))

    def round(self, count):
        if self.window == 1:
            Asker.times.append(time.perf_counter() - self.asked)
        Asker.answers += count
        self.ask(count)


class Follower(Client):
    """Counts the changes it is told."""

    delivered = 0
    delays: ClassVar[list[float]] = []
    timed = False

    def data_received(self, data):
        now = time.perf_counter()
        if not self.ready.done():
            super().data_received(data)
        elif self.timed:
            # Reading a hundred of them as frames and JSON would take longer than what is measured.
            for sent in SENT.findall(data):
                Follower.delays.append(now - float(sent))
        else:
            # A mark that is cut in two is missed: one in some hundred thousand.
            Follower.delivered += data.count(MARK)


async def connected(kind, port, hello, count):
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(count):
        _, client = await loop.create_connection(lambda: kind(port, hello), "127.0.0.1", port)
        clients.append(client)
    async with asyncio.timeout(60):
        await asyncio.gather(*[client.ready for client in clients])
    return clients


async def counted(seconds, count):
    """Return how many there are in a second once it runs."""
    await asyncio.sleep(WARM_SECONDS)
    Asker.times.clear()
    before, began = count(), time.perf_counter()
    await asyncio.sleep(seconds)
    return (count() - before) / (time.perf_counter() - began)


def sets(count):
    return [
        frame({"type": "set", "id": n, "key": f"load.k{n % KEYS}", "value": VALUE})
        for n in range(count)
    ]


def gets(count):
    return [frame({"type": "get", "id": n, "key": f"load.k{n % KEYS}"}) for n in range(count)]


async def requests(port, hello, kind, connections, window, seconds):
    askers = await connected(Asker, port, hello, int(connections))
    frames = {"get": gets, "set": sets}[kind](200)
    if kind == "get":
        for filled in sets(KEYS):
            askers[0].window = 2
            askers[0].frames, askers[0].at = [], 0
            askers[0].round = lambda _count: None
            askers[0].transport.write(filled)
        await asyncio.sleep(WARM_SECONDS)
        del askers[0].round
    for asker in askers:
        asker.begin(frames, int(window))
    rate = await counted(float(seconds), lambda: Asker.answers)
    times = sorted(Asker.times)
    return {"rate": rate, "p50": times[len(times) // 2] if times else None}


async def fan(port, hello, followers, window, seconds):
    await connected(Follower, port, {**hello, "follow": "**"}, int(followers))
    (asker,) = await connected(Asker, port, hello, 1)
    asker.begin(sets(200), int(window))
    return {"rate": await counted(float(seconds), lambda: Follower.delivered)}


async def pace(port, hello, followers, rate, seconds):
    Follower.timed = True
    await connected(Follower, port, {**hello, "follow": "**"}, int(followers))
    (asker,) = await connected(Client, port, hello, 1)
    pause = 1 / float(rate)
    due = time.perf_counter()
    count = int(float(rate) * float(seconds))
    for number in range(count):
        due += pause
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if number == count // 5:
            Follower.delays.clear()
        value = {**VALUE, "sent": time.perf_counter()}
        asker.transport.write(
            frame({"type": "set", "id": number, "key": f"load.k{number % KEYS}", "value": value})
        )
    await asyncio.sleep(WARM_SECONDS)
    delays = sorted(Follower.delays)
    return {"p99": delays[int(len(delays) * 0.99)], "count": len(delays)}


async def idle(port, hello, connections):
    await connected(Client, port, {**hello, "follow": "**"}, int(connections))
    print(json.dumps({"connected": int(connections)}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return {}


async def main():
    port, token, mode, *rest = sys.argv[1:]
    hello = {"type": "hello", "protocol": 1, "token": token}
    work = {"requests": requests, "fan": fan, "pace": pace, "idle": idle}[mode]
    print(json.dumps(await work(int(port), hello, *rest)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    uvloop.run(main())
