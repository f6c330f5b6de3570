"""The workshop of a run whose steps may write only so much into their logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework0.logs import BoundedLog
from framework0.runner.jobs import Workshop

if TYPE_CHECKING:
    from framework0.runner.seams import Job


class BoundedWorkshop(Workshop):
    """A :class:`Workshop`; ``usual`` is how many bytes a step may write that says nothing (0: any)."""

    def __init__(self, usual: int, **parts: Any) -> None:
        super().__init__(**parts)
        self._usual = usual

    def fit(self, job: Job) -> None:
        """Complete the job as usual, with a log that ends where it must."""
        super().fit(job)
        own = job.step.policy.max_log_bytes
        limit = self._usual if own is None else own
        if limit:
            job.log = BoundedLog(job.log.path, self.masker, limit=limit)
