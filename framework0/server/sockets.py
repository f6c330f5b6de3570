"""One WebSocket: frames in, messages to its session, what the session wants done, frames out.

What a turn of the loop has for a client leaves in one write. A client that reads slowly is left out of
the feed until it has caught up with its bytes, and then asks the log for what it missed; while it is
behind, nothing more is read from it either. One that reads nothing for a while is closed with 1013.
"""

from __future__ import annotations

import asyncio
import socket as sockets
from collections import deque

from framework0.context.wire import Authenticate, Close, Send, ServerSession, Stream
from framework0.server.frames import (
    CLOSE,
    GOING_AWAY,
    NO_CODE,
    NORMAL,
    OVERLOADED,
    PING,
    PONG,
    Control,
    FrameReader,
    Violation,
    close_frame,
    control_frame,
    text_frame,
)
from framework0.server.limits import PING_SECONDS, SILENCE_SECONDS, SOCKET_BYTES
from framework0.server.performing import Performing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

    from framework0.context.wire import Batch
    from framework0.server.app import App
    from framework0.server.tokens import Token

UNAUTHENTICATED: Final = 4401
REVOKED: Final = 4408
TURN_MESSAGES: Final = 500
"""One client has so many messages done before the others have their turn: about 10 ms."""

CLOSING_SECONDS: Final = 5.0
"""A client that was told to close may take so long to do it."""


class Socket(asyncio.Protocol):
    """The protocol of one connection after its handshake."""

    __slots__ = (
        "_app", "_asked", "_behind", "_broken", "_deadline", "_doing", "_flushing", "_full", "_heard", "_late", "_noted",
        "_out", "_reader", "_resting", "_session", "_size", "_stream", "_todo", "closed", "token", "transport",
    )  # fmt: skip

    def __init__(self, app: App, transport: asyncio.Transport, known: str | None) -> None:
        self._app = app
        self.transport = transport
        self.token: Token | None = None
        self._session = ServerSession(known=known)
        self._doing = Performing(app, self)
        self._reader = FrameReader(app.limits.body_bytes)
        # Messages that were read and wait, because the client reads too little.
        self._todo: deque[str | Control] = deque()
        self._out: list[bytes] = []
        self._size = 0
        self._flushing = False
        self._full = False
        self._late = 0.0
        self._behind = False
        self._broken = False
        self._noted = False
        self._resting = False
        self._stream: Iterator[bytes] | None = None
        self._heard = app.monotonic()
        self._asked = False
        self._deadline = self._heard + app.limits.authentication_seconds
        self.closed = False
        transport.set_write_buffer_limits(app.limits.client_bytes)
        _bound_kernel_buffer(transport)
        app.sockets.add(self)

    # What the loop calls.

    def data_received(self, data: bytes) -> None:
        """Read what has come, and answer it in one write."""
        if self._session.closed:
            self._read_closing(data)
            return
        self._heard = self._app.monotonic()
        self._asked = False
        try:
            found = self._reader.read(data)
        except Violation as violation:
            self._broken = True
            self._end(violation.code, violation.reason)
            # The rest of what the client sends cannot be understood: it sees that nobody listens.
            if self.transport.can_write_eof():
                self._flush()
                self.transport.write_eof()
            return
        if not self._todo and not self._full:
            # What can be answered at once goes out at once, and not after another turn of the loop.
            self._flushing = True
            try:
                self._take(found)
                self._doing.begin_alone()
            finally:
                self._flush()
        else:
            self._todo.extend(found)
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """The client has gone."""
        return False

    def connection_lost(self, _error: Exception | None) -> None:
        """Forget it."""
        self.closed = True
        self._todo.clear()
        self._stream = None
        self._doing.end()
        self._app.sockets.discard(self)

    def pause_writing(self) -> None:
        """The client does not read what it was sent."""
        self._full = True
        self._late = self._app.monotonic()

    def resume_writing(self) -> None:
        """It has read on: what was left out comes now."""
        self._full = False
        self._go_on()

    # What others call.

    def changes(self, batch: Batch) -> int:
        """Take what was committed, unless too much is waiting for the client already."""
        if self._full:
            self._behind = True
            return 0
        effects = self._session.changes(batch)
        if effects:
            self._perform(effects)
        return len(batch.changes)

    def left_out(self, version: int) -> None:
        """Take note that what happened up to ``version`` was not told, and ask for it."""
        if self._full:
            self._behind = True
        else:
            self._perform(self._session.left_out(version))

    def answered(self, effect: Any, outcome: object, behind: float | None = None) -> None:
        """Take the outcome of something that was asked for; ``behind``: how old it may be."""
        if not self.closed:
            self._perform(self._session.answered(effect, outcome, behind))

    def let_in(self, token: Token) -> None:
        """Take note who this is."""
        self.token = token
        self._app.note_entry(self, token)

    def check_time(self, now: float) -> None:
        """End what takes too long, and ask for a sign of life."""
        limits = self._app.limits
        if self._session.closed:
            if now >= self._deadline:
                self.transport.abort()
        elif self._full and now - self._late >= limits.stalled_seconds:
            self._app.counts.dropped += 1
            self._end(OVERLOADED, "too slow: connect again with `since`")
        elif self.token is None:
            if now >= self._deadline:
                self._end(UNAUTHENTICATED, "no valid token came in time")
        elif self.token.ended(self._app.now()):
            self._end(REVOKED, "the token's time is over")
        elif self._reader.waiting and now - self._heard >= limits.arrival_seconds:
            self._end(GOING_AWAY, "the rest of a message did not come")
        elif now - self._heard >= SILENCE_SECONDS:
            self.transport.abort()
        elif now - self._heard >= PING_SECONDS and not self._asked:
            self._asked = True
            self._write(control_frame(PING))

    def check_token(self, known: set[str]) -> None:
        """Close when the token is no longer known."""
        if self.token is not None and self.token.id not in known:
            self._end(REVOKED, "the token was revoked")

    def go_away(self) -> None:
        """Say goodbye: the server stops."""
        self._noted = True
        self._end(GOING_AWAY, "the server stops; connect again")

    # Messages.

    def _take(self, messages: list[str | Control] | deque[str | Control]) -> None:
        """Do what each message asks, as long as its answers find room."""
        receive = self._session.receive
        at = self._app.now()
        todo = iter(messages)
        for number, message in enumerate(todo):
            if number >= TURN_MESSAGES:
                self._todo.append(message)
                self._rest_for(0.0, todo)
                return
            if type(message) is str:
                if self._session.open and (wait := self._app.delay(self.token)) > 0:
                    self._perform(self._session.too_often(message, wait))
                    self._rest_for(wait, todo)
                    return
                self._app.counts.messages += 1
                self._perform(receive(message, at))
            else:
                assert isinstance(message, Control)
                self._control(message)
            if self._session.closed:
                break
            if self._size > self._app.limits.client_bytes:
                self._flush()
                if self._full:
                    self._todo.extend(todo)
                    self.transport.pause_reading()
                    return

    def _rest_for(self, seconds: float, todo: Iterator[str | Control]) -> None:
        """Do no more for a client that asks too often or too much, until it may go on."""
        self._todo.extend(todo)
        self.transport.pause_reading()
        self._resting = True
        self._app.loop.call_later(seconds, self._rested)

    def _rested(self) -> None:
        self._resting = False
        if not self.closed:
            self._go_on()

    def _go_on(self) -> None:
        """Send what the client has room for now: a stream first, then what it missed, then answers."""
        if self._stream is not None:
            self._pump()
        if self._behind and not self._full and not self._session.closed:
            self._behind = False
            self._doing.tell_latest()
        if self._todo and not self._full and not self._resting:
            waiting, self._todo = self._todo, deque()
            self._take(waiting)
        if not self._todo and not self._full and not self.closed:
            self.transport.resume_reading()

    def _control(self, control: Control) -> None:
        if control.opcode == PING:
            self._write(control_frame(PONG, control.payload))
        elif control.opcode == CLOSE:
            code = NORMAL if control.code == NO_CODE else control.code
            self._session.goodbye(code, "")
            self._write(close_frame(code))
            self._flush()
            self.transport.close()

    def _read_closing(self, data: bytes) -> None:
        """After our close, only the client's matters."""
        if self._broken:
            return
        try:
            found = self._reader.read(data)
        except Violation:
            self.transport.abort()
            return
        if any(isinstance(one, Control) and one.opcode == CLOSE for one in found):
            self.transport.close()

    # Effects.

    def _perform(self, effects: list[Any]) -> None:
        for effect in effects:
            kind = type(effect)
            if kind is Send:
                self._write(text_frame(effect.data))
            elif kind is Close:
                self._note(f"closed with {effect.code}")
                self._write(close_frame(effect.code, effect.reason))
                self._deadline = self._app.monotonic() + CLOSING_SECONDS
                self._doing.end()
                self._flush()
            elif kind is Stream:
                self._stream = effect.parts
                self._pump()
            elif kind is Authenticate:
                self._doing.authenticate(effect)
            else:
                self._doing.perform(effect)

    def _pump(self) -> None:
        """Send the parts of a stream as long as the client reads."""
        while self._stream is not None and not self._full and not self.closed:
            part = next(self._stream, None)
            if part is None:
                self._stream = None
                self._perform(self._session.streamed())
            else:
                self._write(text_frame(part))
                self._flush()

    def _end(self, code: int, reason: str) -> None:
        self._perform(self._session.goodbye(code, reason))

    def _note(self, what: str) -> None:
        """Have it logged that this client is turned away or misbehaves, the first time."""
        if not self._noted:
            self._noted = True
            self._app.note_socket(what, self)

    # Bytes.

    def _write(self, frame: bytes) -> None:
        self._out.append(frame)
        self._size += len(frame)
        if not self._flushing:
            self._flushing = True
            self._app.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if not self._out:
            return
        if self._session.refused:
            self._note(f"refused {self._session.refused}")
        out, self._out = self._out, []
        self._size = 0
        if not self.closed:
            self.transport.write(out[0] if len(out) == 1 else b"".join(out))


def _bound_kernel_buffer(transport: asyncio.Transport) -> None:
    """Have the system keep little for a client that does not read."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, SOCKET_BYTES)
