"""The process executor: a fresh process for each attempt, a real timeout, the whole tree ended.

Python steps, and commands of ``type: shell``. What a step does to its process (folder, environment,
signal handlers, crashes, memory) ends with it.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final, cast

from framework0.errors import Framework0Error, ValueRefused
from framework0.runner.processes.launch import Keeper
from framework0.runner.processes.line import LineBroken
from framework0.runner.processes.start import interpreter
from framework0.runner.processes.supervisor import ABANDONED, OVERDUE, STOPPED
from framework0.runner.seams import CANCELLED, FAILED, SUCCEEDED, TIMED_OUT, Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from framework0.runner.processes.launch import Launched
    from framework0.runner.seams import Job

    Report = Callable[[Job, Outcome], Job | None]

_MISSING: Final = object()

_REASONS: Final = {
    ABANDONED: "the keeper of the steps' processes was killed, and the step with it: run it again"
}


class ProcessExecutor:
    """Runs each attempt in a process of its own, under a supervisor that adopts all it starts.

    ``roots`` are the folders in which user code is looked up. A step's processor time and peak memory
    are those of its process and of the children it waited for.
    """

    name = "process"

    def __init__(self, roots: Sequence[str | os.PathLike[str]] = ()) -> None:
        self._roots = [os.fspath(root) for root in roots]
        self._path = list(sys.path)
        self._folder = str(Path.cwd())
        self._keeper = Keeper()
        self._lock = Lock()
        self._running: dict[int, _Attempt] = {}
        self._python: list[str] = []

    def submit(self, job: Job, report: Report) -> None:
        """Start ``job`` now, in a thread that waits for its end."""
        attempt = _Attempt(job)
        with self._lock:
            self._running[id(job)] = attempt
        Thread(
            target=self._work, args=(attempt, report), name=f"step {job.name}", daemon=True
        ).start()

    def stop(self, job: Job, reason: str) -> bool:
        """End the job's whole process tree: SIGTERM, a second later SIGKILL; the report follows.

        False when the job is not running here (it has already ended).
        """
        job.cancelled.set()
        with self._lock:
            attempt = self._running.get(id(job))
        if attempt is None:
            return False
        attempt.stop(reason)
        return True

    def close(self) -> None:
        """End the keeper and whatever still runs below it; returns when all of it is gone."""
        self._keeper.close()

    def _work(self, attempt: _Attempt, report: Report) -> None:
        while True:
            outcome = self._run(attempt)
            with self._lock:
                del self._running[id(attempt.job)]
            following = report(attempt.job, outcome)
            if following is None:
                return
            attempt = _Attempt(following)
            with self._lock:
                self._running[id(following)] = attempt

    def _run(self, attempt: _Attempt) -> Outcome:
        job = attempt.job
        log = -1
        try:
            log = os.open(os.devnull, os.O_WRONLY) if job.log is None else job.log.fileno()
            launched = self._keeper.launch(self._request(job), self._message(job), log)
            if not attempt.begin(launched):
                launched.stop()
            return attempt.judge(launched.watch(attempt.hear))
        except LineBroken as error:
            return _failed("exit", f"{error}: run the step again")
        except (OSError, ValueError, Framework0Error) as error:
            return _failed(type(error).__name__, f"the step's process cannot be started: {error}")
        finally:
            if job.log is None and log >= 0:
                os.close(log)

    def _request(self, job: Job) -> dict[str, Any]:
        """Return what the supervisor must know."""
        if not self._python:
            self._python = interpreter()
        command = job.command
        return {
            "command": command if command is None or isinstance(command, str) else list(command),
            "env": {**os.environ, **job.env},
            "own_env": list(job.env),
            "cwd": job.cwd if job.cwd is not None else self._folder,
            "timeout": job.timeout,
            "path": self._path,
            "python": self._python,
        }

    def _message(self, job: Job) -> dict[str, Any]:
        """Return what the step itself must know."""
        step, args = job.step, cast("Any", job.args)
        return {
            "run": job.run_id,
            "node": job.node,
            "name": job.name,
            "attempt": job.attempt,
            "step": step.name,
            "kind": step.kind,
            "module": step.module,
            "function": step.function,
            "args": dict(args) if hasattr(args, "items") else args,
            "success_keys": step.policy.success_keys,
            "roots": self._roots,
        }


class _Attempt:
    """One attempt as the executor follows it: what its process says and how it ends."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._lock = Lock()
        self._launched: Launched | None = None
        self._stopped = ""
        self._outcome: Outcome | None = None
        self._refused: Failure | None = None

    def begin(self, launched: Launched) -> bool:
        """Note the running process; False when the attempt was stopped before it existed."""
        with self._lock:
            self._launched = launched
            return not self._stopped

    def stop(self, reason: str) -> None:
        """End it; ``reason`` becomes the state of its outcome."""
        with self._lock:
            self._stopped = self._stopped or reason
            if self._launched is not None:
                self._launched.stop()

    def hear(self, message: Sequence[Any]) -> Any:
        """Take one message of the step's process; return the answer, None when none is expected."""
        word, rest = message[0], list(message[1:])
        if word == "outcome":
            state, result, failure, *figures = rest
            self._outcome = Outcome(state, result, _failure(failure), *figures)
        elif word == "refused":
            kind, message = rest
            self._refused = Failure(str(kind), str(message))
        elif word == "progress":
            if self.job.progress is not None:
                self.job.progress(*rest)
        else:
            return self._answer(word, rest)
        return None

    def _answer(self, word: str, question: list[Any]) -> dict[str, Any]:
        context = self.job.context
        try:
            if context is None:
                return {"error": "ContextError", "message": "this run has no context"}
            if word == "get":
                value = context.get(question[0], _MISSING)
                return {"value": [False, None] if value is _MISSING else [True, value]}
            return {"value": getattr(context, word)(*question)}
        # The step called it and gets the error, as it would from the context itself.
        except (Framework0Error, TypeError, ValueError) as error:
            answer = {"error": type(error).__name__, "message": str(error)}
            if isinstance(error, ValueRefused):
                answer["path"] = error.path
            return answer

    def judge(self, report: Mapping[str, Any]) -> Outcome:
        """Return the outcome, from what the step said and what its supervisor reports."""
        outcome = self._ended(report)
        if report["survivors"]:
            outcome = _with_survivors(outcome, report["survivors"])
        return outcome._replace(
            seconds=report["seconds"],
            cpu_seconds=report["cpu_seconds"],
            peak_memory=report["peak_memory"],
        )

    def _ended(self, report: Mapping[str, Any]) -> Outcome:
        why = report["why"]
        if why == OVERDUE:
            text = f"ran longer than its timeout of {self.job.timeout:g} s"
            return Outcome(TIMED_OUT, None, Failure("timeout", text))
        if why == STOPPED:
            return self._ended_by_stop()
        if why:
            # The supervisor's own word: the keeper was killed, or there was no process to be had.
            return _failed("OSError", _REASONS.get(why, why))
        return self._ended_by_itself(report)

    def _ended_by_itself(self, report: Mapping[str, Any]) -> Outcome:
        if self._refused is not None:
            return Outcome(FAILED, None, self._refused)
        if self.job.command is not None:
            return _command_outcome(report, self.job.step.policy.exit_codes)
        if self._outcome is not None:
            return self._outcome
        how = how_ended(report["code"])
        return _failed("exit", f"the step's process {how} before it gave a result")

    def _ended_by_stop(self) -> Outcome:
        if self._stopped == TIMED_OUT:
            return Outcome(TIMED_OUT, None, Failure("timeout", "ran longer than it may"))
        if self._outcome is not None and self._outcome.state == SUCCEEDED:
            # It had finished when the word to stop came; doing it again would be the worse answer.
            return self._outcome
        return Outcome(CANCELLED, None, Failure("cancelled", "the step was told to stop"))


def _failure(fields: list[Any] | None) -> Failure | None:
    """Return the failure as it was before it traveled as a list."""
    if fields is None:
        return None
    *texts, bases = fields
    kind, message, where, trace = texts
    return Failure(kind, message, where, trace, tuple(bases))


def _command_outcome(report: Mapping[str, Any], accepted: Sequence[int]) -> Outcome:
    code = report["code"]
    if code < 0:
        return _failed("exit", f"the command {how_ended(code)}")
    result = {"exit_code": code, "stdout": report["stdout"]}
    if code in accepted:
        return Outcome(SUCCEEDED, result)
    wanted = " or ".join(map(str, accepted))
    return Outcome(
        FAILED, result, Failure("exit", f"the command ended with exit code {code}, not {wanted}")
    )


def how_ended(code: int) -> str:
    """Say in words how a process ended: ``code`` is its exit code, or minus the signal's number."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = " (often the kernel, for lack of memory)" if -code == signal.SIGKILL else ""
    return f"was killed by {name}{hint}"


def _failed(kind: str, message: str) -> Outcome:
    return Outcome(FAILED, None, Failure(kind, message))


def _with_survivors(outcome: Outcome, survivors: Sequence[int]) -> Outcome:
    """Say which processes would not end: the truth about an attempt that is over for the run."""
    pids = ", ".join(map(str, survivors))
    text = f"process {pids}, which it started, could not be ended (another user's, or stuck in the kernel)"
    if outcome.failure is None:
        return outcome._replace(state=FAILED, failure=Failure("exit", text))
    failure = outcome.failure
    return outcome._replace(failure=failure._replace(message=f"{failure.message}; {text}"))
