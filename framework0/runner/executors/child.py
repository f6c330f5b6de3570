"""A Python step in its own process: reads the job, performs it, sends the outcome, ends.

Nothing of the user's runs before the job is read, and nothing outlives the outcome for longer than
:data:`EXIT_LIMIT`.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from framework0 import errors
from framework0.context import check_json
from framework0.errors import (
    ContextError,
    Framework0Error,
    ScriptletError,
    StepCancelled,
    ValueRefused,
)
from framework0.logs import bind
from framework0.recipe import Policy, Step
from framework0.runner.invoke import Target, ended_by
from framework0.runner.invoke import perform as perform_job
from framework0.runner.processes.leaving import end_process, flush_streams, text_stream
from framework0.runner.processes.line import Line
from framework0.runner.seams import FAILED, Failure, Job, Outcome
from framework0.scriptlets import UserCode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType


class Asks(Protocol):
    """The way to the runner and back."""

    def send(self, message: Any) -> None:
        """Say something."""

    def receive(self) -> Any:
        """Wait for the answer, None when nobody is there any more."""


class RemoteContext:
    """The context as the step sees it: each call is one question to the runner and its answer.

    Calls from several threads of the step take turns, so reads and writes keep their order. Processes
    that the step starts cannot use it: their words would mix with its own.
    """

    def __init__(self, line: Asks) -> None:
        self._line = line
        self._lock = Lock()
        self._owner = os.getpid()

    # The words are those of the context itself.
    def get(self, key: str, default: Any = None, *, type: Any = None) -> Any:  # noqa: A002
        """Return the value of ``key``, as a ``type`` if one is given, or ``default``."""
        found, value = self._ask("get", key)
        if not found or type is None:
            return value if found else default
        from framework0.context import read_as

        return read_as(value, type, key)

    def set(self, key: str, value: Any, *, ttl: float | None = None) -> int:
        """Set ``key`` and return the version of the change; raises ValueRefused for what is not JSON."""
        check_json(value)
        lasting = () if ttl is None else (ttl,)
        return int(self._ask("set", key, value, *lasting))

    def delete(self, key: str) -> bool:
        """Remove ``key``; False when it was not there."""
        return bool(self._ask("delete", key))

    def keys(self, pattern: str = "**") -> list[str]:
        """Return the present keys that match, sorted."""
        return list(self._ask("keys", pattern))

    def tell(self, *message: Any) -> None:
        """Say something that needs no answer."""
        with self._lock:
            self._line.send(message)

    def _ask(self, *question: Any) -> Any:
        if os.getpid() != self._owner:
            raise ContextError(
                "the context was used by a process that the step started; only the step itself can: "
                "hand the value back to it"
            )
        with self._lock:
            self._line.send(question)
            answer = self._line.receive()
        if answer is None:
            raise ContextError("the runner is gone; this step is being ended")
        if "error" in answer:
            raise _as_raised(answer)
        return answer["value"]


def _as_raised(answer: Mapping[str, Any]) -> Framework0Error:
    """Return the error that the runner met, of the same class where one text is all it takes."""
    kind = getattr(errors, answer["error"], ContextError)
    if kind is ValueRefused:
        return ValueRefused(answer["message"], path=answer["path"])
    try:
        error: Framework0Error = kind(answer["message"])
    except TypeError:
        return ContextError(answer["message"])
    return error


def prepare() -> None:
    """Load, in the keeper, what nearly every step needs, so that no step has to."""
    # The first scriptlet loads these, and so would the first failure; neither is our concern by name.

    with UserCode(()) as code:
        Target(code.target("json", "dumps"))


def main(descriptor: int) -> NoReturn:
    """Perform the one job that comes on the socket ``descriptor``, and end the process."""
    line = Line(socket.socket(fileno=descriptor))
    os.set_inheritable(descriptor, False)
    message = line.receive()
    if message is not None:
        context = RemoteContext(line)
        outcome = _perform(message, context)
        flush_streams()
        context.tell("outcome", *outcome)
    end_process()


def _perform(message: Mapping[str, Any], context: RemoteContext) -> Outcome:
    job = _job(message, context)
    _listen_for_stop(job)
    sys.stdout = text_stream(1)
    sys.stderr = text_stream(2)
    sys.argv = [job.name]
    try:
        with UserCode(message["roots"]) as code, bind(None, job.run_id, job.name, job.attempt):
            return _checked(perform_job(job, _target(code, job.step)))
    except ScriptletError as error:
        # Its text has file and line of the user's code; the traceback would be ours.
        return Outcome(
            FAILED, None, Failure(f"framework0.errors.{type(error).__name__}", str(error))
        )
    # Importing user code runs it: what it raises, and a stop meanwhile, is the outcome of the attempt.
    except BaseException as error:  # noqa: BLE001
        return ended_by(error, 0.0, 0.0)


def _job(message: Mapping[str, Any], context: RemoteContext) -> Job:
    policy = Policy(success_keys=tuple(message["success_keys"]))
    step = Step(
        message["step"],
        0,
        kind=message["kind"],
        module=message["module"],
        function=message["function"],
        policy=policy,
    )
    job = Job(message["run"], message["node"], message["name"], step, message["attempt"])
    job.args = message["args"]
    job.context = context
    job.progress = lambda done, total: context.tell("progress", done, total)
    return job


def _target(code: UserCode, step: Step) -> Target:
    if step.kind == "python":
        return Target(code.target(step.module, step.function))
    from framework0.scriptlets import get_scriptlet

    return Target(get_scriptlet(step.kind))


def _listen_for_stop(job: Job) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        # Once is enough: teardown and finally blocks must not be torn apart by a second one.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        job.cancelled.set()
        raise StepCancelled("the step was told to stop")

    signal.signal(signal.SIGTERM, stop)


def _checked(outcome: Outcome) -> Outcome:
    """Return the outcome, failed if its result cannot leave this process."""
    try:
        check_json(outcome.result)
    except ValueRefused as refused:
        failure = outcome.failure or Failure(
            "result", f"the result cannot leave the step's process: {refused}"
        )
        return outcome._replace(state=FAILED, result=None, failure=failure)
    return outcome
