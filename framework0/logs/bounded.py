"""A log of bounded length: its beginning and its end are kept, and how much is missing between.

What children of a step write straight into the file descriptor is bounded too: it goes through a
pipe that a thread empties, since nothing can bound a file that others write to. A log without a bound
is still the file itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from framework0.logs.steplog import StepLog

if TYPE_CHECKING:
    import os

    from framework0.logs.steplog import Mask

LINE_ROOM: Final = 160
"""Bytes set aside for the line that says what is missing."""

LONGEST_END: Final = 64 * 1024
"""Bytes of the end that are kept, in memory until the attempt is over: a screenful and more."""

_SHARE: Final = 2
"""Of a short log, one part in so many is for its end."""


class BoundedLog(StepLog):
    """A :class:`StepLog` whose file never gets longer than ``limit`` bytes, whatever is written.

    ``limit`` may be read. The end is written when the log is closed. A log that was killed before has its beginning only.
    """

    __slots__ = ("_begun", "_cut_line", "_dropped", "_end", "_head_left", "limit")

    def __init__(
        self,
        path: str | os.PathLike[str],
        masker: Mask | None = None,
        *,
        echo: bool | None = None,
        limit: int,
    ) -> None:
        super().__init__(path, masker, echo=echo)
        self.limit = limit
        self._head_left = limit - LINE_ROOM - self._longest_end()
        self._end = bytearray()
        self._dropped = 0
        self._begun = False
        self._cut_line = False

    def _longest_end(self) -> int:
        return min(LONGEST_END, (self.limit - LINE_ROOM) // _SHARE)

    def fileno(self) -> int:
        """Return a descriptor for a child process to write to: a pipe, read by a thread."""
        return self._drained()

    def close(self) -> None:
        """Write what is left, then the end, and close the file. What is written later is lost."""
        with self._lock:
            over = self._closed
        super().close()
        with self._lock:
            if over or not (self._end or self._dropped):
                return
            end = bytes(self._end)
            if self._dropped:
                # From its first whole line on, if it has one.
                start = end.find(b"\n") + 1
                self._dropped += start
                line = self._left_out(self._dropped)
                end = (b"\n" if self._cut_line else b"") + line.encode() + end[start:]
            self._end.clear()
            super()._append(end)

    def _left_out(self, count: int) -> str:
        return f"… {count:,} bytes of output are left out here: max_log_bytes is {self.limit:,} …\n"

    def _append(self, data: bytes) -> None:
        if self._closed:
            return
        if self._head_left > 0:
            head = data[: self._head_left]
            if len(data) > len(head):
                # At the end of a line, so that the line about what is missing has one to itself.
                whole = head.rfind(b"\n") + 1
                if whole or (self._begun and not self._cut_line):
                    head = head[:whole]
            self._head_left = self._head_left - len(head) if len(head) == len(data) else 0
            if head:
                self._begun = True
                self._cut_line = not head.endswith(b"\n")
                super()._append(head)
            data = data[len(head) :]
        if data:
            self._keep(data)

    def _keep(self, data: bytes) -> None:
        """Keep the end of all that came after the beginning."""
        room = self._longest_end()
        before = len(self._end) + len(data)
        self._end += data[-room:]
        if len(self._end) > room:
            del self._end[:-room]
        self._dropped += before - len(self._end)
