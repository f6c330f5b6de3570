"""One attempt at a time, in the thread that waits for the run.

For debuggers, and for libraries that insist on the main thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework0.runner.seams import Job, Outcome


class SerialExecutor:
    """Hands each attempt to ``later``, which the waiting thread calls in order."""

    name = "serial"

    def __init__(
        self, perform: Callable[[Job], Outcome], later: Callable[[Callable[[], None]], None]
    ) -> None:
        self._perform = perform
        self._later = later

    def submit(self, job: Job, report: Callable[[Job, Outcome], Job | None]) -> None:
        """Queue ``job`` for the waiting thread."""

        def run() -> None:
            current: Job | None = job
            while current is not None:
                current = report(current, self._perform(current))

        self._later(run)

    def stop(self, job: Job, reason: str) -> bool:  # noqa: ARG002 - the seam's signature
        """Ask only: the work is in the thread that would have to stop it."""
        job.cancelled.set()
        return False

    def close(self) -> None:
        """Nothing to release: the thread belongs to the caller."""
