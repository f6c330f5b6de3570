"""What is counted of one run, for a page of metrics. Nothing in here grows with the length of a run."""

from __future__ import annotations

from bisect import bisect_left
from threading import Lock
from typing import TYPE_CHECKING, Final

from framework0.telemetry.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework0.runner import AttemptRecord
    from framework0.telemetry.subject import Subject

NAMED_STEPS: Final = 100
"""Steps that have series of their own. Every series costs whoever stores it, for as long as it is kept."""

BUCKETS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0,
)  # fmt: skip
"""Upper bounds in seconds: from a step that does nothing to one that takes an hour."""


class Distribution:
    """How many of the values seen lie in each bucket, and their sum."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Take one value in."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.counts)


class StepFigures:
    """The latest attempt of a named step."""

    __slots__ = ("attempts", "peak_memory", "seconds")

    def __init__(self) -> None:
        self.attempts = 0
        self.seconds = 0.0
        self.peak_memory = 0


class Tally:
    """The counts of one run. Its calls may come from any thread.

    ``ended`` counts steps by final state, ``attempts`` attempts by state, ``running`` is how many run
    now. ``steps`` holds the first :data:`NAMED_STEPS` steps of the recipe, by name; items of a
    ``foreach`` count, but have no figures of their own.
    """

    def __init__(self, subject: Subject, began: float) -> None:
        self.subject = subject
        self.began = began
        self.finished: float | None = None
        self.state = "running"
        self.planned = len(subject.plan)
        self.running = 0
        self.ended: dict[str, int] = {}
        for state in subject.ended.values():
            self.ended[state] = self.ended.get(state, 0) + 1
        self.attempts: dict[str, int] = {}
        self.durations = Distribution()
        self.waiting = Distribution()
        named = [step.name for step in subject.plan.steps[:NAMED_STEPS]]
        self.steps = {name: StepFigures() for name in named}
        self.lock = Lock()
        self._waits = Waits(subject.plan, began)

    def start(self) -> None:
        """Count an attempt that begins."""
        with self.lock:
            self.running += 1

    def take(self, records: Sequence[AttemptRecord]) -> None:
        """Count attempts that have ended."""
        with self.lock:
            for record in records:
                self._take_one(record)

    def finish(self, state: str, at: float) -> None:
        """Note how and when (epoch seconds) the run ended."""
        with self.lock:
            self.state = state
            self.finished = at
            self.running = 0

    def _take_one(self, record: AttemptRecord) -> None:
        if record.node in self.subject.ended:
            return
        if record.final and record.node < self.planned:
            self.ended[record.state] = self.ended.get(record.state, 0) + 1
        waited = self._waits.of(record)
        if waited is not None:
            self.waiting.add(waited)
        if not record.attempt:
            return
        self.running = max(0, self.running - 1)
        self.attempts[record.state] = self.attempts.get(record.state, 0) + 1
        self.durations.add(record.outcome.seconds)
        figures = self.steps.get(record.name) if record.node < self.planned else None
        if figures is not None:
            figures.attempts += 1
            figures.seconds = record.outcome.seconds
            figures.peak_memory = record.outcome.peak_memory
