"""A small real server for clients under test: real sockets, one store, and any trouble on demand."""

from __future__ import annotations

import socket
from collections import deque
from contextlib import suppress
from threading import Event, RLock, Thread
from time import time

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from framework0.context import MemoryStore
from framework0.context.wire.effects import Apply
from tests.context.wire.performing import Connection
from tests.ports import free_ports


class SmallServer:
    """Serves ``store`` on a loopback port, which stays the same when it is stopped and started."""

    def __init__(self, store=None, *, tls=None, **options):
        self.store = MemoryStore() if store is None else store
        self.options = {"tokens": {"r": "read", "w": "write", "a": "admin"}, **options}
        self.lock = RLock()
        self.lines = []
        self.tls = tls
        # Each true value taken from here cuts the line of a write: performed, but not answered.
        self.cuts_after_writes = deque()
        self.mute = False
        self.connected = 0
        self.heard = []
        (self.port,) = free_ports(1)
        self.work = Event()
        self.server = None
        self.start()

    @property
    def url(self):
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}"

    def start(self):
        self.stopping = False
        self.server = serve(
            self.handle,
            "127.0.0.1",
            self.port,
            ssl=self.tls,
            compression=None,
            max_size=None,
            close_timeout=0.2,
        )
        self.threads = [Thread(target=self.server.serve_forever), Thread(target=self.flush_forever)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping = True
        self.server.shutdown()
        self.cut()
        self.work.set()
        for thread in self.threads:
            thread.join()
        self.server.socket.close()

    def cut(self):
        """End every connection without a word, as a power cut does."""
        with self.lock:
            for ws, _ in self.lines:
                with suppress(OSError):
                    ws.socket.shutdown(socket.SHUT_RDWR)

    def goodbye(self, code=1001):
        with self.lock:
            for _, line in self.lines:
                line.perform(line.session.goodbye(code, "the server stops"))
        self.flush()

    def handle(self, ws):
        line = Connection(self.store, now=time, **self.options)
        told = line.told
        line.told = lambda changes: (told(changes), self.work.set())
        with self.lock:
            self.connected += 1
            self.lines.append((ws, line))
        try:
            for message in ws:
                self.heard.append(message)
                if self.mute:
                    continue
                with self.lock:
                    line.receive(message)
                    if self.wrote(line):
                        line.sent.clear()
                        ws.socket.shutdown(socket.SHUT_RDWR)
                        return
                self.flush()
        except (ConnectionClosed, OSError):
            return
        finally:
            with self.lock:
                line.cut()
                self.lines.remove((ws, line))

    def wrote(self, line):
        effects, line.seen = line.seen, []
        return (
            any(isinstance(effect, Apply) for effect in effects)
            and self.cuts_after_writes
            and self.cuts_after_writes.popleft()
        )

    def flush(self):
        with self.lock:
            for ws, line in list(self.lines):
                line.run()
                with suppress(ConnectionClosed, OSError):
                    while line.sent:
                        ws.send(line.sent.popleft().decode())
                    if line.closed is not None:
                        ws.close(line.closed.code, line.closed.reason)

    def flush_forever(self):
        while not self.stopping:
            self.work.wait()
            self.work.clear()
            self.flush()
