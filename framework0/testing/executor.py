"""An executor that runs nothing: what each attempt does, and how long it takes, is a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.runner import CANCELLED, Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework0.runner import Job
    from framework0.testing.clock import FakeClock


class FakeExecutor:
    """Implements :class:`framework0.runner.Executor` on a :class:`FakeClock`.

    ``script(job)`` returns the outcome of an attempt; it ends ``outcome.seconds`` after its start.
    ``stops`` says whether a running attempt can be ended from outside. ``running`` and ``most`` count
    the attempts that run now, and that ever ran at once.
    """

    def __init__(
        self,
        clock: FakeClock,
        script: Callable[[Job], Outcome],
        *,
        name: str = "thread",
        stops: bool = True,
    ) -> None:
        self.name = name
        self.running: dict[tuple[int, int], Callable[[Job, Outcome], Job | None]] = {}
        self.most = 0
        self.closed = False
        self._clock = clock
        self._script = script
        self._stops = stops

    def submit(self, job: Job, report: Callable[[Job, Outcome], Job | None]) -> None:
        """Begin an attempt; its end is an appointment of the clock."""
        self.running[job.node, job.attempt] = report
        self.most = max(self.most, len(self.running))
        outcome = self._script(job)
        self._clock.at(self._clock.seconds + outcome.seconds, lambda: self._end(job, outcome))

    def stop(self, job: Job, reason: str) -> bool:
        """End the attempt now, if this executor can."""
        job.cancelled.set()
        if self._stops and (job.node, job.attempt) in self.running:
            failure = Failure(reason, f"told to stop: {reason}")
            state = CANCELLED if reason == CANCELLED else reason
            self._clock.at(
                self._clock.seconds, lambda: self._end(job, Outcome(state, None, failure))
            )
        return self._stops

    def close(self) -> None:
        """Note that nobody needs it any more."""
        self.closed = True

    def _end(self, job: Job, outcome: Outcome) -> None:
        report = self.running.pop((job.node, job.attempt), None)
        if report is not None:
            following = report(job, outcome)
            if following is not None:
                self.submit(following, report)
