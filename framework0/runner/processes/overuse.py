"""What is said of an attempt that used more memory than it may."""

from __future__ import annotations

from framework0.recipe import size_text
from framework0.runner.seams import FAILED, Failure, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

MEMORY: Final = "memory"
"""The kind of failure, and the word for it in ``retry.on``."""


def over_memory(report: Mapping[str, Any], limit: int) -> Outcome:
    """Return the outcome of an attempt whose processes were ended for the memory they used."""
    total, processes, largest, pid = report["memory"]
    where = "" if processes == 1 else f" in {processes} processes ({size_text(largest)} in {pid})"
    text = (
        f"used {size_text(total)} of memory{where}, more than its limit of {size_text(limit)}: "
        "everything it started was ended"
    )
    return Outcome(FAILED, None, Failure(MEMORY, text))


def refused_memory(outcome: Outcome, limit: int) -> Outcome:
    """Return the outcome, a MemoryError of the step blamed on the limit that the kernel kept."""
    failure = outcome.failure
    if failure is None or failure.kind != "MemoryError":
        return outcome
    text = f"asked for far more than its limit of {size_text(limit)} at once, and was refused it"
    if failure.message != "no message":
        text += f": {failure.message}"
    blamed = failure._replace(kind=MEMORY, message=text, bases=(failure.kind, *failure.bases))
    return outcome._replace(failure=blamed)
