"""The process the shell started: it hears the signals, so that a stuck step cannot make it deaf.

A thread that holds the interpreter in C code keeps every Python signal handler of its process from
running. So ``framework0 run`` forks before it starts any thread: the parent becomes this warden,
which never runs anybody's code, and the child does the work. Only the standard library's smallest
modules are used here; the whole costs about 2 ms.
"""

from __future__ import annotations

import os
import signal
import sys
from time import monotonic

from framework0.runner.processes.kernel import become_subreaper, die_with_parent
from framework0.runner.processes.tree import LEFTOVER_GRACE, TERM_GRACE, Children, descendants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

GRACE: Final = 5.0
"""Seconds a run may take to end itself after the first signal (reliability: all is over by 7 s)."""

MARGIN: Final = 0.5
"""Seconds on top of the grace in which the run writes its end, before the warden kills it."""

AT_ONCE: Final = 0.3
"""Seconds the run has after the second signal: enough to close its journal, not to end steps well."""

SAME_SIGNAL: Final = 0.2
"""Seconds in which signals count as one: many senders signal a process and then its whole group."""

_HANGUP: Final = getattr(signal, "SIGHUP", signal.SIGTERM)

_FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, _HANGUP)

_warden: int | None = None


def guarded(main: Callable[[], int], grace: float | Callable[[], float] = GRACE) -> int:
    """Run ``main`` in a child process guarded by this one; return the exit code of the whole.

    The first SIGINT, SIGTERM or SIGHUP is passed on and leaves the child ``grace`` seconds to end
    by itself (a function is asked for them only then); the second one leaves it :data:`AT_ONCE`. A child that does not end is killed with all
    it started, and the code is 130 (SIGINT) or 143. A child that was killed gives 128 + the signal's
    number and a sentence on stderr. What the child's steps left behind is ended too, in every case.

    When a signal has ended it, further ones are ignored from then on: the caller is about to end too.
    ``main`` ends with ``os._exit`` after the exit functions, so threads it left cannot hold it up.
    Where there is no such parent to be (not Linux, not the main thread, other threads already
    running) ``main`` is called as it is, and only Python's own signal handling remains.
    """
    if not _possible():
        return main()
    watched = [number for number in _FORWARDED if signal.getsignal(number) != signal.SIG_IGN]
    spare = _children_of_before()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [*watched, signal.SIGCHLD])
    become_subreaper()
    _flush()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become_the_run(main, parent, mask)
    guard = _Guard(pid, grace, watched, spare)
    try:
        return guard.watch()
    finally:
        become_subreaper(wanted=False)
        if guard.was_told:
            # The run has ended as it was told to; one signal more must not change the exit code.
            for number in watched:
                signal.signal(number, signal.SIG_IGN)
        while signal.sigtimedwait([*watched, signal.SIGCHLD], 0) is not None:
            continue
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def responsible_pid() -> int:
    """Return the process to signal to end this run on time: the warden's, else this one's."""
    return _warden if _warden is not None else os.getpid()


def _possible() -> bool:
    if sys.platform != "linux":
        return False
    try:
        threads = os.listdir("/proc/self/task")
    except OSError:
        return False
    # One thread, and it is the main one: only then is a fork safe and do signals reach us.
    return threads == [str(os.getpid())]


def _children_of_before() -> list[int]:
    """Return the children this process already has: a shell that used ``exec`` leaves it its own."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return []
    return [process.pid for process in descendants(os.getpid())]


class _Guard:
    """One watch over one child: from the fork to the end of the last process below."""

    def __init__(
        self,
        pid: int,
        grace: float | Callable[[], float],
        watched: list[signal.Signals],
        spare: list[int],
    ) -> None:
        self._pid = pid
        self._grace = grace
        self._watched = watched
        self._children = Children(self._wait_for_exit, spare)
        self._children.watched.add(pid)
        self._first: int | None = None
        self._first_at = 0.0
        self._deadline: float | None = None

    @property
    def was_told(self) -> bool:
        """Whether a signal asked for the end."""
        return self._first is not None

    def watch(self) -> int:
        """Pass signals on until the child has ended or must be ended; return the exit code."""
        while True:
            self._children.reap()
            if self._pid in self._children.ended:
                return self._after_the_end(self._children.ended[self._pid][0])
            received = self._next_signal()
            if received is None:
                return self._kill()
            if received.si_signo != signal.SIGCHLD:
                self._hear(received)

    def _next_signal(self) -> signal.struct_siginfo | None:
        signals = [*self._watched, signal.SIGCHLD]
        if self._deadline is None:
            return signal.sigwaitinfo(signals)
        return signal.sigtimedwait(signals, max(0.0, self._deadline - monotonic()))

    def _hear(self, received: signal.struct_siginfo) -> None:
        # What the terminal sends (si_code > 0) it sends to the whole foreground group: the child has it.
        # But that it was closed, the kernel tells the leader of the session alone.
        if received.si_code <= 0 or (received.si_signo == _HANGUP and os.getsid(0) == os.getpid()):
            os.kill(self._pid, received.si_signo)
        now = monotonic()
        if self._first is None or self._deadline is None:
            self._first, self._first_at = received.si_signo, now
            grace = self._grace() if callable(self._grace) else self._grace
            self._deadline = now + grace + MARGIN
        elif now - self._first_at > SAME_SIGNAL:
            self._deadline = min(self._deadline, now + AT_ONCE)

    def _kill(self) -> int:
        assert self._first is not None
        self._end_what_is_left(grace=0.0)
        return ended_by(self._first)

    def _after_the_end(self, status: int) -> int:
        code = os.waitstatus_to_exitcode(status)
        # A run that was killed gives its steps no grace either: a resume may start the next moment.
        well = code >= 0
        self._end_what_is_left(TERM_GRACE if well else 0.0, LEFTOVER_GRACE if well else 0.0)
        if well:
            return code
        if self._first is None or -code != self._first:
            _say(_killed(self._pid, -code))
        return ended_by(-code)

    def _end_what_is_left(self, grace: float, patience: float = 0.0) -> None:
        left = self._children.end(grace, patience)
        if left:
            _say(
                f"framework0: could not end process {', '.join(map(str, left))}, which a step started: "
                "it belongs to another user or hangs in the kernel; end it by hand before a resume"
            )

    def _wait_for_exit(self, seconds: float) -> None:
        signal.sigtimedwait([signal.SIGCHLD], seconds)


def ended_by(number: int) -> int:
    """Return the exit code of something ended by signal ``number``; a hang-up counts as SIGTERM."""
    return 128 + (signal.SIGTERM if number == signal.SIGHUP else number)


def _killed(pid: int, number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    why = " (often the kernel, for lack of memory)" if number == signal.SIGKILL else ""
    return (
        f"framework0: the process of the run ({pid}) was killed by {name}{why}. "
        "What was acknowledged is kept: `framework0 resume` goes on from there"
    )


def _say(text: str) -> None:
    try:
        os.write(2, f"{text}\n".encode())
    # Nobody listens on stderr: the exit code still tells.
    except OSError:
        return


def _become_the_run(main: Callable[[], int], warden: int, mask: set[int | signal.Signals]) -> None:
    global _warden  # noqa: PLW0603
    _warden = warden
    die_with_parent(warden, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    code = _exit_code(main)
    import atexit

    # Everything interpreter shutdown does, except waiting for threads that may never end.
    atexit._run_exitfuncs()  # noqa: SLF001
    os._exit(_flush() or code & 0xFF)


def _exit_code(main: Callable[[], int]) -> int:
    try:
        # Like sys.exit: no code at all means well.
        return main() or 0
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        _say(str(leaving.code))
        return 1
    except KeyboardInterrupt:
        return ended_by(signal.SIGINT)
    # A bug of ours that got past main; the interpreter would print it and exit with 1 as well.
    except BaseException:  # noqa: BLE001
        sys.excepthook(*sys.exc_info())
        return 1


def _flush() -> int:
    """Write out what is buffered; return the exit code that a failure to do so deserves, else 0."""
    code = 0
    for stream in (sys.stdout, sys.stderr):
        try:
            # A stream may be None (pythonw) or closed by the run.
            if stream is not None and not stream.closed:
                stream.flush()
        except BrokenPipeError:
            continue
        except OSError as error:
            _say(f"framework0: could not write all output: {error}")
            code = 1
    return code
