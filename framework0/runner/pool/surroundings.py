"""What a step finds around it in a worker, put back after each step for the next one.

Folder, environment, import path, standard streams, signal handlers and timers, umask, limits, locale and
the interpreter's own switches are compared and set back. What cannot be (a limit lowered for good, a
thread or a child that still runs) is told, and the worker is replaced.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
from _locale import LC_ALL, setlocale
from _thread import _count as count_threads

# The functions below `signal`, which wraps each answer in an enumeration: that costs ten times more.
_signal: Any = sys.modules["_signal"]
getsignal, pthread_sigmask = _signal.getsignal, _signal.pthread_sigmask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import TextIOWrapper
    from typing import Any, Final

_SIGNALS: Final = tuple(
    number
    for number in range(1, 32)
    if number not in (signal.SIGKILL, signal.SIGSTOP) and number in signal.valid_signals()
)

_LIMITS: Final = tuple(
    getattr(resource, name) for name in ("RLIMIT_NOFILE", "RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_CPU")
)

THREAD_GRACE: Final = 0.1
"""Seconds in which a thread that a step has left may end by itself (a pool's threads do, once told)."""


class Surroundings:
    """The state of this process as it is now. The descriptors 1 and 2 lead to the output of steps."""

    def __init__(self) -> None:
        self.output = _private_copy(1)
        self._nothing = _private_copy(0)
        self._home = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
        self.streams = (_reader(), _stream(1), _stream(2))
        self._lend_streams()
        self._environ = os.environ
        self._variables = dict(_raw(os.environ))
        self._path = (sys.path, list(sys.path))
        self._finders = (list(sys.meta_path), list(sys.path_hooks))
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._handlers = [getsignal(number) for number in _SIGNALS]
        self._mask = pthread_sigmask(signal.SIG_BLOCK, ())
        self._limits = [resource.getrlimit(each) for each in _LIMITS]
        self._locale = setlocale(LC_ALL, None)
        self._recursion = sys.getrecursionlimit()
        self._switching = sys.getswitchinterval()
        self._nice = os.nice(0)
        self._hooks = (sys.excepthook, sys.displayhook)
        self._tracing = (sys.gettrace(), sys.getprofile())
        self._collecting = gc.isenabled()
        self.threads = count_threads()

    def count_threads(self) -> None:
        """Expect the threads that run now to go on running."""
        self.threads = count_threads()

    def flush(self) -> None:
        """Write out what a step has printed, also through streams it put in their places."""
        for stream in {sys.stdout, sys.stderr, *self.streams[1:]}:
            try:
                stream.flush()
            # Closed or replaced by something else, or the disk is full: not its result's fault.
            except (OSError, ValueError, AttributeError):
                continue

    def end_of_output(self) -> int:
        """Return how many bytes of output there have been in all."""
        return os.lseek(self.output, 0, os.SEEK_END)

    def put_back(self) -> str:
        """Undo what a step did; return what cannot be undone, empty if nothing."""
        sys.setrecursionlimit(self._recursion)
        left = _left_running(self.threads)
        try:
            self._put_back_streams()
            self._put_back_interpreter()
            self._put_back_process()
            lost = self._lost_for_good()
        # Whatever refuses to be set back, a new process has it as it was.
        except Exception as error:  # noqa: BLE001
            return f"its process could not be put in order again: {error}"
        return left or lost

    def _put_back_streams(self) -> None:
        for descriptor, source in ((0, self._nothing), (1, self.output), (2, self.output)):
            os.dup2(source, descriptor, inheritable=True)
        if any(stream.closed for stream in self.streams):
            self.streams = (_reader(), _stream(1), _stream(2))
        self._lend_streams()

    def _lend_streams(self) -> None:
        sys.stdin, sys.stdout, sys.stderr = self.streams
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = self.streams  # type: ignore[misc]

    def _put_back_interpreter(self) -> None:
        path, entries = self._path
        if sys.path is not path or path != entries:
            path[:] = entries
            sys.path = path
        if sys.meta_path != self._finders[0]:
            sys.meta_path[:] = self._finders[0]
        if sys.path_hooks != self._finders[1]:
            sys.path_hooks[:] = self._finders[1]
        sys.excepthook, sys.displayhook = self._hooks
        if sys.gettrace() is not self._tracing[0]:
            sys.settrace(self._tracing[0])
        if sys.getprofile() is not self._tracing[1]:
            sys.setprofile(self._tracing[1])
        if gc.isenabled() != self._collecting:
            (gc.enable if self._collecting else gc.disable)()
        if sys.getswitchinterval() != self._switching:
            sys.setswitchinterval(self._switching)
        if setlocale(LC_ALL, None) != self._locale:
            setlocale(LC_ALL, self._locale)

    def _put_back_process(self) -> None:
        os.fchdir(self._home)
        os.umask(self._umask)
        if os.environ is not self._environ or _raw(os.environ) != self._variables:
            os.environ = self._environ  # noqa: B003
            self._put_back_environment()
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in zip(_SIGNALS, self._handlers, strict=True):
            if getsignal(number) is not handler:
                signal.signal(number, handler)
        if pthread_sigmask(signal.SIG_BLOCK, ()) != self._mask:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _put_back_environment(self) -> None:
        environ = os.environb
        for name in set(environ) - self._variables.keys():
            del environ[name]
        for name, value in self._variables.items():
            # Set also when it looks right: os.putenv may have been used.
            environ[name] = value

    def _lost_for_good(self) -> str:
        for which, before in zip(_LIMITS, self._limits, strict=True):
            if resource.getrlimit(which) != before:
                resource.setrlimit(which, before)
        if os.nice(0) != self._nice:
            return "it changed its process's priority"
        return ""


def _left_running(expected: int) -> str:
    """Return what a step has left behind that still runs."""
    if count_threads() > expected and not _threads_end(expected):
        return "it left a thread running"
    try:
        # Ended ones count too: whoever started them may still ask for their exit codes, never we.
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return ""
    return "it left a process"


def _threads_end(expected: int) -> bool:
    import gc
    import threading
    from time import monotonic

    # An executor that nobody refers to any more tells its threads to end.
    gc.collect()
    until = monotonic() + THREAD_GRACE
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(max(0.0, until - monotonic()))
    return count_threads() <= expected


def _raw(environ: Any) -> dict[bytes, bytes]:
    # The dictionary below os.environ: comparing through it would decode every variable, every time.
    raw: dict[bytes, bytes] = getattr(environ, "_data", {})
    return raw


def _private_copy(descriptor: int) -> int:
    import fcntl

    # High up, where no step that closes or reopens descriptors by number expects anything.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, min(64, most // 2))


def _reader() -> TextIOWrapper:
    return open(0, encoding="utf-8", errors="surrogateescape", closefd=False)


def _stream(descriptor: int) -> TextIOWrapper:
    """Return a text stream into the output, written line by line so that it can be followed."""
    return open(
        descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )
