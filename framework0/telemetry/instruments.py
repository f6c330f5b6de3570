"""The figures of a run as OpenTelemetry instruments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework0.telemetry.tally import BUCKETS, NAMED_STEPS
from framework0.telemetry.waits import Waits

if TYPE_CHECKING:
    from framework0.runner import AttemptRecord
    from framework0.telemetry.subject import Subject


class Instruments:
    """Counts and measures one run. Attributes: the recipe, the state, and the step's name.

    Only the first :data:`NAMED_STEPS` steps of a recipe are told by name, an item of a ``foreach`` by
    the name of its step: every combination of attributes is a series that somebody stores.
    """

    def __init__(self, meter: Any, subject: Subject, began: float) -> None:
        self._subject = subject
        self._recipe = {"framework0.recipe.name": subject.recipe}
        steps = subject.plan.steps[:NAMED_STEPS]
        self._names = {step.name: subject.hide(step.name) for step in steps}
        self._waits = Waits(subject.plan, began)
        self._runs = meter.create_counter("framework0.runs", "{run}", "Runs that have ended")
        self._run_seconds = _histogram(meter, "framework0.run.duration", "How long runs took")
        self._attempts = meter.create_counter(
            "framework0.step.attempts", "{attempt}", "Attempts that have ended, and steps skipped"
        )
        self._seconds = _histogram(meter, "framework0.step.duration", "How long attempts took")
        self._waiting = _histogram(
            meter,
            "framework0.step.queue_wait",
            "How long steps that could start waited for a place",
        )
        self._running = meter.create_up_down_counter(
            "framework0.steps.running", "{attempt}", "Attempts that run now"
        )
        self._now = 0

    def start(self) -> None:
        """Count an attempt that begins."""
        self._now += 1
        self._running.add(1, self._recipe)

    def take(self, record: AttemptRecord, owner: str) -> None:
        """Count an attempt that has ended; ``owner`` is the name of its step."""
        if record.node in self._subject.ended:
            return
        about = {**self._recipe, "framework0.step.state": record.state}
        if owner in self._names:
            about["framework0.step.name"] = self._names[owner]
        self._attempts.add(1, about)
        waited = self._waits.of(record)
        if waited is not None:
            self._waiting.record(waited, self._recipe)
        if record.attempt:
            self._now -= 1
            self._running.add(-1, self._recipe)
            self._seconds.record(record.outcome.seconds, about)

    def finish(self, state: str, seconds: float) -> None:
        """Count the run."""
        about = {**self._recipe, "framework0.run.state": state}
        self._runs.add(1, about)
        self._run_seconds.record(seconds, about)
        # Of attempts that a broken run left behind.
        self._running.add(-self._now, self._recipe)


def _histogram(meter: Any, name: str, about: str) -> Any:
    return meter.create_histogram(
        name, "s", about, explicit_bucket_boundaries_advisory=list(BUCKETS)
    )
