"""One connection from its first byte: HTTP/1.1 requests, one after the other, or the way to a socket.

The parser is h11, which reads no more than it has to: heads are bounded, bodies are counted while they
arrive, and whoever takes too long is answered 408 by :meth:`Connection.check_time`. A handshake that
the guard lets in hands the transport over to a :class:`~framework0.server.sockets.Socket`.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import cast

import h11

from framework0.server.limits import HEAD_BYTES, TURNED_AWAY
from framework0.server.requests import (
    Answer,
    Head,
    Refused,
    Request,
    Streamed,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from framework0.server.app import App
    from framework0.server.routes import Route
    from framework0.server.tokens import Token

LINGER_SECONDS: Final = 2.0
"""How long a client that was refused in the middle of its body may go on sending before it is cut."""

_USUAL: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)
"""Headers of every answer that does not say them itself."""

_LARGE_HEAD: Final = f"request line and headers have at most {HEAD_BYTES:,} bytes"

_HEAD, _BODY, _WORK, _STREAM, _LINGER = "head", "body", "work", "stream", "linger"


class Connection(asyncio.Protocol):
    """The protocol of one connection as long as it speaks HTTP."""

    __slots__ = (
        "_app", "_close", "_deadline", "_drain", "_heard", "_late", "_parser", "_pieces", "_request", "_route", "_size",
        "_state", "_task", "closed", "transport",
    )  # fmt: skip

    def __init__(self, app: App) -> None:
        self._app = app
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self._state = _HEAD
        self._deadline = app.monotonic() + app.limits.arrival_seconds
        self._pieces: list[bytes] = []
        self._size = 0
        self._request: Request | None = None
        self._route: Route | None = None
        self._task: asyncio.Task[None] | None = None
        self._drain: asyncio.Event | None = None
        self._close = False
        self._heard = False
        self._late = 0.0
        self.closed = False

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; one connection too many is told so and closed."""
        # The loops hand over transports for streams; not all of them are of the class itself.
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(self._app.limits.client_bytes)
        if not self._app.enter(self):
            self._turn_away()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._state == _LINGER:
            return
        if self._state == _WORK:
            # One request at a time: what comes meanwhile waits, and no more of it is taken in.
            self.transport.pause_reading()
        if self._state == _STREAM:
            self.transport.abort()
            return
        if not self._heard:
            # A request has begun: from here on its head has its time, however long nobody asked.
            self._heard = True
            self._deadline = self._app.monotonic() + self._app.limits.arrival_seconds
        self._parser.receive_data(data)
        if self._state in {_HEAD, _BODY}:
            self._pump()

    def eof_received(self) -> bool:
        """The client says no more: what it asked is still answered."""
        if self._state in {_WORK, _STREAM}:
            self._close = True
            return self._state == _WORK
        return False

    def connection_lost(self, _error: Exception | None) -> None:
        """Leave; a stream ends."""
        self.closed = True
        self._app.leave(self)
        if self._task is not None and self._state == _STREAM:
            self._task.cancel()
        if self._drain is not None:
            self._drain.set()

    def pause_writing(self) -> None:
        """Have whoever writes a stream wait."""
        self._drain = asyncio.Event()
        self._late = self._app.monotonic() + self._app.limits.stalled_seconds

    def resume_writing(self) -> None:
        """Have them go on."""
        if self._drain is not None:
            self._drain.set()
            self._drain = None

    # What the app calls.

    def check_time(self, now: float) -> None:
        """End what takes too long."""
        if self._drain is not None:
            if now >= self._late:
                self._drop()
            return
        if now < self._deadline or self._state in {_WORK, _STREAM}:
            return
        if self._state == _LINGER:
            self.transport.abort()
        elif self._state == _HEAD and not self._heard:
            self.transport.close()
        else:
            self._refuse(Refused(408, "slow", "the request did not arrive in time"))

    def _turn_away(self) -> None:
        """Refuse a connection too many; when very many come at once, without a word."""
        app = self._app
        refused = Refused(503, "connections", "too many connections are open: try again later")
        if len(app.turned_away) <= TURNED_AWAY:
            self._refuse(refused)
        else:
            app.note_refusal(refused, "-", None, self.transport)
            self.transport.abort()

    def _drop(self) -> None:
        """Cut a client that does not read what it asked for."""
        app = self._app
        app.counts.dropped += 1
        rid = self._request.request_id if self._request is not None else "-"
        refused = Refused(408, "stalled", "the answer is not read")
        app.note_refusal(refused, rid, self._request, self.transport)
        self.transport.abort()

    def go_away(self) -> None:
        """End after the request at work, at once if there is none."""
        self._close = True
        if self._state in {_HEAD, _LINGER}:
            self.transport.close()
        elif self._state == _STREAM and self._task is not None:
            self._task.cancel()

    def check_token(self, still_good: Callable[[Token], bool]) -> None:
        """End a stream whose reader may no longer read."""
        if self._state == _STREAM and self._task is not None and self._request is not None:
            token = self._request.token
            if token is not None and not still_good(token):
                self._task.cancel()

    # Reading.

    def _pump(self) -> None:
        while True:
            try:
                event = self._parser.next_event()
            except h11.RemoteProtocolError as error:
                self._refuse(_broken(error))
                return
            try:
                if isinstance(event, h11.Request):
                    self._begin(event)
                elif isinstance(event, h11.Data):
                    self._take(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self._start()
                    return
                else:
                    if isinstance(event, h11.ConnectionClosed):
                        self.transport.close()
                    return
            except Refused as refused:
                self._refuse(refused)
                return
            if self._state not in {_HEAD, _BODY}:
                return

    def _begin(self, event: h11.Request) -> None:
        """Look at a head: everything that can be refused is refused before the body is read."""
        app = self._app
        method = event.method.decode("ascii")
        target = event.target.decode("ascii", "replace")
        headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers]
        size = len(target) + sum(len(name) + len(value) for name, value in headers)
        rid = app.next_request_id()
        # Before the head is known to be right, so that its refusal has an id.
        self._request = Request(Head(method, "/", ()), None, {}, rid)
        if size > HEAD_BYTES:
            raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head", _LARGE_HEAD)
        head = Head(method, target, headers)
        self._request = Request(head, None, {}, rid)
        if app.is_handshake(head):
            self._hand_over(head)
            return
        token = app.guard.admit(head)
        self._route, places = app.routes.find(head)
        app.guard.check_role(token, self._route.role)
        self._request = Request(head, token, places, rid)
        app.check_rate(token)
        self._request.parameters = head.parameters()
        self._deadline = app.monotonic() + app.limits.arrival_seconds
        self._state = _BODY
        if self._route.takes_body:
            app.guard.check_content(head)
            self._check_length(head)
            if self._parser.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                self.transport.write(self._parser.send(go_on) or b"")

    def _check_length(self, head: Head) -> None:
        length = head.headers.get("content-length", "0")
        if int(length) > self._app.limits.body_bytes:
            raise self._too_large()

    def _too_large(self) -> Refused:
        most = self._app.limits.body_bytes
        return Refused(413, "too_large", f"a body has at most {most:,} bytes: send less at a time")

    def _take(self, data: bytes | bytearray) -> None:
        self._size += len(data)
        if self._size > self._app.limits.body_bytes:
            raise self._too_large()
        assert self._route is not None
        if not self._route.takes_body:
            raise Refused(400, "body", "this request has no body")
        self._pieces.append(bytes(data))

    def _hand_over(self, head: Head) -> None:
        """Give the transport to a socket, with what the client has sent after its handshake."""
        answer, make = self._app.shake_hands(head)
        rest = self._parser.trailing_data[0]
        self._app.leave(self)
        self._state = _WORK
        self.transport.write(answer)
        socket = make(self.transport)
        self.transport.set_protocol(socket)
        if rest:
            socket.data_received(rest)

    # Answering.

    def _start(self) -> None:
        assert self._request is not None
        self._request.body = b"".join(self._pieces)
        self._pieces = []
        self._size = 0
        self._state = _WORK
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        assert self._request is not None
        assert self._route is not None
        answer = await self._app.answer(self._route, self._request, self.transport)
        if self.closed:
            return
        if isinstance(answer, Streamed):
            await self._stream(answer)
        else:
            self._send(answer)
            self._next()

    def _send(self, answer: Answer) -> None:
        """Write one whole answer."""
        parser = self._parser
        bare = self._request is not None and self._request.head.method == "HEAD"
        headers = self._headers(answer.content_type, answer.headers)
        headers.append(("Content-Length", str(len(answer.body))))
        if self._close:
            headers.append(("Connection", "close"))
        response = h11.Response(status_code=answer.status, headers=headers)
        out = parser.send(response) or b""
        if answer.body and not bare:
            out += parser.send(h11.Data(data=answer.body)) or b""
        out += parser.send(h11.EndOfMessage()) or b""
        self.transport.write(out)
        self._app.count(answer.status)

    async def _stream(self, answer: Streamed) -> None:
        """Write an answer piece by piece; it ends when its source does, or the client goes."""
        self._state = _STREAM
        headers = self._headers(answer.content_type, answer.headers)
        self._write(h11.Response(status_code=200, headers=headers))
        self._app.count(200)
        try:
            if self._request is not None and self._request.head.method != "HEAD":
                await answer.run(self._write_piece)
        except asyncio.CancelledError:
            self._close = True
        if not self.closed:
            self._write(h11.EndOfMessage())
            self._next()

    async def _write_piece(self, data: bytes) -> None:
        if self._drain is not None:
            await self._drain.wait()
        if self.closed:
            raise asyncio.CancelledError
        self._write(h11.Data(data=data))

    def _write(self, event: h11.Event) -> None:
        self.transport.write(self._parser.send(event) or b"")

    def _headers(
        self, content_type: str, more: tuple[tuple[str, str], ...]
    ) -> list[tuple[str, str]]:
        said = {name for name, _ in more}
        usual = [header for header in _USUAL if header[0] not in said]
        headers = [("Content-Type", content_type), *usual, *more]
        if self._request is not None:
            headers.append(("X-Request-Id", self._request.request_id))
        return headers

    def _next(self) -> None:
        """Be ready for the next request of this connection, or close it."""
        self._task = None
        parser = self._parser
        if self._close or parser.our_state is h11.MUST_CLOSE or parser.their_state is h11.CLOSED:
            self.transport.close()
            return
        parser.start_next_cycle()
        self._state = _HEAD
        self._request = self._route = None
        self._heard = bool(parser.trailing_data[0])
        limits = self._app.limits
        self._deadline = self._app.monotonic() + (
            limits.arrival_seconds if self._heard else limits.idle_seconds
        )
        self.transport.resume_reading()
        self._pump()

    def _refuse(self, refused: Refused) -> None:
        """Say no. When the client is still sending, what comes is thrown away for a moment.

        Closing at once would have its system throw the answer away.
        """
        self._close = True
        rid = self._request.request_id if self._request is not None else self._app.next_request_id()
        parser = self._parser
        self._app.note_refusal(refused, rid, self._request, self.transport)
        whole = parser.their_state in {h11.DONE, h11.MUST_CLOSE}
        if parser.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self._send(self._app.refusal(refused, rid, self._request))
        if whole:
            self.transport.close()
            return
        self._state = _LINGER
        self._deadline = self._app.monotonic() + LINGER_SECONDS
        if self.transport.can_write_eof():
            self.transport.write_eof()


def _broken(error: h11.RemoteProtocolError) -> Refused:
    """Return the refusal for bytes that are no HTTP request."""
    status = error.error_status_hint
    if status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
        return Refused(status, "head", _LARGE_HEAD)
    if status == HTTPStatus.NOT_IMPLEMENTED:
        return Refused(501, "encoding", "bodies come plain or chunked")
    return Refused(400, "http", f"this is no HTTP/1.1 request: {error}")
