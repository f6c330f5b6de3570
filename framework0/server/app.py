"""The server's wires: every part meets here, and nothing else knows all of them.

All of it runs in one loop. What may take its time (a durable commit, reading a large store) runs in
threads and comes back to the loop; what comes from clients is bounded before it is understood.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from http.client import UNAUTHORIZED

from framework0 import __version__
from framework0.context import Author
from framework0.context import Request as Writes
from framework0.server import openapi
from framework0.server.answers import refusal_of
from framework0.server.audit import Audit, signature
from framework0.server.commits import changed
from framework0.server.entrances import Entrances
from framework0.server.frames import accept_key
from framework0.server.guard import Guard, Hosts, bearer_text
from framework0.server.limits import AUDIT_BYTES
from framework0.server.metrics import Counts
from framework0.server.namespaces import Namespaces
from framework0.server.noting import Noting
from framework0.server.pages import way_in
from framework0.server.rates import Rates
from framework0.server.requests import Refused, problem_answer
from framework0.server.routes import ROUTES, Routes
from framework0.server.sockets import Socket
from framework0.server.tokens import READ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Final

    from framework0.context import Change, Write
    from framework0.server.connections import Connection
    from framework0.server.limits import ServerLimits
    from framework0.server.namespaces import Namespace
    from framework0.server.requests import Answer, Head, Request, Streamed
    from framework0.server.routes import Route
    from framework0.server.settings import ServerSettings
    from framework0.server.stores import Stores
    from framework0.server.tokens import Token, TokenBook

SOCKET_PATH: Final = "/"
BEHIND: Final = "Framework0-Behind"
"""The header of a read at a server of a cluster: the seconds by which it may be old."""

SWEEP_SECONDS: Final = 0.25
"""How often deadlines are looked at: all of them in one walk, so that none needs a timer of its own."""

_TIMER_SECONDS: Final = 0.002

# Answers that say how things are, or that were logged with their trace: nobody is to be suspected.
_UNREMARKABLE: Final = frozenset({404, 409, 410, 412, 500, 503, 507})

_LOG: Final = logging.getLogger("framework0.server")


class App:
    """One running server, apart from its listening sockets. Made and used in the loop's thread."""

    def __init__(
        self,
        settings: ServerSettings,
        stores: Stores,
        book: TokenBook,
        port: int,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.limits: ServerLimits = settings.limits
        self.now = now
        self.monotonic = monotonic
        self.draining = False
        self.store_text = stores.text
        hosts = Hosts(settings.host, port, settings.allow_hosts)
        self._secure = bool(settings.tls_cert or settings.tls_terminated)
        self.entrances = Entrances(port, now, secure=self._secure)
        scheme = "https" if settings.tls_cert else "http"
        self.guard = Guard(book, hosts, scheme, now, self.entrances)
        if settings.tls_terminated:
            self.guard.trust_scheme("https")
        self.routes = Routes()
        self.document = openapi.document(ROUTES, __version__)
        self.namespaces = Namespaces(
            stores, self.loop, self.limits.namespaces, lambda: self._open <= 1
        )
        self.audit = Audit(settings.audit_path, AUDIT_BYTES, now)
        self.counts = Counts(monotonic())
        self.noting = Noting(lambda line: _LOG.warning("%s", line), monotonic)
        self.connections: set[Connection] = set()
        # They take nobody's place, and are no more than can be told so.
        self.turned_away: set[Connection] = set()
        self.sockets: set[Socket] = set()
        self._rates = Rates(self.limits.rate)
        self._ids = secrets.token_hex(3)
        self._requests = 0
        self._sweeping = self.loop.create_task(self._sweep())

    # Connections.

    def enter(self, connection: Connection) -> bool:
        """Take a new connection in; False when there are too many, or the server is about to stop."""
        self.counts.opened += 1
        if self.draining or self._open >= self.limits.connections:
            self.turned_away.add(connection)
            return False
        self.connections.add(connection)
        return True

    def leave(self, connection: Connection) -> None:
        """Let a connection go."""
        self.connections.discard(connection)
        self.turned_away.discard(connection)

    @property
    def _open(self) -> int:
        return len(self.connections) + len(self.sockets)

    def _everyone(self) -> list[Connection | Socket]:
        return [*self.connections, *self.turned_away, *self.sockets]

    def is_handshake(self, head: Head) -> bool:
        """Whether a request wants to become a socket."""
        return head.path == SOCKET_PATH and head.headers.get("upgrade", "").lower() == "websocket"

    def shake_hands(self, head: Head) -> tuple[bytes, Callable[[asyncio.Transport], Socket]]:
        """Return the answer to a handshake and what makes the socket; refuse what is none."""
        self.guard.check_place(head)
        self.guard.who(head)
        known = bearer_text(head)
        if head.method != "GET":
            raise Refused(405, "method", "a handshake is a GET", headers=(("Allow", "GET"),))
        if head.headers.get("sec-websocket-version") != "13":
            told = (("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket"))
            raise Refused(426, "websocket", "this server speaks version 13", headers=told)
        accept = accept_key(head.headers.get("sec-websocket-key", ""))
        if accept is None or "upgrade" not in head.headers.get("connection", "").lower():
            raise Refused(400, "websocket", "this is no handshake of a WebSocket")
        answer = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        return answer.encode("ascii"), lambda transport: Socket(self, transport, known)

    def presence(self, token: Token, client: str) -> dict[str, Any]:
        """Return how somebody who is connected is described to others."""
        return {"client": client, "who": token.name, "role": token.role, "since": self.now()}

    # Requests.

    def next_request_id(self) -> str:
        """Return the name of a request in answers and in the log."""
        self._requests += 1
        return f"{self._ids}-{self._requests:x}"

    def check_rate(self, token: Token | None) -> None:
        """Refuse (429) a client that asks more often than it may."""
        wait = self._rates.take(token.id if token else "", self.monotonic())
        if wait:
            told = (("Retry-After", str(int(wait) + 1)),)
            raise Refused(429, "rate", f"too many requests: wait {wait:.1f} s", headers=told)

    def delay(self, token: Token | None) -> float:
        """Return the seconds until a further message of a socket may be done; 0 counts it as done."""
        if not self.limits.rate or token is None:
            return 0.0
        wait = self._rates.take(token.id, self.monotonic())
        # A loop's timers may be early by their resolution, and so may a client's.
        return wait + _TIMER_SECONDS if wait else 0.0

    async def answer(
        self, route: Route, request: Request, transport: asyncio.BaseTransport
    ) -> Answer | Streamed:
        """Have a request carried out; whatever goes wrong becomes an answer."""
        try:
            answer = await route.handler(self, request)
            if request.as_of is not None and route.role == READ:
                behind = max(0.0, self.monotonic() - request.as_of)
                answer.headers = (*answer.headers, (BEHIND, f"{behind:.3f}"))
        # The last stop before the client: a bug of ours is told with an id, and logged with its trace.
        except Exception as error:  # noqa: BLE001
            refused = refusal_of(error)
            if refused is None:
                _LOG.exception("request %s failed: this is a bug", request.request_id)
                refused = Refused(500, "internal", "the server made a mistake: see its log")
            if refused.status in _UNREMARKABLE:
                self._count_refusal(refused)
            else:
                self.note_refusal(refused, request.request_id, request, transport)
            return self.refusal(refused, request.request_id, request)
        return answer

    def refusal(self, refused: Refused, request_id: str, request: Request | None) -> Answer:
        """Return what a refusal looks like: a document, or for a browser without a session a page."""
        wants = "" if request is None else request.header("accept") or ""
        if request is not None and refused.status == UNAUTHORIZED and "text/html" in wants:
            scheme = "wss" if self._secure else "ws"
            return way_in(f"{scheme}://{request.header('host')}", refused.headers)
        return problem_answer(refused, request_id)

    async def write(
        self,
        namespace: Namespace,
        request: Request,
        writes: Sequence[Write],
        expected: Mapping[str, int] | None = None,
        expected_version: int | None = None,
    ) -> tuple[Change, ...]:
        """Have writes committed and return their changes once they are durable."""
        future: asyncio.Future[tuple[Change, ...] | Exception] = self.loop.create_future()
        token = request.caller
        asked = Writes(
            writes,
            Author(token.name),
            self.now(),
            expected,
            expected_version,
            request.header("idempotency-key"),
        )
        namespace.commits.submit(
            asked, lambda outcome: None if future.done() else future.set_result(outcome)
        )
        changes = changed(await future)
        self.note(signature(token, namespace.name), writes, changes)
        return changes

    def note(self, who: str, writes: Sequence[Write], changes: Sequence[Change]) -> None:
        """Take down in the audit what was written."""
        did = "transaction" if len(writes) != 1 else "delete" if writes[0].removed else "set"
        version = changes[-1].version if changes else None
        self.audit.note(who, did, [write.key for write in writes], version)

    # Counting and logging.

    def count(self, status: int) -> None:
        """Count an answer."""
        self.counts.answers[status] = self.counts.answers.get(status, 0) + 1

    def _count_refusal(self, refused: Refused) -> None:
        self.counts.refusals[refused.code] = self.counts.refusals.get(refused.code, 0) + 1

    def note_refusal(
        self,
        refused: Refused,
        request_id: str,
        request: Request | None,
        transport: asyncio.BaseTransport,
    ) -> None:
        """Count and log a refusal: one line, in which no text of the client stands."""
        self._count_refusal(refused)
        method = request.head.method if request is not None else "-"
        shown = method if method.isascii() and method.isalpha() else "-"
        what = f"refused {shown} ({refused.status} {refused.code})"
        self.noting.note(what, f"{what} from {_place(transport)}, request {request_id}")

    def note_entry(self, socket: Socket, token: Token) -> None:
        """Log, for those who want to know more, that somebody was let in."""
        _LOG.debug("%s (%s) came in from %s", token.name, token.role, _place(socket.transport))

    def note_socket(self, what: str, socket: Socket) -> None:
        """Log what was refused a socket, or why it is closed: one line, once for each socket."""
        who = socket.token.name if socket.token is not None else "nobody"
        what = f"socket {what}"
        self.noting.note(what, f"{what}: {who} from {_place(socket.transport)}")

    # Life.

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = self.monotonic()
            for one in self._everyone():
                one.check_time(now)
            for connection in tuple(self.connections):
                connection.check_token(self.guard.still_good)
            self._rates.forget_idle(now)
            self.noting.tell_overdue()
            self.audit.flush()

    def use_tokens(self, book: TokenBook) -> None:
        """Take other tokens; sockets whose token is no longer among them are closed."""
        self.guard.book = book
        known = {token.id for token in book}
        for socket in tuple(self.sockets):
            socket.check_token(known)

    async def close(self) -> tuple[int, int]:
        """Stop: take nothing new, end what was begun, say goodbye, close the stores.

        Return how many clients were connected, and how many of them had not gone in time.
        """
        self.draining = True
        told = self._open
        until = self.monotonic() + self.limits.drain_seconds
        for connection in tuple(self.connections):
            connection.go_away()
        await self.namespaces.drained()
        for socket in tuple(self.sockets):
            socket.go_away()
        # Whoever is told to go does so in a moment, or is cut: nothing is worth an event each.
        while self._open and self.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        left = self._open
        self.cut()
        self._sweeping.cancel()
        self.namespaces.close()
        self.audit.close()
        self.noting.tell_all()
        return told, left

    def cut(self) -> None:
        """Cut whoever is still connected."""
        for one in self._everyone():
            one.transport.abort()


def _place(transport: asyncio.BaseTransport) -> str:
    """Return the address a connection comes from."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else "-"
