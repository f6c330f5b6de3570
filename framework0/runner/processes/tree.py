"""The children of this process and all below them: found, signaled, reaped, ended.

The proof that nothing is left is the kernel's: a subreaper without children (``ECHILD``) has no
descendants at all. Looking into ``/proc`` only finds whom to signal. It is read again in every round,
because a process that forks faster than it is found ("fork racer") is a new process each time.

All of this is for Linux, with ``/proc`` mounted.
"""

from __future__ import annotations

import os
import signal
from time import monotonic

from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from resource import struct_rusage
    from typing import Final

TERM_GRACE: Final = 1.0
"""Seconds between SIGTERM and SIGKILL: half of the 2 s within which ending a step must be over."""

LEFTOVER_GRACE: Final = 0.1
"""Seconds in which what a finished step left behind may end by itself, before it gets SIGTERM.

Python's own resource tracker needs a moment to remove shared memory after its parent's end.
"""

KILL_LIMIT: Final = 3.0
"""Seconds of SIGKILL rounds after which what still lives (uninterruptible, or another user's) is named."""

TRACKER_GRACE: Final = 1.0
"""Seconds of SIGKILL rounds in which a resource tracker of Python's is spared.

It ends by itself when those it serves are gone, and removes the shared memory they had named first; the
kernel does not. It ignores SIGTERM, so this is its only time for that.
"""

_TRACKER: Final = b"multiprocessing.resource_tracker"

_KIBIBYTE: Final = 1024
_BLOCK: Final = 512

_NEWEST: Final = 256
"""Process ids looked at, from the newest down, when hunting what forks faster than it is found."""

_ROUND: Final = 0.005
"""Seconds to wait for an exit before looking for new descendants."""


class Process(NamedTuple):
    """One process as ``/proc`` shows it; ``started`` (clock ticks since boot) tells reused ids apart."""

    pid: int
    parent: int
    started: int
    ended: bool


def look(pid: int) -> Process | None:
    """Return what is known about ``pid``, None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    # The command's name comes second, in parentheses, and may hold any byte, ")" included.
    fields = text[text.rfind(b")") + 2 :].split()
    return Process(pid, int(fields[1]), int(fields[19]), fields[0] in b"ZX")


def descendants(root: int, spare: Collection[int] = ()) -> list[Process]:
    """Return the living processes below ``root``, parents first; not ``spare`` nor what is below them."""
    below: dict[int, list[Process]] = {}
    for process in _everything():
        below.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    waiting = [root]
    while waiting:
        for process in below.get(waiting.pop(), ()):
            if process.pid not in spare:
                waiting.append(process.pid)
                if not process.ended:
                    found.append(process)
    return found


def _everything() -> Iterator[Process]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            process = look(int(name))
            if process is not None:
                yield process


def send(process: Process, number: int) -> bool:
    """Signal ``process`` unless its id meanwhile names another one; False when it may not be signaled."""
    now = look(process.pid)
    if now is None or now.started != process.started:
        return True
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True


def is_tracker(process: Process) -> bool:
    """Return whether this is a resource tracker, by its command line, which anybody may imitate."""
    try:
        with open(f"/proc/{process.pid}/cmdline", "rb") as file:
            return _TRACKER in file.read(4096)
    except OSError:
        return False


class Hunt:
    """Finds descendants faster than they can fork: after one full look, only at ids given out since.

    The kernel counts process ids upwards and tells the newest (the last field of ``/proc/loadavg``), so a
    process that forks and exits all the time is met within microseconds of its next birth, where a full
    look takes milliseconds. What is in ``last`` is left alone for :data:`TRACKER_GRACE` seconds.
    """

    def __init__(self, spare: Collection[int], last: Collection[Process] = ()) -> None:
        self._spare = spare
        self._last = {(process.pid, process.started) for process in last}
        self._last_until = monotonic() + TRACKER_GRACE
        self._me = os.getpid()
        self._seen = 0
        self._killed: set[tuple[int, int]] = set()

    def kill(self, processes: Iterable[Process]) -> bool:
        """Send SIGKILL to each; False when it was news to none of them and only waiting is left."""
        before = len(self._killed)
        if self._last and monotonic() > self._last_until:
            self._last = set()
        for process in processes:
            known = (process.pid, process.started)
            if known not in self._last and send(process, signal.SIGKILL):
                self._killed.add(known)
        return len(self._killed) > before

    def everything(self) -> list[Process]:
        """Look everywhere; return parents before their children."""
        self._seen = _newest_pid()
        return descendants(self._me, self._spare)

    def newcomers(self) -> Iterator[Process]:
        """Look at the processes born since the last look, the newest first: the others have had time to end."""
        since, self._seen = self._seen, _newest_pid()
        for pid in range(self._seen, max(since, self._seen - _NEWEST), -1):
            process = look(pid)
            if process is not None and self._is_ours(process):
                yield process

    def _is_ours(self, process: Process) -> bool:
        """Climb from ``process`` to this process. Nothing is remembered: ids are given out again."""
        above: Process | None = process
        while above is not None and above.pid > 1 and above.pid not in self._spare:
            if above.parent == self._me:
                return not process.ended
            above = look(above.parent)
        return False


def _newest_pid() -> int:
    with open("/proc/loadavg", "rb") as file:
        return int(file.read().split()[-1])


class Children:
    """Every child of this process, adopted ones included; nobody else in the process may reap.

    ``wait(seconds)`` sleeps until a child may have ended, at most that long. ``spare`` names children
    that are none of our business. ``ended`` keeps the wait status of each child reaped whose id is in
    ``watched``, and what it used: processor seconds, and bytes of memory, read and written.
    """

    def __init__(self, wait: Callable[[float], object], spare: Collection[int] = ()) -> None:
        self._wait = wait
        self.spare = spare
        self.watched: set[int] = set()
        self.ended: dict[int, tuple[int, tuple[float, ...]]] = {}

    def reap(self) -> bool:
        """Collect the children that have ended; False when there is no child any more."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid in self.watched:
                self.watched.remove(pid)
                self.ended[pid] = (status, _measured(usage))

    def left(self) -> bool:
        """Return whether anything below this process, the spared aside, may still live."""
        return self.reap() and (not self.spare or bool(self._all()))

    def end(self, grace: float, patience: float = 0.0) -> list[int]:
        """End everything below this process and return the ids of what could not be ended.

        First ``patience`` seconds in which it may end by itself, then SIGTERM and ``grace`` seconds,
        then SIGKILL until nothing is left, at most :data:`KILL_LIMIT` seconds.
        """
        if self._gone_within(patience):
            return []
        if grace > 0:
            for process in self._all():
                send(process, signal.SIGTERM)
                # A stopped process hears SIGTERM only when it goes on.
                send(process, signal.SIGCONT)
            if self._gone_within(grace):
                return []
        return self._kill()

    def _gone_within(self, seconds: float) -> bool:
        until = monotonic() + seconds
        while self.left():
            rest = until - monotonic()
            if rest <= 0:
                return False
            self._wait(rest)
        return True

    def _kill(self) -> list[int]:
        until = monotonic() + KILL_LIMIT
        hunt = Hunt(self.spare, [process for process in self._all() if is_tracker(process)])
        while self.left():
            if monotonic() > until:
                return [process.pid for process in self._all()]
            # Newcomers die as they are found; only when there is none is it worth looking everywhere.
            if not hunt.kill(hunt.newcomers()) and not hunt.kill(hunt.everything()):
                self._wait(_ROUND)
        return []

    def _all(self) -> list[Process]:
        return descendants(os.getpid(), self.spare)


def _measured(usage: struct_rusage) -> tuple[float, ...]:
    return (
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * _KIBIBYTE,
        usage.ru_inblock * _BLOCK,
        usage.ru_oublock * _BLOCK,
    )
