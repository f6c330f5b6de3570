"""The keeper: a small process of one thread that forks a supervisor for each attempt.

Forking from here takes 1 to 2 ms where a new interpreter takes 10 and more, and is safe where forking
from the runner, with its threads, is not. It never imports user code, so each attempt starts clean.
Requests arrive as one byte with three descriptors; all else travels on the attempt's own lines.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from typing import Final

from framework0.runner.processes.kernel import become_subreaper
from framework0.runner.processes.line import Line
from framework0.runner.processes.supervisor import main as supervise
from framework0.runner.processes.supervisor import report
from framework0.runner.processes.tree import Children
from framework0.runner.processes.wakeup import Wakeup

PYTHON: Final = b"p"
"""Fork for a Python step: what such a step needs is imported first, once, here."""

COMMAND: Final = b"c"
"""Fork for a command, or for a machine's nodes: nothing more is needed."""

DESCRIPTORS: Final = 3
"""What comes with a request: the supervisor's line, the step's line, the log."""

HEARD: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that somebody may send to a whole group or control group; the runner decides, not we."""


def main(descriptor: int) -> None:
    """Serve requests from the socket ``descriptor`` until it ends, then see every attempt off."""
    for number in HEARD:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    become_subreaper()
    with socket.socket(fileno=descriptor) as requests:
        keeper = _Keeper(requests)
        keeper.serve()
    keeper.see_off()


class _Keeper:
    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._wakeup = Wakeup()
        # Supervisors read the end of this pipe when the keeper is gone, however it went.
        self._alive, self._life = os.pipe()
        self._supervisors: set[int] = set()
        self._children = Children(self._wakeup.wait, self._supervisors)
        self._ready_for_python = False

    def serve(self) -> None:
        while True:
            ready = self._wakeup.wait(None, (self._requests,))
            self._reap()
            if ready and not self._request():
                return

    def see_off(self) -> None:
        """Have the supervisors end their steps, and wait for them: the runner is gone or done."""
        os.close(self._life)
        while self._supervisors:
            self._wakeup.wait(None)
            self._reap()
        self._children.end(grace=0.0)

    def _request(self) -> bool:
        """Take one request; False at the end of the line."""
        try:
            kind, descriptors, _, _ = socket.recv_fds(self._requests, 1, DESCRIPTORS)
        except ConnectionError:
            return False
        if not kind:
            return False
        for descriptor in descriptors:
            # What arrives this way would be inherited by every command.
            os.set_inheritable(descriptor, False)
        try:
            if kind == PYTHON and not self._ready_for_python:
                self._prepare()
            self._fork(descriptors)
        # No memory, no process left, or an installation that cannot be imported: the attempt fails with it.
        except Exception as error:  # noqa: BLE001
            _refuse(descriptors[0], error)
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _prepare(self) -> None:
        from framework0.runner.pool.worker import prepare

        prepare()
        # What is here now is shared with every step: a collection there would copy it page by page.
        gc.collect()
        gc.freeze()
        self._ready_for_python = True

    def _fork(self, descriptors: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            self._become_supervisor(descriptors)
        self._supervisors.add(pid)
        self._children.watched.add(pid)

    def _become_supervisor(self, descriptors: list[int]) -> None:
        status = 70
        try:
            self._wakeup.close()
            self._requests.close()
            os.close(self._life)
            status = supervise(descriptors, self._alive)
        finally:
            os._exit(status)

    def _reap(self) -> None:
        self._children.reap()
        ended = self._children.ended
        while ended:
            pid, (status, _) = ended.popitem()
            self._supervisors.discard(pid)
            if status != 0:
                # It was killed, or could not end all of it: its step's orphans are ours now.
                self._children.end(grace=0.0)


def _refuse(descriptor: int, error: Exception) -> None:
    control = Line(socket.socket(fileno=os.dup(descriptor)))
    control.send(report(f"the step's process cannot be started: {error}"))
    control.close()
