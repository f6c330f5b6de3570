"""WebSocket frames as a server sees them (RFC 6455), without any input or output.

Bytes go in, whole text messages and control frames come out; what breaks the protocol is a
:class:`Violation` with its close code. Extensions are not offered: every reserved bit is a violation.
Several messages that arrive together are read in one loop, which is what makes pipelining cheap.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as NotBase64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# The constant that RFC 6455 has every server add to a client's key.
_ACCEPT: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES: Final = 16

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL: Final = 1002
NOT_TEXT: Final = 1003
NO_CODE: Final = 1005
NOT_UTF8: Final = 1007
TOO_LARGE: Final = 1009
OVERLOADED: Final = 1013

CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
_CONTINUATION, _TEXT, _BINARY = 0x0, 0x1, 0x2
_LAST: Final = 0x80
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
_WHOLE_TEXT: Final = _LAST | _TEXT

_SHORT: Final = 125
_MEDIUM, _LONG = 126, 127
_MOST_MEDIUM: Final = 0xFFFF
_MASK_BYTES: Final = 4
# Bytes of a frame without which nothing can be said about it.
_LEAST: Final = 2
# Codes that may stand in a close frame: those of the RFC and its registry, and private ones.
_CODES: Final = frozenset({*range(1000, 1004), *range(1007, 1015)})
_PRIVATE: Final = range(3000, 5000)


class Violation(Exception):
    """The other side broke the protocol; ``code`` is the close code that says how."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Control:
    """A control frame: a close (with ``code``), a ping or a pong, and its ``payload``."""

    __slots__ = ("code", "opcode", "payload")

    def __init__(self, opcode: int, payload: bytes, code: int = NO_CODE) -> None:
        self.opcode = opcode
        self.payload = payload
        self.code = code


def accept_key(key: str) -> str | None:
    """Return the value of ``Sec-WebSocket-Accept`` for a client's key, None when it is not a key."""
    try:
        if len(b64decode(key, validate=True)) != _KEY_BYTES:
            return None
    except (NotBase64, ValueError):
        return None
    return b64encode(hashlib.sha1(key.encode() + _ACCEPT, usedforsecurity=False).digest()).decode()


def text_frame(payload: bytes) -> bytes:
    """Return one whole text message, ready for any client: a server's frames are not masked."""
    return _frame(_WHOLE_TEXT, payload)


def control_frame(opcode: int, payload: bytes = b"") -> bytes:
    """Return a ping or a pong."""
    return _frame(_LAST | opcode, payload[:_SHORT])


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a close frame; a reason that is too long is cut between two characters."""
    words = reason.encode()[: _SHORT - 2].decode(errors="ignore").encode()
    return _frame(_LAST | CLOSE, code.to_bytes(2, "big") + words)


def _frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size <= _SHORT:
        return bytes((first, size)) + payload
    if size <= _MOST_MEDIUM:
        return bytes((first, _MEDIUM)) + size.to_bytes(2, "big") + payload
    return bytes((first, _LONG)) + size.to_bytes(8, "big") + payload


def unmasked(payload: bytes, mask: bytes) -> bytes:
    """Take the mask off a payload: one exclusive or of two large integers."""
    size = len(payload)
    stream = (mask * (size // _MASK_BYTES + 1))[:size]
    both = int.from_bytes(payload, "little") ^ int.from_bytes(stream, "little")
    return both.to_bytes(size, "little")


class FrameReader:
    """Reads what one client sends; ``most`` bounds the bytes of a message.

    ``waiting`` is true while a frame or a message has begun and not ended.
    """

    __slots__ = ("_most", "_need", "_parts", "_rest", "_size")

    def __init__(self, most: int) -> None:
        self._most = most
        self._rest = bytearray()
        self._need = 0
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def waiting(self) -> bool:
        """Whether something has begun that has not ended."""
        return bool(self._rest or self._parts)

    def read(self, data: bytes) -> list[str | Control]:
        """Return what has arrived whole by now; raises :class:`Violation` for what may not be.

        A client that breaks the protocol gets no answer to what it sent in the same breath.
        """
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        found: list[str | Control] = []
        here, end = 0, len(data)
        self._need = _LEAST
        while end - here >= _LEAST:
            first, second = data[here], data[here + 1]
            start, size = self._measure(data, here, first, second)
            if start < 0 or start + size > end:
                self._need = start + size - here if start >= 0 else _LEAST
                break
            payload = unmasked(data[start : start + size], data[start - _MASK_BYTES : start])
            here = start + size
            if first == _WHOLE_TEXT and not self._parts:
                found.append(_text(payload))
            else:
                self._other(first, payload, found)
        if here < end:
            self._rest += data[here:]
        return found

    def _measure(self, data: bytes, here: int, first: int, second: int) -> tuple[int, int]:
        """Return where the payload starts (-1: not known yet) and its size; refuse what may not be."""
        size = second & 0x7F
        if first != _WHOLE_TEXT:
            self._check_kind(first, size)
        if not second & _MASKED:
            raise Violation(PROTOCOL, "a client's frame must be masked")
        start = here + 2
        if size >= _MEDIUM:
            digits = 2 if size == _MEDIUM else 8
            start += digits
            if len(data) < start:
                return -1, 0
            size = int.from_bytes(data[start - digits : start], "big")
        if size + self._size > self._most:
            raise Violation(TOO_LARGE, f"a message has at most {self._most:,} bytes")
        return start + _MASK_BYTES, size

    def _check_kind(self, first: int, size: int) -> None:
        opcode = first & 0x0F
        if first & _RESERVED:
            raise Violation(PROTOCOL, "a reserved bit is set: no extension was agreed on")
        if opcode in {CLOSE, PING, PONG}:
            if not first & _LAST or size > _SHORT:
                raise Violation(PROTOCOL, "a control frame is whole and has at most 125 bytes")
        elif opcode == _BINARY:
            raise Violation(NOT_TEXT, "messages are JSON in text frames, not binary ones")
        elif opcode == _TEXT:
            if self._parts:
                raise Violation(PROTOCOL, "a new message began inside another")
        elif opcode != _CONTINUATION:
            raise Violation(PROTOCOL, f"there is no frame of kind {opcode}")
        elif not self._parts:
            raise Violation(PROTOCOL, "a continuation without a beginning")

    def _other(self, first: int, payload: bytes, found: list[str | Control]) -> None:
        opcode = first & 0x0F
        if opcode == CLOSE:
            found.append(_closing(payload))
        elif opcode in {PING, PONG}:
            found.append(Control(opcode, payload))
        elif first == _WHOLE_TEXT:
            raise Violation(PROTOCOL, "a new message began inside another")
        else:
            # An empty part counts as a byte, or endless empty parts would cost nothing.
            self._parts.append(payload)
            self._size += len(payload) or 1
            if first & _LAST:
                whole = b"".join(self._parts)
                self._parts.clear()
                self._size = 0
                found.append(_text(whole))


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise Violation(NOT_UTF8, f"the message is not UTF-8 at byte {error.start}") from None


def _closing(payload: bytes) -> Control:
    if not payload:
        return Control(CLOSE, b"")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not (code in _CODES or code in _PRIVATE):
        raise Violation(PROTOCOL, "a close frame with a code that may not be sent")
    _text(payload[2:])
    return Control(CLOSE, payload[2:], code)
