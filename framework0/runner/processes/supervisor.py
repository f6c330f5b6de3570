"""The supervisor of one attempt: starts the step, ends it and all below it, reports how it ended.

It waits for four things at once: the step's end, the runner's word to stop, the timeout, and the
death of the runner or the keeper. Whichever comes first, it does not end before the last process of
the step has. A timeout is kept here and not in the runner, where a step in a thread may hold the
interpreter.
"""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from framework0.runner.processes.deadline import KeptDeadline
from framework0.runner.processes.kernel import become_subreaper
from framework0.runner.processes.line import Line
from framework0.runner.processes.memory import OVER_MEMORY, MemoryWatch
from framework0.runner.processes.start import become_the_step
from framework0.runner.processes.tail import Budget, Tail
from framework0.runner.processes.tree import LEFTOVER_GRACE, TERM_GRACE, Children
from framework0.runner.processes.wakeup import Wakeup

OVERDUE: Final = "overdue"
STOPPED: Final = "stopped"
ABANDONED: Final = "abandoned"

MEASURED: Final = ("cpu_seconds", "peak_memory", "read_bytes", "written_bytes")
"""What the report says of the step's process and those it waited for, by the names of an outcome's fields."""


def main(descriptors: list[int], alive: int) -> int:
    """Run one attempt as asked on the control line; return this process's exit status.

    It is not 0 when something of the step is left for the keeper to go on with.
    """
    become_subreaper()
    control, line, log = Line(socket.socket(fileno=descriptors[0])), descriptors[1], descriptors[2]
    request = control.receive()
    if request is None:
        return 0
    sandbox = _furnished(request)
    budget = Budget(sandbox["log"]) if sandbox else None
    tail = Tail(log, budget) if sandbox or request["command"] is not None else None
    # What is not trusted gets no descriptor of a file.
    errors = Tail(log, budget) if sandbox else None
    kept = KeptDeadline() if request.get("pool") or request.get("machine") else None
    wakeup = Wakeup()
    parent = os.getpid()
    # A word to stop that comes before the step can hear it must wait for it, not be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    started = monotonic()
    pid = os.fork()
    if pid == 0:
        wakeup.close()
        control.close()
        os.close(alive)
        if kept is not None:
            kept.close()
            request["deadlines"] = kept.worker_end.detach()
        become_the_step(
            request,
            parent,
            line,
            log if errors is None else errors.write_end,
            None if tail is None else tail.write_end,
        )
    os.close(line)
    if kept is not None:
        kept.opened()
    if tail is not None:
        tail.opened()
    if errors is not None:
        errors.opened()
    attempt = _Attempt(pid, control, alive, wakeup, tail, kept)
    attempt.errors = errors
    if request.get("memory"):
        attempt.memory = MemoryWatch(request["memory"])
    ended = attempt.watch(None if request["timeout"] is None else started + request["timeout"])
    ended["seconds"] = monotonic() - started
    _clear(sandbox)
    if attempt.memory is not None:
        attempt.memory.add_to(ended)
    try:
        control.send(ended)
    # The runner is gone; there is nobody left to tell.
    except OSError:
        return 0
    return 1 if ended["survivors"] else 0


def _furnished(request: dict[str, Any]) -> Any:
    """Return the walls around a step nobody trusts, None for others."""
    if not request.get("sandbox"):
        return None
    from framework0.runner.sandbox.scratch import with_own_folder

    request["sandbox"] = with_own_folder(request["sandbox"])
    return request["sandbox"]


def _clear(sandbox: Any) -> None:
    """Remove what was made for a step nobody trusts."""
    if sandbox:
        from framework0.runner.sandbox.scratch import remove_own_folder

        remove_own_folder(sandbox)


def report(why: str, **facts: Any) -> dict[str, Any]:
    """Return what the runner is told; ``why`` is empty when the step ended by itself."""
    nothing = {"code": 0, **dict.fromkeys(MEASURED, 0), "survivors": [], "stdout": ""}
    return {"why": why, "seconds": 0.0, **nothing, **facts}


class _Attempt:
    def __init__(
        self,
        pid: int,
        control: Line,
        alive: int,
        wakeup: Wakeup,
        tail: Tail | None,
        kept: KeptDeadline | None,
    ) -> None:
        self._pid = pid
        self._control = control
        self._alive = alive
        self._wakeup = wakeup
        self._tail = tail
        self._kept = kept
        self.errors: Tail | None = None
        self.memory: MemoryWatch | None = None
        self._deadline: float | None = None
        self._silent: set[Any] = set()
        self._children = Children(self._wait_ending)
        self._children.watched.add(pid)

    def watch(self, deadline: float | None) -> dict[str, Any]:
        """Wait for the step's end or bring it about; return the report for the runner."""
        why = ""
        self._deadline = deadline
        while self._pid not in self._children.ended and not why:
            rest = None if self._deadline is None else self._deadline - monotonic()
            why = self._wait(rest) if rest is None or rest > 0 else self._overdue()
            self._children.reap()
        if why == OVERDUE:
            # People are told now; that it has timed out is true only when all of it is gone.
            with suppress(OSError):
                self._control.send(OVERDUE)
        survivors = self._end(why)
        if self._tail is not None:
            self._tail.read_all()
        if self.errors is not None:
            self.errors.read_all()
        status, measured = self._children.ended.get(self._pid, (signal.SIGKILL, ()))
        return report(
            why,
            code=os.waitstatus_to_exitcode(status),
            **dict(zip(MEASURED, measured, strict=False)),
            survivors=survivors,
            stdout="" if self._tail is None else self._tail.text(),
        )

    def _overdue(self) -> str:
        """Return that it is too late, unless the worker has said otherwise just in time."""
        if self._kept is None:
            return OVERDUE
        before = self._deadline
        heard = self._wait(0.0)
        if heard or self._deadline != before:
            return heard
        self._kept.close()
        self._kept = None
        return OVERDUE

    def _end(self, why: str) -> list[int]:
        if why in (ABANDONED, OVER_MEMORY):
            # What takes too much memory would take more in its time of grace.
            return self._children.end(grace=0.0)
        try:
            return self._children.end(TERM_GRACE, patience=0.0 if why else LEFTOVER_GRACE)
        except _AtOnce:
            return self._children.end(grace=0.0)

    def _wait_ending(self, seconds: float) -> None:
        if self._wait(seconds):
            raise _AtOnce

    def _wait(self, seconds: float | None) -> str:
        """Wait for a child's end or a word to stop, copying output meanwhile; return what was heard."""
        if self.memory is not None:
            seconds = self.memory.until_next_look(seconds)
        files: list[Any] = [
            file for file in (self._control, self._alive) if file not in self._silent
        ]
        reading = self._tail if self._tail is not None and self._tail.is_open else None
        if reading is not None:
            files.append(reading)
        errors = self.errors if self.errors is not None and self.errors.is_open else None
        if errors is not None:
            files.append(errors)
        kept = self._kept
        if kept is not None:
            files.append(kept)
        ready = self._wakeup.wait(seconds, tuple(files))
        if reading is not None and reading.fileno() in ready:
            reading.read()
        if errors is not None and errors.fileno() in ready:
            errors.read()
        if kept is not None and kept.fileno() in ready:
            self._hear_deadline(kept)
        if self._control.fileno() in ready:
            if self._control.receive() is not None:
                return STOPPED
            self._silent.add(self._control)
            return ABANDONED
        if self._alive in ready:
            self._silent.add(self._alive)
            return ABANDONED
        return "" if self.memory is None else self.memory.look()

    def _hear_deadline(self, kept: KeptDeadline) -> None:
        try:
            self._deadline = kept.hear()
        # The worker has ended, or closed what it did not know: its jobs have no deadlines any more.
        except (OSError, EOFError):
            self._kept = None


class _AtOnce(Exception):
    """Heard while the step has its grace: a second word to stop, or the runner's death."""
