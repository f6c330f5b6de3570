"""Approvals: an attempt ends at once, with the answer that a person gave while nothing was running."""

from __future__ import annotations

from framework0.runner.seams import CANCELLED, FAILED, SUCCEEDED, TIMED_OUT, Failure, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from framework0.runner.seams import Job

REJECT = "reject"
FAIL = "fail"


class AnswerExecutor:
    """Reports for each approval what was answered; ``answer_of(node)`` is None without an answer."""

    name = "approval"

    def __init__(self, answer_of: Callable[[int], Mapping[str, Any] | None]) -> None:
        self._answer_of = answer_of

    def submit(self, job: Job, report: Callable[[Job, Outcome], Job | None]) -> None:
        """End the attempt with its answer, and those that follow from it."""
        current: Job | None = job
        while current is not None:
            current = report(current, outcome_of(self._answer_of(current.node)))

    def stop(self, job: Job, reason: str) -> bool:  # noqa: ARG002 - the seam's signature
        """Nothing is ever running here."""
        return False

    def close(self) -> None:
        """Nothing to release."""


def outcome_of(answer: Mapping[str, Any] | None) -> Outcome:
    """Return how an approval with this answer ends; None: the run was cancelled before it was asked."""
    if answer is None:
        told = Failure("cancelled", "nobody was asked: the run was cancelled before")
        return Outcome(CANCELLED, None, told)
    result = {name: answer[name] for name in ("answer", "who", "at", "comment")}
    comment = f": {answer['comment']}" if answer["comment"] else ""
    if answer["answer"] == FAIL:
        return Outcome(TIMED_OUT, result, Failure("timeout", answer["comment"]))
    if answer["answer"] == REJECT:
        who = answer["who"] or "its timeout"
        return Outcome(FAILED, result, Failure("rejected", f"rejected by {who}{comment}"))
    return Outcome(SUCCEEDED, result)
