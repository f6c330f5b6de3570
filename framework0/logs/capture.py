"""Where prints go while a run lasts: to the log of the step that prints.

``sys.stdout`` and ``sys.stderr`` are replaced by routers for the length of a run. A router looks up
the bound step (:mod:`framework0.logs.binding`) at each write, so steps that run at the same time in
threads or tasks keep their output apart. What is printed outside any step, or by a thread that a
step started by hand, goes to the run's own log, or to the terminal when the run has none.

The real streams stay reachable as ``capture.stdout`` and ``capture.stderr``: what the command
itself has to say goes there.
"""

from __future__ import annotations

import io
import sys
from _thread import RLock

from framework0.logs.binding import Binding, bind, bound_step
from framework0.logs.steplog import STDERR, STDOUT, StepLog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Any, Self, TextIO

__all__ = ["Binding", "StepLog", "bind", "bound_step", "capture_output"]

_lock = RLock()
_captures: list[Capture] = []


class _RawRouter(io.BufferedIOBase):
    """``sys.stdout.buffer`` of a router."""

    def __init__(self, router: _Router) -> None:
        self._router = router

    def write(self, data: Any, /) -> int:
        raw = bytes(data)
        self._router.write_bytes(raw)
        return len(raw)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        self._router.flush()

    def isatty(self) -> bool:
        return self._router.isatty()

    def fileno(self) -> int:
        return self._router.fileno()

    def close(self) -> None:
        self.flush()


class _Router(io.TextIOBase):
    """A text stream that hands each write to the bound step's log.

    A step may close it: that only flushes. Nothing a step does to it reaches another step.
    """

    encoding = "utf-8"
    errors = "surrogateescape"
    line_buffering = True
    mode = "w"

    def __init__(self, real: TextIO | None, stream: int) -> None:
        self.real = real
        self.stream = stream
        self.name = "<stderr>" if stream == STDERR else "<stdout>"
        self.echo = False
        self.run_log: StepLog | None = None
        self._raw = _RawRouter(self)

    @property
    def buffer(self) -> _RawRouter:
        return self._raw

    def _log(self) -> StepLog | None:
        binding = bound_step()
        if binding is not None and binding.log is not None:
            return binding.log
        return self.run_log

    @property
    def echo_target(self) -> TextIO | None:
        """The terminal that the bound step's output is copied to, if it is."""
        log = self._log()
        return None if log is None else self.terminal_for(log)

    def terminal_for(self, log: StepLog) -> TextIO | None:
        """Return the terminal that what is written to ``log`` is copied to, if it is."""
        echo = self.echo if log.echo is None else log.echo
        return self.real if echo else None

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        log = self._log()
        if log is not None:
            log.write(text, self.stream, self.terminal_for(log))
        elif self.real is not None:
            self.real.write(text)
        return len(text)

    def write_bytes(self, data: bytes) -> None:
        log = self._log()
        if log is not None:
            log.write_bytes(data, self.stream, self.terminal_for(log))
        elif self.real is not None:
            self.real.flush()
            self.real.buffer.write(data)

    def writelines(self, lines: Iterable[str], /) -> None:  # type: ignore[override]
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        log = self._log()
        if log is not None:
            log.flush(self.terminal_for(log))
        elif self.real is not None and not self.real.closed:
            self.real.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._log() is None and self.real is not None and self.real.isatty()

    def fileno(self) -> int:
        log = self._log()
        if log is not None:
            return log.fileno()
        if self.real is None:
            raise io.UnsupportedOperation("fileno")
        return self.real.fileno()

    def reconfigure(self, **_: Any) -> None:
        """Accept what ``TextIOWrapper`` accepts; a log is UTF-8 whatever is asked."""

    def close(self) -> None:
        self.flush()


class Capture:
    """An installed pair of routers; ``stdout`` and ``stderr`` are the streams beneath them.

    Set ``stays`` when a step has been left behind in its thread: then the routers stay when the run is
    over, as they do when it broke, and what such a step prints goes to its log, masked, and not to the
    terminal. What nobody's step prints passes through them.
    """

    def __init__(self, *, echo: bool, run_log: StepLog | None) -> None:
        self.echo = echo
        self.run_log = run_log
        self.stdout: TextIO | None = None
        self.stderr: TextIO | None = None
        self.stays = False

    def __enter__(self) -> Self:
        with _lock:
            if not _captures and sys.stdout is not _routers[0]:
                _install()
            _captures.append(self)
            self.stdout, self.stderr = _routers[0].real, _routers[1].real
            _follow(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _lock:
            _captures.remove(self)
            if self.run_log is not None:
                self.run_log.close()
            if _captures:
                _follow(_captures[-1])
                return
            for router in _routers:
                router.echo = False
                router.run_log = None
            if not self.stays and error is None:
                sys.stdout, sys.stderr = self.stdout, self.stderr

    def restore(self) -> None:
        """Put the routers back after a step has left something else in ``sys.stdout``.

        Call it when no step is running: a running one may have redirected its output on purpose.
        """
        with _lock:
            if _captures:
                sys.stdout, sys.stderr = _routers


_routers: tuple[_Router, _Router] = (_Router(None, STDOUT), _Router(None, STDERR))


def _install() -> None:
    global _routers  # noqa: PLW0603
    _routers = (_Router(sys.stdout, STDOUT), _Router(sys.stderr, STDERR))
    sys.stdout, sys.stderr = _routers


def _follow(capture: Capture) -> None:
    for router in _routers:
        router.echo = capture.echo
        router.run_log = capture.run_log


def capture_output(*, echo: bool = False, run_log: StepLog | None = None) -> Capture:
    """Return a ``with`` block in which each bound step's output goes to its own log.

    With ``echo`` it goes to the terminal too. ``run_log`` takes what no step can be named for, and
    is closed at the end. Runs
    of one process may overlap: the routers are installed once, and the newest run's settings hold.
    """
    return Capture(echo=echo, run_log=run_log)
