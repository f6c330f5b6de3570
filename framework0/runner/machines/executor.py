"""Machines as steps of a recipe: each runs in a thread of ours, and its nodes in a process that can be ended.

So a timeout or a cancel ends the nodes with all that they have started, and the attempt is over only
when that is true.
"""

from __future__ import annotations

from threading import Lock, Thread, Timer
from time import monotonic

from framework0.runner.invoke import ended_by, keys_not_left
from framework0.runner.processes.answers import signed
from framework0.runner.seams import CANCELLED, FAILED, SUCCEEDED, TIMED_OUT, Failure, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, Protocol

    from framework0.runner.seams import Job, StepContext

    Report = Callable[[Job, Outcome], Job | None]
    Made = Callable[[Job, Callable[[], StepContext]], "Machine"]
else:
    # For type checkers only; at run time making a protocol costs more than any other class.
    Protocol = object

ENDING: Final = 8.0
"""Seconds to wait, when all is closed, for machines that still end: their grace, and a margin."""


class Machine(Protocol):
    """One run of a machine for one attempt of a step."""

    def run(self) -> Any:
        """Run to the end and return the step's result; raises when the machine does not end well."""

    def stop(self) -> None:
        """End what is going on; another thread calls this."""


class MachineExecutor:
    """Runs each job's machine in a thread that waits for its end.

    ``made(job, context)`` makes it; ``context()`` is the context as the attempt may write to it.
    """

    name = "machine"

    def __init__(self, made: Made) -> None:
        self._made = made
        self._lock = Lock()
        self._running: dict[int, _Attempt] = {}

    def submit(self, job: Job, report: Report) -> None:
        """Start the machine of ``job`` now."""
        attempt = self._entered(job)
        attempt.thread = Thread(
            target=self._work, args=(attempt, report), name=f"step {job.name}", daemon=True
        )
        attempt.thread.start()

    def stop(self, job: Job, reason: str) -> bool:
        """End the nodes of the job's machine; the report follows. False when it has already ended."""
        job.cancelled.set()
        with self._lock:
            attempt = self._running.get(id(job))
        if attempt is None:
            return False
        attempt.stop(reason)
        return True

    def close(self) -> None:
        """End what still runs; returns when all of it is gone."""
        with self._lock:
            left = list(self._running.values())
        for attempt in left:
            attempt.stop(CANCELLED)
        until = monotonic() + ENDING
        for attempt in left:
            if attempt.thread is not None:
                attempt.thread.join(max(0.0, until - monotonic()))

    def _entered(self, job: Job) -> _Attempt:
        attempt = _Attempt(job)
        with self._lock:
            self._running[id(job)] = attempt
        return attempt

    def _work(self, attempt: _Attempt, report: Report) -> None:
        while True:
            outcome = attempt.perform(self._made)
            with self._lock:
                del self._running[id(attempt.job)]
            following = report(attempt.job, outcome)
            if following is None:
                return
            thread, attempt = attempt.thread, self._entered(following)
            attempt.thread = thread


class _Attempt:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.thread: Thread | None = None
        self._lock = Lock()
        self._machine: Machine | None = None
        self._stopped = ""

    def stop(self, reason: str) -> None:
        """End it; ``reason`` becomes the state of its outcome, unless it ends well all the same."""
        with self._lock:
            self._stopped = self._stopped or reason
            machine = self._machine
        if machine is not None:
            machine.stop()

    def perform(self, made: Made) -> Outcome:
        """Run the machine to its end, within its time, and return how that went."""
        job = self.job
        started = monotonic()
        timer = None
        if job.timeout is not None:
            timer = Timer(job.timeout, self._overdue)
            timer.daemon = True
            timer.start()
        try:
            outcome = self._performed(made)
        # As everywhere around a step: whatever it raises ends that step only.
        except BaseException as error:  # noqa: BLE001
            outcome = ended_by(error, 0.0, 0.0)
        finally:
            if timer is not None:
                timer.cancel()
        return self._judged(outcome)._replace(seconds=monotonic() - started)

    def _overdue(self) -> None:
        """Say that the time is over, and end it: in this order, since its end may come at once."""
        self.job.tell_overdue()
        self.stop(TIMED_OUT)

    def _performed(self, made: Made) -> Outcome:
        machine = made(self.job, self._context)
        with self._lock:
            self._machine = machine
            stopped = self._stopped
        if stopped:
            # The word to stop came before there was a machine to hear it.
            machine.stop()
        result = machine.run()
        if self.job.step.policy.success_keys:
            # Made for whoever asks first, which may be the one who looks what was left.
            self._context()
        failure = keys_not_left(self.job)
        return Outcome(SUCCEEDED if failure is None else FAILED, result, failure)

    def _context(self) -> StepContext:
        context: StepContext = self.job.context or signed(self.job)
        return context

    def _judged(self, outcome: Outcome) -> Outcome:
        if not self._stopped or outcome.state == SUCCEEDED:
            return outcome
        if self._stopped == TIMED_OUT:
            text = f"ran longer than its timeout of {self.job.timeout or 0:g} s"
            return Outcome(TIMED_OUT, None, Failure("timeout", text))
        return Outcome(CANCELLED, None, Failure("cancelled", "the step was told to stop"))
