"""Calls a machine's nodes in a process of their own, which can be ended with all that they start.

One process serves one call after another, so a library is imported once. When a call has run longer
than it may, was told to stop, or has ended its process, the next one gets a new process. How such a
process is started and ended is told in :mod:`framework0.runner.processes`.
"""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from time import monotonic

from framework0.errors import Framework0Error, WorkspaceError
from framework0.runner.machines.traveling import answer_from, error_from, facts_from
from framework0.runner.processes.ends import how_ended
from framework0.runner.processes.launch import Keeper
from framework0.runner.processes.line import LineBroken
from framework0.runner.processes.supervisor import ABANDONED, OVERDUE, STOPPED
from framework0.runner.seams import Flag
from framework0.stepengine import Answer, Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any, Final

    from framework0.runner.processes.line import Line
    from framework0.stepengine import Call, NodeFacts

_CHUNK: Final = 64 * 1024

SEE_OFF: Final = 1.5
"""Seconds in which the process of the nodes may end by itself once nothing is asked any more."""


class ProcessHost:
    """Implements :class:`framework0.stepengine.Host`; one thread calls, another may :meth:`stop`.

    ``library`` is the folder of the nodes' files; ``instance`` becomes the current folder of their
    process. ``printed`` is given what they, and what they start, print, as bytes, in order. ``env`` has
    further environment variables for the process.
    """

    def __init__(
        self,
        library: Path,
        instance: Path,
        *,
        verbose: bool = False,
        printed: Callable[[bytes], None] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._start = {
            "library": str(library),
            "instance": str(instance),
            "verbose": verbose,
        }
        self._env = dict(env or {})
        self._path = list(sys.path)
        self._printed = printed
        self._keeper = Keeper()
        self._process: _Process | None = None
        self._stopped = Flag()

    def describe(self) -> list[NodeFacts]:
        """Import the library, and say what its nodes are.

        Raises :class:`~framework0.errors.LibraryError` with every problem that was found, and
        :class:`~framework0.errors.WorkspaceError` when the process ended instead, or none is to be had.
        """
        word, told = self._ask(["describe"])
        if word == "problems":
            raise error_from(told)
        if word != "facts":
            raise Framework0Error(
                f"the library {self._start['library']} could not be imported: {told.message}"
            )
        return [facts_from(each) for each in told]

    def call(self, call: Call) -> Answer:
        """Make a call and wait for its end.

        Raises :class:`~framework0.errors.LibraryError` when it needs a new process, and the library has
        become wrong.
        """
        started = monotonic()
        if self._stopped.is_set():
            return Answer(fault=_cancelled())
        word, told = self._ask(["call", list(call)], call.timeout)
        if word == "answer":
            answer = answer_from(told)
            if answer.fault is not None and self._stopped.is_set():
                # It ended because it was told to, whatever it made of that.
                return answer._replace(fault=_cancelled())
            return answer
        if word == "problems":
            raise error_from(told)
        return Answer(fault=told, seconds=monotonic() - started)

    def stop(self) -> None:
        """End the call that is going on, with all that the nodes have started; none follows.

        May be called from a signal handler, and again: then nothing gets any more time.
        """
        self._stopped.set()
        process = self._process
        if process is not None:
            process.stop()

    def close(self) -> None:
        """End the process of the nodes and what they have left running; returns when it is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.see_off()
        self._keeper.close()

    def _ask(self, question: list[Any], timeout: float | None = None) -> tuple[str, Any]:
        """Ask the process, a new one if need be; return its answer, or ``gone`` and the fault."""
        try:
            if self._process is None:
                self._process = self._begun()
                if self._stopped.is_set():
                    # The word to stop came before there was anybody to hear it.
                    self._process.stop()
            process = self._process
            answer = process.ask(question)
        except OSError as error:
            raise WorkspaceError(
                f"the process of the nodes cannot be started: {error.strerror or error}"
            ) from error
        if answer is not None:
            if self._stopped.is_set():
                # It has answered in its time of grace; it is over when all that it started is gone.
                process.await_end()
            return answer[0], answer[1]
        self._process = None
        process.close()
        return "gone", process.refused or self._fault(process.report, timeout)

    def _begun(self) -> _Process:
        request = {
            "command": None,
            "machine": True,
            "env": {**os.environ, **self._env},
            "own_env": [],
            "cwd": self._start["instance"],
            "timeout": None,
            "path": self._path,
            "python": [],
        }
        read, write = os.pipe()
        try:
            control, line = self._keeper.open(request, write)
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        process = _Process(control, line, read, self._printed)
        process.begin(self._start)
        return process

    def _fault(self, report: Mapping[str, Any] | None, timeout: float | None) -> Fault:
        if report is None:
            return Fault(
                "died", "the supervisor of the nodes' process was killed: resume the machine"
            )
        why = report["why"]
        if why == OVERDUE:
            fault = Fault("timeout", f"ran longer than its timeout of {timeout or 0:g} s")
        elif why == STOPPED or self._stopped.is_set():
            fault = _cancelled()
        elif why == ABANDONED:
            fault = Fault(
                "died", "the keeper of the nodes' process was killed, and the node with it"
            )
        elif why:
            fault = Fault("died", why)
        else:
            fault = Fault("died", f"its process {how_ended(report['code'])}")
        if report["survivors"]:
            pids = ", ".join(map(str, report["survivors"]))
            text = f"{fault.message}; process {pids}, which it started, could not be ended"
            fault = fault._replace(message=text)
        return fault


def _cancelled() -> Fault:
    return Fault("cancelled", "the machine was told to stop")


class _Process:
    """One process of the nodes: the lines to it and to its supervisor, and the pipe it prints to."""

    def __init__(
        self, control: Line, line: Line, output: int, printed: Callable[[bytes], None] | None
    ) -> None:
        self.report: Mapping[str, Any] | None = None
        self.refused: Fault | None = None
        self._control = control
        self._line = line
        self._output = output
        self._printed = printed
        self._open = True
        os.set_blocking(output, False)

    def begin(self, start: Mapping[str, Any]) -> None:
        # If it died before it read anything, what it is asked next finds out how.
        with suppress(OSError):
            self._line.send(start)

    def stop(self) -> None:
        # It may just have ended by itself.
        with suppress(OSError):
            self._control.send("stop")

    def ask(self, question: list[Any]) -> list[Any] | None:
        """Return the answer, None when the process has ended instead; then ``report`` says how."""
        # If it has ended since the last answer, the report says how.
        with suppress(OSError):
            self._line.send(question)
        answer = self._heard()
        self._take_output()
        return answer

    def await_end(self) -> None:
        """Wait until the supervisor, which was told to stop, has ended everything."""
        poll = self._polled(self._control)
        while self.report is None:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._output in ready and not self._take_output():
                poll.unregister(self._output)
            if self._control.fileno() in ready and self._is_over():
                self.report = self.report or {}

    def see_off(self) -> None:
        """Let the process end by itself, and have its supervisor end what is left."""
        self._line.close()
        until = monotonic() + SEE_OFF
        poll = self._polled(self._control)
        while self.report is None and (rest := until - monotonic()) > 0:
            ready = [descriptor for descriptor, _ in poll.poll(int(rest * 1000) + 1)]
            if self._output in ready and not self._take_output():
                poll.unregister(self._output)
            if self._control.fileno() in ready and self._is_over():
                self.report = self.report or {}
        self._take_output()
        self.close()

    def close(self) -> None:
        self._line.close()
        self._control.close()
        if self._open:
            self._open = False
            os.close(self._output)

    def _polled(self, *lines: Line) -> select.poll:
        poll = select.poll()
        for line in lines:
            poll.register(line, select.POLLIN)
        poll.register(self._output, select.POLLIN)
        return poll

    def _heard(self) -> list[Any] | None:
        poll = self._polled(self._control, self._line)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._output in ready and not self._take_output():
                # Everybody who could print has ended: the rest comes soon.
                poll.unregister(self._output)
            if self._line.fileno() in ready:
                answer = self._answered()
                if answer is not None:
                    return answer
                poll.unregister(self._line)
            elif self._control.fileno() in ready and self._is_over():
                return None

    def _answered(self) -> list[Any] | None:
        try:
            answer: list[Any] | None = self._line.receive()
        # It died in the middle of a word: its end is what counts.
        except OSError:
            return None
        if answer is not None and answer[0] == "refused":
            self.refused = Fault("died", answer[2])
            return None
        return answer

    def _is_over(self) -> bool:
        """Take a word of the supervisor; True when that was its last, and ``report`` is what it said."""
        try:
            told = self._control.receive()
        except LineBroken:
            told = None
        if told == OVERDUE:
            # A call has no record of its own: it is told when it is over.
            return False
        self.report = told
        return True

    def _take_output(self) -> bool:
        """Hand on what was printed so far; False when nobody is left who could print."""
        while self._open:
            try:
                part = os.read(self._output, _CHUNK)
            except BlockingIOError:
                return True
            if not part:
                return False
            if self._printed is not None:
                self._printed(part)
        return False
