"""The process executor: Python steps in warm workers, what needs a process of its own in one.

A shell command, a step with limits of its own (``memory``, ``cpu``), and one whose ``env`` holds what only a starting interpreter reads, go to
``alone``, which starts a fresh process for each attempt.
"""

from __future__ import annotations

import os
import sys

from framework0.runner.pool.pool import Pool
from framework0.runner.processes.start import needs_fresh_interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from framework0.runner.seams import Executor, Job, Outcome

    Report = Callable[[Job, Outcome], Job | None]


class PoolExecutor:
    """Runs attempts in other processes. ``roots`` are the folders in which user code is looked up.

    ``reader_of(step)`` names a step that reads the result of another one, if there is any.
    """

    name = "process"

    def __init__(
        self,
        roots: Sequence[str | os.PathLike[str]],
        alone: Executor,
        reader_of: Callable[[str], str | None],
    ) -> None:
        self._alone = alone
        self._pool = Pool([os.fspath(root) for root in roots], sys.path, reader_of)

    def submit(self, job: Job, report: Report) -> None:
        """Start ``job`` as soon as a worker is free."""
        if needs_own_process(job):
            self._alone.submit(job, lambda job, outcome: self._pass_on(report, job, outcome))
        else:
            self._pool.submit(job, self._sorting(report))

    def stop(self, job: Job, reason: str) -> bool:
        """End the job's whole process tree: SIGTERM, a second later SIGKILL; the report follows.

        False when the job is not running here (it has already ended).
        """
        if needs_own_process(job):
            return self._alone.stop(job, reason)
        return self._pool.stop(job, reason)

    def start(self) -> None:
        """Have a worker ready by the time the first job comes."""
        self._pool.start()

    def close(self) -> None:
        """End every process; returns when all of them are gone."""
        self._pool.close()
        self._alone.close()

    def _sorting(self, report: Report) -> Report:
        """Return ``report`` for the pool: what follows a job there may need a process of its own."""

        def sort(job: Job, outcome: Outcome) -> Job | None:
            following = report(job, outcome)
            if following is None or not needs_own_process(following):
                return following
            self.submit(following, report)
            return None

        return sort

    def _pass_on(self, report: Report, job: Job, outcome: Outcome) -> None:
        following = report(job, outcome)
        if following is not None:
            self.submit(following, report)


def needs_own_process(job: Job) -> bool:
    """Say whether a job needs a process that has done nothing before."""
    policy = job.step.policy
    if job.command is not None or job.step.kind == "shell" or policy.memory or policy.cpu:
        return True
    return bool(job.env) and any(map(needs_fresh_interpreter, job.env))
