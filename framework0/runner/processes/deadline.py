"""When the job in a warm worker must be over: told by the worker, kept by its supervisor.

Not kept by the runner, where a step in a thread may hold the interpreter. To begin, one message; to
end, one message and its answer: so a job that was over in time is never ended for the one before it.
"""

from __future__ import annotations

import os
import socket
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_AT: Final = struct.Struct("d")

_NEVER: Final = 0.0


class Deadline:
    """The worker's end of the line to its supervisor."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._end = socket.socket(fileno=descriptor)

    def set(self, at: float) -> None:
        """Say when (``time.monotonic()``) the job that begins now must be over."""
        self._end.send(_AT.pack(at))

    def clear(self) -> bool:
        """Say that it is over; False when that comes too late and this process is being ended."""
        try:
            self._end.send(_AT.pack(_NEVER))
            return bool(self._end.recv(1))
        except OSError:
            return False


class KeptDeadline:
    """The supervisor's end."""

    def __init__(self) -> None:
        self._end, self.worker_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def opened(self) -> None:
        """Close our copy of the worker's end."""
        self.worker_end.close()

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._end.fileno()

    def hear(self) -> float | None:
        """Return what the worker says now: its deadline, None for none. False news is no news."""
        message = self._end.recv(_AT.size)
        if len(message) != _AT.size:
            raise EOFError
        at: float = _AT.unpack(message)[0]
        if at != _NEVER:
            return at
        self._end.send(b".")
        return None

    def close(self) -> None:
        """Say that it is too late."""
        self._end.close()
