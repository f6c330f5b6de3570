"""A command's standard output: all of it into the log, the end of it kept for its result."""

from __future__ import annotations

import os
from typing import Final

KEPT: Final = 64 * 1024
"""Bytes of standard output that become part of a command's result; the log has everything."""

_CHUNK: Final = 64 * 1024


class Budget:
    """How many bytes of output the log still takes, of all streams of one step together."""

    def __init__(self, count: int) -> None:
        self.left = count

    def take(self, part: bytes) -> bytes:
        """Return what of ``part`` the log still takes; the first time something is cut, it says so."""
        if self.left < 0:
            return b""
        kept, self.left = part[: self.left], self.left - len(part)
        return (
            kept
            if self.left >= 0
            else kept + b"\n[the step printed more than it may; the rest is left out]\n"
        )


class Tail:
    """A pipe for the command to write to, read here."""

    def __init__(self, log: int, budget: Budget | None = None) -> None:
        self._log = log
        self._budget = budget
        self._read, self.write_end = os.pipe()
        self._kept = bytearray()
        self._cut = False
        self.is_open = True

    def opened(self) -> None:
        """Close our copy of the command's end, so that the end of its output can be seen."""
        os.close(self.write_end)
        os.set_blocking(self._read, False)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._read

    def read(self) -> bool:
        """Take what is there; False when there is nothing more for now."""
        try:
            part = os.read(self._read, _CHUNK)
        except BlockingIOError:
            return False
        if not part:
            self.is_open = False
            return False
        self._write(part)
        self._kept += part
        if len(self._kept) > KEPT:
            self._cut = True
            del self._kept[:-KEPT]
        return True

    def read_all(self) -> None:
        """Take what is left, after the command and all it started have ended."""
        while self.is_open and self.read():
            continue

    def text(self) -> str:
        """Return the kept end as text, whole lines only if something was cut, without the last newline."""
        kept = bytes(self._kept)
        if self._cut:
            kept = kept[kept.find(b"\n") + 1 :]
        return kept.decode("utf-8", "replace").rstrip("\r\n")

    def _write(self, part: bytes) -> None:
        view = memoryview(part if self._budget is None else self._budget.take(part))
        try:
            while view:
                view = view[os.write(self._log, view) :]
        # A full disk under the log must not end the command; the journal will meet it as well, and say so.
        except OSError:
            return
