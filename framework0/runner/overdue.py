"""An attempt whose time is over: said at once and durably, long before it may be called timed out.

It is timed out when the last of its processes is gone, because nobody may begin a second copy of it, or
what depends on it, before. That takes as long as it takes to end it; whoever watches is told now.
"""

from __future__ import annotations

from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

    from framework0.runner.run import Run
    from framework0.runner.seams import Job

OVERDUE: Final = "overdue."
"""How the kind of the decision begins; the number of the attempt follows."""


def note_overdue(run: Run, job: Job) -> None:
    """Write down that the timeout of ``job`` is over, and tell the observer once that is durable.

    Called from the executor's thread, as reports are. Trouble of the journal ends the run, not the thread.
    """
    at, timeout = run.clock.now(), job.timeout or 0.0
    then = None
    # An observer of somebody else's need not know of this.
    tell = getattr(run.observer, "step_overdue", None)
    if tell is not None:
        then = partial(tell, job.name, job.attempt, timeout, at)
    try:
        run.note(job, f"{OVERDUE}{job.attempt}", {"at": at, "timeout": timeout}, then)
    # As where an attempt ends: the executor has nobody who could handle this.
    except BaseException as error:  # noqa: BLE001
        run.fail(error)


def overdue_of(decisions: Mapping[tuple[int, str], Any]) -> dict[int, dict[int, Mapping[str, Any]]]:
    """Return by node and attempt when its time was over (``at``, epoch seconds), and its ``timeout``."""
    found: dict[int, dict[int, Mapping[str, Any]]] = {}
    for (node, kind), value in decisions.items():
        if kind.startswith(OVERDUE):
            found.setdefault(node, {})[int(kind.removeprefix(OVERDUE))] = value
    return found
