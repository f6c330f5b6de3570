"""How an attempt ended, from what its process said and what the supervisor of that process reports."""

from __future__ import annotations

import signal

from framework0.runner.processes.supervisor import ABANDONED, MEASURED, OVERDUE, STOPPED
from framework0.runner.seams import CANCELLED, FAILED, SUCCEEDED, TIMED_OUT, Failure, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Final

    from framework0.runner.seams import Job

_REASONS: Final = {
    ABANDONED: "the keeper of the steps' processes was killed, and the step with it: run it again"
}


def ended_by_supervisor(
    report: Mapping[str, Any], job: Job, stopped: str, outcome: Outcome | None
) -> Outcome:
    """Return the outcome of ``job``; ``stopped`` is the state it was to be stopped with, if it was.

    ``outcome`` is what the step's process had said before it ended, if anything.
    """
    why = report["why"]
    if why == OVERDUE:
        text = f"ran longer than its timeout of {job.timeout or 0:g} s"
        return Outcome(TIMED_OUT, None, Failure("timeout", text))
    if why == STOPPED:
        return _ended_by_stop(stopped, outcome)
    if why:
        # The supervisor's own word: the keeper was killed, or there was no process to be had.
        return failed("OSError", _REASONS.get(why, why))
    if outcome is not None:
        return outcome
    return failed("exit", f"the step's process {how_ended(report['code'])} before it gave a result")


def _ended_by_stop(stopped: str, outcome: Outcome | None) -> Outcome:
    if stopped == TIMED_OUT:
        return Outcome(TIMED_OUT, None, Failure("timeout", "ran longer than it may"))
    if outcome is not None and outcome.state == SUCCEEDED:
        # It had finished when the word to stop came; doing it again would be the worse answer.
        return outcome
    return Outcome(CANCELLED, None, Failure("cancelled", "the step was told to stop"))


def used(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the supervisor has measured, as fields of an outcome."""
    return {name: report[name] for name in MEASURED}


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


def failed(kind: str, message: str) -> Outcome:
    """Return the outcome of an attempt that failed without a traceback of the user's."""
    return Outcome(FAILED, None, Failure(kind, message))


def with_survivors(outcome: Outcome, survivors: Sequence[int]) -> Outcome:
    """Say which processes would not end: the truth about an attempt that is over for the run."""
    pids = ", ".join(map(str, survivors))
    text = f"process {pids}, which it started, could not be ended (another user's, or stuck in the kernel)"
    if outcome.failure is None:
        return outcome._replace(state=FAILED, failure=Failure("exit", text))
    failure = outcome.failure
    return outcome._replace(failure=failure._replace(message=f"{failure.message}; {text}"))
