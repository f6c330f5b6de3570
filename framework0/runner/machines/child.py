"""The process of a machine's nodes: imports the library once, and makes one call after another.

It is started like the process of a step (:mod:`framework0.runner.processes`), in the folder of the
instance, so whatever a node does or starts is ended with it. All of it happens in the main thread.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from time import monotonic

from framework0.errors import LibraryError, StepCancelled
from framework0.runner.machines.traveling import call_from, told_answer, told_facts, told_problems
from framework0.runner.processes.deadline import Deadline
from framework0.runner.processes.leaving import end_process, flush_streams, text_stream
from framework0.runner.processes.line import Line
from framework0.stepengine import Answer, Call, Fault, InProcessHost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, NoReturn


def main(descriptor: int, deadlines: int) -> NoReturn:
    """Serve the engine at the other end of the socket ``descriptor`` until it has no more to ask."""
    os.set_inheritable(descriptor, False)
    line = Line(socket.socket(fileno=descriptor))
    sys.stdout = text_stream(1)
    sys.stderr = text_stream(2)
    signal.signal(signal.SIGTERM, _stop)
    try:
        start = line.receive()
        if start is not None:
            _Nodes(start, line, Deadline(deadlines)).serve()
    # Told to stop between two calls: nothing is lost.
    except StepCancelled:
        pass
    end_process()


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Once is enough: finally blocks must not be torn apart by a second one.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise StepCancelled("the machine was told to stop")


class _Nodes:
    def __init__(self, start: dict[str, Any], line: Line, deadline: Deadline) -> None:
        instance = Path(start["instance"])
        sys.argv = [instance.name]
        self._host = InProcessHost(Path(start["library"]), instance, verbose=start["verbose"])
        self._line = line
        self._deadline = deadline
        self._owner = os.getpid()
        self._loaded = False

    def serve(self) -> None:
        """Answer until nobody asks any more, or a call has come to its end too late."""
        while True:
            asked = self._line.receive()
            if asked is None:
                return
            # A process that takes the place of one that was ended has not imported anything yet.
            described = ("", None) if self._loaded else self._described()
            if asked[0] == "describe" or described[0] == "problems":
                self._say(*described)
                continue
            call = call_from(asked[1])
            answer = self._answered(call)
            if answer is None:
                return
            self._tell(answer)

    def _described(self) -> tuple[str, Any]:
        try:
            facts = [told_facts(node) for node in self._host.describe()]
        except LibraryError as error:
            return "problems", told_problems(error)
        except StepCancelled:
            raise
        # Whatever it is, it ends this process before there is a record that could show why.
        except Exception as error:
            self._line.send(["refused", type(error).__name__, f"{type(error).__name__}: {error}"])
            raise
        self._loaded = True
        return "facts", facts

    def _answered(self, call: Call) -> Answer | None:
        """Make a call; None when it has ended too late, and this process is being ended."""
        if call.timeout is not None:
            self._deadline.set(monotonic() + call.timeout)
        answer = self._made(call)
        if os.getpid() != self._owner:
            # A fork that came back out of the node: it is the node's child, and its work is done.
            end_process()
        flush_streams()
        if call.timeout is not None and not self._deadline.clear():
            return None
        return answer

    def _made(self, call: Call) -> Answer:
        try:
            return self._host.call(call)
        # The boundary to user code: a node may raise anything, and a stop may come at any moment.
        except BaseException as error:  # noqa: BLE001
            return Answer(fault=Fault(type(error).__name__, str(error)))

    def _tell(self, answer: Answer) -> None:
        try:
            self._say("answer", told_answer(answer))
        except (TypeError, ValueError) as error:
            fault = Fault("return", f"what the method returned cannot leave its process: {error}")
            self._say("answer", told_answer(Answer(None, fault, answer.seconds)))

    def _say(self, word: str, told: Any) -> None:
        flush_streams()
        self._line.send([word, told])
