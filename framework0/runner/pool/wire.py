"""What runner and worker say to each other: frames of plain data, with descriptors beside them.

Two sockets join them:

``jobs``  a queue of whole messages, one job each, that lives in the kernel. The worker takes a message
          when it begins a job; the runner holds the worker's end too and takes back what the worker
          has not taken. Each message is read by exactly one of the two, so no job can be lost or begun
          twice, and what a dead worker had not begun is simply still there.
``talk``  a stream: outcomes, questions to the context, progress; and the answers.

Frames are `marshal <https://docs.python.org/3/library/marshal.html>`_ data, which both sides, being the
same interpreter, write and read faster than JSON. No frame makes either side import or call anything.
"""

from __future__ import annotations

import marshal
import socket
from collections import deque

from framework0.segments import MOST_DESCRIPTORS, Segment, receive, segments_of, send, share

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

INLINE: Final = 32 * 1024
"""Bytes of a message in a socket; more travels in a segment, so that no socket is ever filled up by
one message and no sender waits (a socket holds about 200 kB)."""

READY: Final = 0
"""Worker: (READY,)."""
OUTCOME: Final = 1
"""Worker: (OUTCOME, serial, state, form, result, failure, figures, end of output, leaving)."""
ASK: Final = 2
"""Worker: (ASK, call, argument …), answered on the same socket: (answer,), or (answer, described
parcel) with its segment beside it."""
PROGRESS: Final = 3
"""Worker: (PROGRESS, done, total)."""
LARGE: Final = 4
"""Either: (LARGE, bytes), the frame itself in the first segment beside it."""
ASK_PACKED: Final = 5
"""Worker: (ASK_PACKED, call, argument …, described parcel), its segment beside it; answered as ASK is."""

PLAIN: Final = 0
"""Form of a result or of arguments: plain data, as it stands."""
PACKED: Final = 1
"""Form: a parcel, described; its segment, if it has one, is the last beside the frame."""
PASSED_ON: Final = 2
"""Form of a result: a parcel whose segment came with the arguments, by its number there."""
UNKEPT: Final = 3
"""Form of a result: it cannot leave the worker; the text says why."""

_LENGTH: Final = 4
_CHUNK: Final = 256 * 1024


def job_queue() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a queue of messages: to send into, to receive from."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def encoded(frame: tuple[Any, ...], segments: Sequence[Segment]) -> tuple[bytes, list[Segment]]:
    """Return a frame as bytes and the segments to send with it.

    Raises ValueError for what is no plain data.
    """
    data = marshal.dumps(frame)
    beside = list(segments)
    if len(data) > INLINE:
        whole, _ = share([data])
        beside.insert(0, whole)
        data = marshal.dumps((LARGE, len(data)))
    if len(beside) > MOST_DESCRIPTORS:
        raise ValueError(f"more than {MOST_DESCRIPTORS} large values in one step's arguments")
    return data, beside


def decoded(data: bytes | memoryview, segments: list[Segment]) -> tuple[Any, ...]:
    """Return the frame; one that travelled in a segment takes that segment from the list."""
    # From our own worker or runner, the same interpreter; whatever it holds, nothing of it is called.
    frame: tuple[Any, ...] = marshal.loads(data)  # noqa: S302
    if frame[0] == LARGE:
        with segments.pop(0).map() as content:
            # As above.
            frame = marshal.loads(content[: frame[1]])  # noqa: S302
    return frame


class Talk:
    """One end of the stream: frames out, frames in. One thread at a time sends, one receives."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.ended = False
        self._rest = b""
        self._descriptors: deque[int] = deque()

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self.end.fileno()

    def send(self, frame: tuple[Any, ...], segments: Sequence[Segment] = ()) -> None:
        """Send one frame; raises OSError when the other side is gone, ValueError for no plain data."""
        data, beside = encoded(frame, segments)
        head = len(data).to_bytes(_LENGTH - 1, "big") + bytes([len(beside)])
        send(self.end, head + data, beside)

    def receive(self) -> tuple[tuple[Any, ...], list[Segment]] | None:
        """Wait for the one frame that is to come; None at the end."""
        while True:
            frames = self.arrived()
            if frames:
                return frames[0]
            if self.ended:
                return None

    def arrived(self, flags: int = 0) -> list[tuple[tuple[Any, ...], list[Segment]]]:
        """Return the frames that have arrived whole, each with its segments; wait for a part at least.

        ``ended`` is set at the end. Raises BlockingIOError if ``flags`` say not to wait, and what
        undoing a frame raises for what is none.
        """
        try:
            data, descriptors = receive(self.end, _CHUNK, flags)
        except ConnectionError:
            data, descriptors = b"", []
        if descriptors:
            self._descriptors.extend(descriptors)
        if not data:
            self.ended = True
            return []
        if self._rest:
            data = self._rest + data
        frames = []
        start, size = 0, len(data)
        while size - start >= _LENGTH:
            begin = start + _LENGTH
            end = begin + int.from_bytes(data[start : begin - 1], "big")
            if end - begin > INLINE:
                raise ValueError("no frame is that long")
            if size < end:
                break
            count = data[begin - 1]
            beside: list[Segment] = []
            if count:
                beside = segments_of([self._descriptors.popleft() for _ in range(count)])
            frames.append((decoded(data[begin:end], beside), beside))
            start = end
        self._rest = data[start:]
        return frames

    def close(self) -> None:
        """Close this end and what came with frames nobody read."""
        self.end.close()
        segments_of(self._descriptors)
        self._descriptors.clear()
