"""One WebSocket to a server: whole text messages go out and come in.

A socket that never blocks, the protocol of the library ``websockets`` without its input and output,
and a selector: one thread reads, any thread sends. What the system does not take at once waits here
and is sent by the reading thread.
"""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
from threading import Lock
from time import monotonic

from framework0.context.remote.limits import CONNECT_SECONDS, READ_BYTES
from framework0.context.wire.client import MESSAGE_BYTES
from framework0.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.context.remote.address import Address

NEEDED = (
    "connecting to a context server needs the package websockets, which is not installed: "
    "pip install 'framework0[remote]'"
)
_RETRY = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class LineLost(Exception):
    """The connection is gone, or could not be made; ``code`` is the server's close code, if any."""

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class Line:
    """An open connection; raises LineLost when it is none any more."""

    def __init__(self, address: Address, ca: str | None = None) -> None:
        try:
            from websockets.client import ClientProtocol
            from websockets.frames import Frame, Opcode
            from websockets.protocol import State
            from websockets.uri import parse_uri
        except ImportError as missing:
            raise UsageError(NEEDED) from missing
        self._frame = Frame
        self._text = {Opcode.TEXT, Opcode.CONT}
        self._open = State.OPEN
        self._over = {State.CLOSING, State.CLOSED}
        self._protocol = ClientProtocol(
            parse_uri(str(address)), max_size=MESSAGE_BYTES, logger=_silent()
        )
        self._lock = Lock()
        self._rest = bytearray()
        self._parts: list[bytes] = []
        self._closed = self._gone = False
        self._mask = selectors.EVENT_READ
        # Another thread that sends, or wants an end, wakes the one that waits.
        self._bell, self._ear = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        try:
            self._socket = _connected(address, ca)
            self._bell.setblocking(False)
            self._ear.setblocking(False)
            self._selector.register(self._socket, selectors.EVENT_READ)
            self._selector.register(self._ear, selectors.EVENT_READ)
            self._shake_hands()
        except BaseException:
            self.close()
            raise

    def send(self, message: bytes) -> None:
        """Send one text message; safe from any thread."""
        with self._lock:
            self._check_open()
            self._protocol.send_text(message)
            self._put_out()
            waits = bool(self._rest)
        if waits:
            self.wake()

    def receive(self, seconds: float) -> list[bytes]:
        """Return the messages that come within ``seconds``; none when none does, or wake() is called."""
        with self._lock:
            self._check_open()
            mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._rest else 0)
            if mask != self._mask:
                self._mask = mask
                self._selector.modify(self._socket, mask)
            # What TLS has read and not handed out shows on no selector.
            ready = getattr(self._socket, "pending", int)()
        for key, _ in [] if ready else self._selector.select(max(0.0, seconds)):
            if key.fileobj is self._ear:
                self._hear_bell()
        with self._lock:
            self._check_open()
            self._put_out()
            return self._take_in()

    def wake(self) -> None:
        """Have :meth:`receive` return at once."""
        try:
            self._bell.send(b"!")
        except (BlockingIOError, OSError):
            # It is ringing already, or there is nobody any more.
            return

    def close(self) -> None:
        """Say so to the server if that is possible at once, and let go of everything."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            found = getattr(self, "_socket", None)
            if found is not None:
                try:
                    if self._protocol.state is self._open:
                        self._protocol.send_close(1000)
                        self._put_out()
                except (OSError, LineLost):
                    self._rest.clear()
                found.close()
            self._selector.close()
            self._bell.close()
            self._ear.close()

    def _shake_hands(self) -> None:
        end = monotonic() + CONNECT_SECONDS
        with self._lock:
            self._protocol.send_request(self._protocol.connect())
            self._put_out()
        while self._protocol.state is not self._open:
            if monotonic() > end:
                raise LineLost("the server did not answer the WebSocket handshake in time")
            # A context server says nothing before it was greeted.
            self.receive(end - monotonic())
            if self._protocol.handshake_exc is not None:
                raise LineLost(f"the server refused the WebSocket: {self._protocol.handshake_exc}")

    def _check_open(self) -> None:
        if self._closed:
            raise LineLost("the connection was closed here")
        if self._gone:
            raise self._lost()

    def _hear_bell(self) -> None:
        try:
            self._ear.recv(4096)
        except OSError:
            return

    def _put_out(self) -> None:
        """Hand to the system what it takes."""
        for data in self._protocol.data_to_send():
            self._rest += data
        while self._rest:
            try:
                sent = self._socket.send(self._rest)
            except _RETRY:
                return
            except OSError as error:
                raise LineLost(f"the connection broke: {error}") from None
            del self._rest[:sent]

    def _take_in(self) -> list[bytes]:
        """Return the whole messages among what the system has."""
        try:
            data = self._socket.recv(READ_BYTES)
        except _RETRY:
            return []
        except OSError as error:
            raise LineLost(f"the connection broke: {error}") from None
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
            self._gone = True
        messages = []
        for event in self._protocol.events_received():
            if isinstance(event, self._frame) and event.opcode in self._text:
                self._parts.append(bytes(event.data))
                if event.fin:
                    messages.append(b"".join(self._parts))
                    self._parts = []
        self._put_out()
        # The messages that came before the end are heard first.
        self._gone = self._gone or self._protocol.state in self._over
        if self._gone and not messages:
            raise self._lost()
        return messages

    def _lost(self) -> LineLost:
        if self._protocol.handshake_exc is not None:
            return LineLost(f"the server refused the WebSocket: {self._protocol.handshake_exc}")
        code = self._protocol.close_code
        if code is None or isinstance(self._protocol.parser_exc, EOFError):
            return LineLost("the connection ended without a word")
        if self._protocol.parser_exc is not None:
            return LineLost(f"the server broke the WebSocket protocol: {self._protocol.parser_exc}")
        return LineLost(
            f"the server closed the connection ({code}: {self._protocol.close_reason or 'no reason'})",
            code,
        )


def _silent() -> logging.Logger:
    """Return a logger that tells nobody: at its most talkative, the library writes tokens down."""
    # Of its own, outside the tree that users configure.
    logger = logging.Logger("framework0.context.remote", logging.CRITICAL)  # noqa: LOG001
    logger.addHandler(logging.NullHandler())
    return logger


def _connected(address: Address, ca: str | None) -> socket.socket:
    """Return a socket to the server, through TLS if the address says so, that never blocks."""
    trust = _trust(ca) if address.secure else None
    try:
        plain = socket.create_connection((address.host, address.port), CONNECT_SECONDS)
    except OSError as error:
        raise LineLost(f"no connection to {address}: {error}") from None
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        found: socket.socket = plain
        if trust is not None:
            found = trust.wrap_socket(plain, server_hostname=address.host)
        found.setblocking(False)
    except (OSError, ValueError) as error:
        plain.close()
        raise LineLost(f"no TLS with {address}: {error}") from None
    return found


def _trust(ca: str | None) -> ssl.SSLContext:
    """Return whom to believe: the system's authorities, or those of the file ``ca`` alone."""
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise UsageError(f"the CA file {ca!r} cannot be used: {error}") from None
