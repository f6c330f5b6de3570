"""The runner's end: a keeper started when first needed, and one :class:`Launched` for each attempt."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import RefusedError
from framework0.runner.processes.keeper import COMMAND, DESCRIPTORS, PYTHON
from framework0.runner.processes.line import Line, LineBroken, LineFlooded, pair
from framework0.runner.processes.start import bootstrap, interpreter
from framework0.runner.processes.supervisor import OVERDUE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CLOSE_LIMIT: Final = 6.0
"""Seconds to wait for the keeper's end: grace and kill rounds of the last attempts, and a margin."""


class Keeper:
    """Starts attempts in processes of their own. Thread-safe; the process appears at the first one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: Line | None = None

    def launch(self, request: Mapping[str, Any], job: Any, log: int) -> Launched:
        """Start one attempt as ``request`` says; ``job`` is the first message on the step's line.

        Raises OSError when no process or descriptor is to be had, ValueError when ``job`` is too large.
        """
        control, line = self.open(request, log)
        if request.get("sandbox"):
            line.allowance = request["sandbox"]["line"]
        return Launched(control, line, job)

    def open(self, request: Mapping[str, Any], log: int) -> tuple[Line, Line]:
        """Start a process as ``request`` says; return the lines to its supervisor and to itself.

        Raises OSError when no process or descriptor is to be had.
        """
        kind = COMMAND if request["command"] is not None or request.get("machine") else PYTHON
        with ExitStack() as ours:
            control, control_end = pair()
            ours.callback(control.close)
            with control_end:
                line, line_end = pair()
                ours.callback(line.close)
                with line_end:
                    self._ask(kind, [control_end.fileno(), line_end.fileno(), log])
            # Copies of the other ends are with the keeper by now; ours being closed, their end shows here.
            control.send(request)
            ours.pop_all()
            return control, line

    def close(self) -> None:
        """End the keeper, and with it whatever is still running."""
        with self._lock:
            process, self._process = self._process, None
            if self._requests is not None:
                self._requests.close()
                self._requests = None
        if process is not None:
            try:
                process.wait(CLOSE_LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def pid(self) -> int | None:
        """Return the keeper's process id, None before the first attempt and after closing."""
        return None if self._process is None else self._process.pid

    def _ask(self, kind: bytes, descriptors: list[int]) -> None:
        with self._lock:
            if self._requests is None:
                self._start()
            try:
                self._send(kind, descriptors)
            except ConnectionError:
                # Somebody killed it. Its supervisors end with it; this attempt gets a new one.
                self._start()
                self._send(kind, descriptors)

    def _send(self, kind: bytes, descriptors: list[int]) -> None:
        assert self._requests is not None
        assert len(descriptors) == DESCRIPTORS
        with socket.socket(fileno=os.dup(self._requests.fileno())) as requests:
            socket.send_fds(requests, [kind], descriptors)

    def _start(self) -> None:
        if os.name != "posix":
            raise RefusedError(
                "steps in processes of their own need Linux here: on Windows say `executor: thread` "
                "and use no timeout, or run in WSL"
            )
        if self._process is not None:
            self._process.wait()
        if self._requests is not None:
            self._requests.close()
        requests, theirs = pair()
        with ExitStack() as ours, theirs:
            ours.callback(requests.close)
            self._process = subprocess.Popen(  # noqa: S603
                [*interpreter(), bootstrap("processes.keeper", sys.path, theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
            ours.pop_all()
        self._requests = requests


class Launched:
    """One attempt under way, as the runner holds it."""

    def __init__(self, control: Line, line: Line, job: Any) -> None:
        self._control = control
        self._line = line
        self._job = job
        self._stopping = Lock()
        self._closed = False

    def stop(self) -> None:
        """Have the supervisor end the step's whole tree; the report follows. May be called again."""
        with self._stopping:
            if not self._closed:
                try:
                    self._control.send("stop")
                # It has just ended by itself.
                except OSError:
                    return

    def watch(self, hear: Callable[[Any], Any], overdue: Callable[[], None]) -> Mapping[str, Any]:
        """Wait for the attempt's end and return the supervisor's report.

        ``hear(message)`` gets each message of the step, in order; what it returns, unless None, is
        sent back. ``overdue()`` is called when its timeout is over and it is being ended. Raises
        LineBroken when the supervisor itself was killed.
        """
        try:
            self._open_line()
            poll = select.poll()
            poll.register(self._control, select.POLLIN)
            poll.register(self._line, select.POLLIN)
            while True:
                ready = [descriptor for descriptor, _ in poll.poll()]
                if self._line.fileno() in ready and not self._hear_one(hear):
                    poll.unregister(self._line)
                elif self._control.fileno() in ready:
                    told = self._control.receive()
                    if told != OVERDUE:
                        return self._last_words(told, hear)
                    overdue()
        finally:
            with self._stopping:
                self._closed = True
                self._control.close()
            self._line.close()

    def _open_line(self) -> None:
        try:
            self._line.send(self._job)
        # The step died before it read anything: the report says how.
        except OSError:
            return

    def _hear_one(self, hear: Callable[[Any], Any]) -> bool:
        try:
            message = self._line.receive()
            if message is None:
                return False
            answer = hear(message)
            if answer is not None:
                self._line.send(answer)
        except LineFlooded:
            hear(["flooded"])
            self.stop()
            return False
        # The step died in the middle of a word; whatever it was, its end is what counts.
        except OSError:
            return False
        return True

    def _last_words(
        self, report: Mapping[str, Any] | None, hear: Callable[[Any], Any]
    ) -> Mapping[str, Any]:
        if report is None:
            raise LineBroken("the supervisor of the step was killed")
        # Everything below the supervisor has ended, so what it said is all there.
        poll = select.poll()
        poll.register(self._line, select.POLLIN)
        while poll.poll(0) and self._hear_one(hear):
            continue
        return report
