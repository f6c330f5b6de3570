"""The log of one attempt: a file that is only appended to, and only made when there is text.

Text is written line by line. Each stream keeps its unfinished line until it ends, so that lines of
stdout and stderr never run into each other. With a masker the unfinished line is kept even when
flushed, because a secret may arrive in two pieces; without one, ``flush`` writes it at once.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock

from framework0.logs.terminal import for_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, Protocol

    from framework0.logs.drain import Drain
else:
    # For type checkers only; at run time making a protocol costs more than any other class.
    Protocol = object

STDOUT: Final = 0
STDERR: Final = 1

HELD_LIMIT: Final = 64 * 1024
"""Characters of an unfinished line kept in memory: enough for any line meant for people."""

_FLAGS: Final = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
)
# Logs hold what steps print, which is nobody else's business.
_FILE_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700


class Mask(Protocol):
    """What hides secrets in a text. :class:`framework0.secrets.Masker` is the real one."""

    def mask(self, text: str) -> str:
        """Return ``text`` with every secret replaced."""

    def safe_cut(self, text: str) -> int:
        """Return how many leading characters can be masked without the text that follows."""


class StepLog:
    """An append-only text file for what one attempt prints; thread-safe.

    ``echo`` True copies complete lines to the terminal as well, False never does, None leaves it
    to :func:`~framework0.logs.capture_output`. A write that the disk refuses does not hurt the
    step: the first refusal is kept in ``error`` and the text is dropped.
    """

    __slots__ = (
        "_closed",
        "_drain",
        "_fd",
        "_held",
        "_lock",
        "_terminal",
        "echo",
        "error",
        "masker",
        "path",
    )

    ends_lines = False
    """Whether an unfinished line gets an end when it is written."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        masker: Mask | None = None,
        *,
        echo: bool | None = None,
    ) -> None:
        self.path = path
        self.masker = masker
        self.echo = echo
        self.error: OSError | None = None
        self._fd = -1
        self._held = ["", ""]
        self._lock = RLock()
        self._drain: Drain | None = None
        self._closed = False
        self._terminal: Any = None

    def __repr__(self) -> str:
        return f"StepLog({os.fspath(self.path)!r})"

    def write(self, text: str, stream: int = STDOUT, terminal: Any = None) -> None:
        """Append ``text``; complete lines also go to ``terminal`` (a text stream) when given."""
        with self._lock:
            self._terminal = terminal
            held = self._held[stream] + text
            end = held.rfind("\n") + 1
            if not end and len(held) >= HELD_LIMIT:
                end = len(held) if self.masker is None else self.masker.safe_cut(held)
            if self._closed:
                end = len(held)
            if end:
                self._held[stream] = held[end:]
                self._emit(held[:end], terminal)
            else:
                self._held[stream] = held

    def write_bytes(self, data: bytes, stream: int = STDOUT, terminal: Any = None) -> None:
        """Append raw bytes; what is not UTF-8 reaches the file unchanged."""
        self.write(data.decode("utf-8", "surrogateescape"), stream, terminal)

    def take(self, data: bytes) -> None:
        """Append what another process has written, at once; it is shown where this log is shown."""
        # Only the router of a run, which stands for stdout while it lasts, knows of a terminal.
        terminal = getattr(sys.stdout, "terminal_for", _nowhere)(self)
        self.write_bytes(data, STDOUT, terminal)
        self.flush(terminal)

    def flush(self, terminal: Any = None) -> None:
        """Write the unfinished lines too, unless a masker must see the rest of them first."""
        if self.masker is None:
            self._release(terminal)

    def fileno(self) -> int:
        """Return a descriptor for a child process to write to.

        Mostly it is the file itself. With a masker, or while output is shown on the terminal too, it
        is a pipe that a thread reads, so what children write is masked and shown as well.
        """
        # Only the router of a run, which stands for stdout while it lasts, knows of a terminal.
        terminal = getattr(sys.stdout, "terminal_for", _nowhere)(self)
        with self._lock:
            if self.masker is None and terminal is None:
                self._release(None)
                return self._open()
        return self._drained()

    def _drained(self) -> int:
        """Return the end of a pipe that a thread empties into this log."""
        terminal = getattr(sys.stdout, "terminal_for", _nowhere)(self)
        with self._lock:
            if self._drain is None:
                from framework0.logs.drain import Drain

                self._drain = Drain(lambda data: self.write_bytes(data, STDOUT, terminal))
            return self._drain.fileno()

    def close(self) -> None:
        """Write what is left and close the file. Later writes reopen it for one write each."""
        with self._lock:
            if self._fd < 0 and self._drain is None and not (self._held[0] or self._held[1]):
                # Most steps print nothing.
                self._closed = True
                return
        drain, self._drain = self._drain, None
        if drain is not None:
            drain.close()
        with self._lock:
            if self._terminal is not None and any(self._held):
                # On the terminal other text follows, on a line of its own.
                self._release(self._terminal)
                if not self.ends_lines:
                    _show(self._terminal, "\n")
            self._release(None)
            self._closed = True
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _release(self, terminal: Any) -> None:
        with self._lock:
            for stream, held in enumerate(self._held):
                if held:
                    self._held[stream] = ""
                    self._emit(held, terminal)

    def _emit(self, text: str, terminal: Any) -> None:
        if not text.isascii():
            text = _rejoin(text)
        if self.masker is not None:
            text = self.masker.mask(text)
        text = self._shaped(text)
        self._append(_encode(text))
        if terminal is not None and self.echo is not False:
            _show(terminal, text)

    def _shaped(self, text: str) -> str:
        """Return masked text as it is written; a kind of log that writes it otherwise says how."""
        return text

    def _append(self, data: bytes) -> None:
        if self.error is not None:
            return
        try:
            fd = self._open()
            while data:
                data = data[os.write(fd, data) :]
            if self._closed:
                os.close(fd)
                self._fd = -1
        except OSError as error:
            self.error = error

    def _open(self) -> int:
        if self._fd < 0:
            try:
                self._fd = os.open(self.path, _FLAGS, _FILE_MODE)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(self.path), _FOLDER_MODE, exist_ok=True)
                self._fd = os.open(self.path, _FLAGS, _FILE_MODE)
        return self._fd


def _nowhere(_log: StepLog) -> None:
    return None


def _rejoin(text: str) -> str:
    """Join the bytes of one character that arrived in two writes of raw bytes."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text


def _encode(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


def _show(terminal: Any, text: str) -> None:
    try:
        terminal.write(for_terminal(text))
        terminal.flush()
    except (OSError, ValueError):
        # The terminal is gone (a closed pipe, a closed stream): the log has the text.
        return
