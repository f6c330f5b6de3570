"""A line: JSON messages over one end of a socket pair, between two processes that trust each other.

Four bytes of length, big-endian, then UTF-8 JSON. Text that came from the system undecodable (lone
surrogates, as ``os.fsdecode`` makes them) survives, because JSON's ASCII escapes carry it. Never pickle:
what arrives is data, whatever the other side has become.
"""

from __future__ import annotations

import json
import os
import socket
import weakref
from typing import Any, Final

MESSAGE_LIMIT: Final = 1 << 30
"""Bytes of one message: far above any sensible result, far below what would exhaust the machine."""

_CHUNK: Final = 1 << 20
_LENGTH: Final = 4


class LineBroken(OSError):
    """The other side ended in the middle of a message, or sent something that is not one."""


class LineFlooded(LineBroken):
    """The other side sent more bytes than it may."""


class Line:
    """One end. Not thread-safe: one thread sends, one (the same or another) receives."""

    __slots__ = ("__weakref__", "_socket", "allowance")

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        # Bytes that may still come, None for one whom we trust.
        self.allowance: int | None = None
        _open.add(self)

    def fileno(self) -> int:
        """Return the descriptor, to poll it or to pass it on."""
        return self._socket.fileno()

    def detach(self) -> int:
        """Return the descriptor, whose further life is the caller's business."""
        _open.discard(self)
        return self._socket.detach()

    def close(self) -> None:
        """Close this end; the other side reads the end of the line."""
        self._socket.close()

    def send(self, message: Any) -> None:
        """Send one message; raises OSError when the other side is gone, ValueError when it is too large."""
        body = json.dumps(message, separators=(",", ":")).encode("ascii")
        if len(body) > MESSAGE_LIMIT:
            raise ValueError(
                f"{len(body)} bytes are more than the {MESSAGE_LIMIT} one message may have"
            )
        self._socket.sendall(len(body).to_bytes(_LENGTH, "big"))
        self._socket.sendall(body)

    def receive(self) -> Any:
        """Wait for the next message and return it, None at the end; raises :class:`LineBroken`."""
        try:
            head = self._exactly(_LENGTH)
            if head is None:
                return None
            length = int.from_bytes(head, "big")
            if length > MESSAGE_LIMIT:
                raise LineBroken(f"a message announces {length} bytes")
            if self.allowance is not None:
                self.allowance -= length + _LENGTH
                if self.allowance < 0:
                    raise LineFlooded("the step said more than it may")
            body = self._exactly(length)
            return None if body is None else json.loads(body)
        except ConnectionError:
            return None
        except (ValueError, RecursionError) as error:
            raise LineBroken(f"a message is not JSON: {error}") from error

    def _exactly(self, count: int) -> bytearray | None:
        data = bytearray()
        while len(data) < count:
            part = self._socket.recv(min(_CHUNK, count - len(data)))
            if not part:
                if data:
                    raise LineBroken("the other side ended in the middle of a message")
                return None
            data += part
        return data


_open: weakref.WeakSet[Line] = weakref.WeakSet()


def pair() -> tuple[Line, socket.socket]:
    """Return a new line and the socket at its other end."""
    ours, theirs = socket.socketpair()
    return Line(ours), theirs


def _close_inherited() -> None:
    # A process that user code forks from the runner would otherwise hold our ends open, and those at
    # the other end would not notice the runner's death.
    for line in list(_open):
        line.close()


os.register_at_fork(after_in_child=_close_inherited)
