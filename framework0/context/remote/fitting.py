"""Whether a server will take a request: said here, in words, before it is sent. Pure.

A message that is too large would not be refused there but end the connection.
"""

from __future__ import annotations

from framework0.context.wire.limits import WIRE_LIMITS
from framework0.errors import ValueRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Room:
    """What one server takes; until it has said so, what servers usually take."""

    __slots__ = ("_bytes", "_writes")

    def __init__(self, told: dict[str, Any] | None = None) -> None:
        """Take the ``limits`` of its ``welcome``."""
        self._bytes = _whole(told, "message_bytes", WIRE_LIMITS.message_bytes)
        self._writes = _whole(told, "writes", WIRE_LIMITS.writes)

    def refusal(self, fields: dict[str, Any], data: bytes) -> ValueRefused | None:
        """Return why the server will not take a request of these fields and bytes, None if it may."""
        writes = fields.get("writes", ())
        if len(writes) > self._writes:
            return ValueRefused(
                f"the transaction has {len(writes):,} writes, and this server takes at most "
                f"{self._writes:,} at a time: make several of it; nothing was written"
            )
        if len(data) <= self._bytes:
            return None
        if writes:
            return ValueRefused(
                f"the transaction has {len(data):,} bytes, and this server takes at most "
                f"{self._bytes:,} at a time: make several of it, or store paths of files; nothing was "
                "written"
            )
        return ValueRefused(
            f"the message has {len(data):,} bytes, and this server takes at most "
            f"{self._bytes:,}: store less at a time, or a file's path"
        )


def _whole(told: dict[str, Any] | None, name: str, usual: int) -> int:
    found = usual if told is None else told.get(name)
    return found if type(found) is int else usual
