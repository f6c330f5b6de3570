"""Processes that have done nothing before: one for each attempt, and the whole tree ended.

For commands of ``type: shell``, and for Python steps that need a process of their own. What a step does to its process (folder, environment,
signal handlers, crashes, memory) ends with it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, cast

from framework0.context import check_json
from framework0.errors import Framework0Error, ValueRefused
from framework0.runner.invoke import keys_not_left
from framework0.runner.processes.answers import answer, signed
from framework0.runner.processes.ends import (
    ended_by_supervisor,
    failed,
    how_ended,
    used,
    with_survivors,
)
from framework0.runner.processes.launch import Keeper
from framework0.runner.processes.line import LineBroken
from framework0.runner.processes.overuse import over_memory, refused_memory
from framework0.runner.processes.start import interpreter
from framework0.runner.seams import CANCELLED, FAILED, SUCCEEDED, TIMED_OUT, Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from framework0.runner.processes.cores import Cores
    from framework0.runner.processes.launch import Launched
    from framework0.runner.seams import Job

    Report = Callable[[Job, Outcome], Job | None]

ENDS = frozenset({SUCCEEDED, FAILED, CANCELLED, TIMED_OUT})
"""The states in which an attempt may end."""


class ProcessExecutor:
    """Runs each attempt in a process of its own, under a supervisor that adopts all it starts.

    ``roots`` are the folders in which user code is looked up. A step's processor time and peak memory
    are those of its process and of the children it waited for. ``sandbox`` is the plan of the walls
    around steps nobody trusts.
    """

    name = "process"

    def __init__(
        self,
        roots: Sequence[str | os.PathLike[str]] = (),
        sandbox: Mapping[str, Any] | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._roots = [os.fspath(root) for root in roots]
        self._path = list(sys.path)
        self._folder = str(Path.cwd())
        self._keeper = Keeper()
        self._lock = Lock()
        self._running: dict[int, _Attempt] = {}
        self._python: list[str] = []
        self._cores: Cores | None = None

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
        cpu = attempt.job.step.policy.cpu
        if cpu is None:
            return self._run_on(attempt, [])
        with self._lock:
            if self._cores is None:
                from framework0.runner.processes.cores import Cores

                self._cores = Cores()
        cores = self._cores.take(cpu)
        try:
            return self._run_on(attempt, cores)
        finally:
            self._cores.give_back(cores)

    def _run_on(self, attempt: _Attempt, cores: list[int]) -> Outcome:
        job = attempt.job
        log = -1
        try:
            log = os.open(os.devnull, os.O_WRONLY) if job.log is None else job.log.fileno()
            launched = self._keeper.launch(self._request(job, cores), self._message(job), log)
            if not attempt.begin(launched):
                launched.stop()
            return attempt.judge(launched.watch(attempt.hear, job.tell_overdue), self._memory(job))
        except LineBroken as error:
            return failed("exit", f"{error}: run the step again")
        except (OSError, ValueError, Framework0Error) as error:
            return failed(type(error).__name__, f"the step's process cannot be started: {error}")
        finally:
            if job.log is None and log >= 0:
                os.close(log)

    def _request(self, job: Job, cores: list[int]) -> dict[str, Any]:
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
            "memory": self._memory(job),
            "cores": cores,
            "sandbox": self._confined(job),
        }

    def _memory(self, job: Job) -> int | None:
        """Return how much all processes of the step may use together; untrusted ones never any amount."""
        wanted = job.step.policy.memory
        if self._sandbox is None:
            return wanted
        most: int = self._sandbox["memory"]
        return min(wanted or most, most)

    def _confined(self, job: Job) -> dict[str, Any] | None:
        """Return the walls of an untrusted step, None for others."""
        if self._sandbox is None:
            return None
        from framework0.runner.sandbox.plan import narrowed

        return narrowed(self._sandbox, job.step.policy.memory, job.cwd)

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
        self._flooded = False
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

    def hear(self, message: Any) -> Any:
        """Take one message of the step's process; return the answer, None when none is expected."""
        try:
            return self._heard(message)
        # The user's code has the other end in its process and may write anything there.
        except (
            TypeError,
            ValueError,
            LookupError,
            AttributeError,
            ArithmeticError,
            RecursionError,
        ):
            text = "the step wrote into the line by which its process talks to the runner"
            self._refused = Failure("protocol", text)
            return None

    def _heard(self, message: Sequence[Any]) -> Any:
        word, rest = message[0], list(message[1:])
        if word == "flooded":
            self._flooded = True
            text = "the step said more to the runner than it may (its result, its context, its progress)"
            self._refused = Failure("protocol", text)
        elif word == "outcome":
            state, result, failure, *figures = rest
            if state not in ENDS:
                raise ValueError(state)
            self._outcome = Outcome(state, result, _failure(failure), *figures)
        elif word == "refused":
            kind, message = rest
            self._refused = Failure(str(kind), str(message))
        elif word == "progress":
            if self.job.progress is not None:
                self.job.progress(*rest)
        else:
            return _as_json(answer(self.job, word, rest))
        return None

    def judge(self, report: Mapping[str, Any], limit: int | None = None) -> Outcome:
        """Return the outcome, from what the step said and what its supervisor reports.

        ``limit`` is how much memory it may use.
        """
        told = self._outcome
        if self._flooded:
            # The word to stop was ours.
            report = {**report, "why": ""}
        if self._refused is not None:
            told = Outcome(FAILED, None, self._refused)
        elif self.job.command is not None and not report["why"]:
            told = _with_keys_left(
                self.job, _command_outcome(report, self.job.step.policy.exit_codes)
            )
        if limit and "memory" in report:
            outcome = over_memory(report, limit)
        else:
            outcome = ended_by_supervisor(report, self.job, self._stopped, told)
            outcome = refused_memory(outcome, limit) if limit else outcome
        if report["survivors"]:
            outcome = with_survivors(outcome, report["survivors"])
        return outcome._replace(seconds=report["seconds"], **used(report))


def _failure(fields: list[Any] | None) -> Failure | None:
    """Return the failure as it was before it traveled as a list."""
    if fields is None:
        return None
    *texts, bases = fields
    kind, message, where, trace = texts
    return Failure(kind, message, where, trace, tuple(bases))


def _as_json(reply: dict[str, Any]) -> dict[str, Any]:
    """Return the reply, or a refusal of a value that only travels to warm workers."""
    if type(reply.get("value")) is list and "framework0.artifacts" in sys.modules:
        try:
            check_json(reply["value"])
        except ValueRefused as refused:
            text = (
                f"{refused}; a step with a fresh process of its own (limits of memory or cpu, or such "
                "variables in `env`) gets JSON alone from the context: hand it the value as a file"
            )
            return {"error": "ContextError", "message": text}
    return reply


def _with_keys_left(job: Job, outcome: Outcome) -> Outcome:
    """Return the outcome of a command, a failure if the context lacks a key that must be there after it."""
    if outcome.state != SUCCEEDED or not job.step.policy.success_keys:
        return outcome
    if job.context is None:
        signed(job)
    failure = keys_not_left(job)
    return outcome if failure is None else outcome._replace(state=FAILED, failure=failure)


def _command_outcome(report: Mapping[str, Any], accepted: Sequence[int]) -> Outcome:
    code = report["code"]
    if code < 0:
        return failed("exit", f"the command {how_ended(code)}")
    result = {"exit_code": code, "stdout": report["stdout"]}
    if code in accepted:
        return Outcome(SUCCEEDED, result)
    wanted = " or ".join(map(str, accepted))
    return Outcome(
        FAILED, result, Failure("exit", f"the command ended with exit code {code}, not {wanted}")
    )
