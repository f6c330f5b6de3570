"""How long steps waited for a place to run, although nothing they depend on was missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework0.runner import AttemptRecord, Plan


class Waits:
    """Computes, from acknowledged attempts in their order, the wait of each step's first one.

    A step is ready when the last of those it depends on has ended; one that depends on nothing, when
    its phase begins. ``began`` is epoch seconds of the run's start. Times are of the wall clock: one
    that is set back makes a wait zero, not negative.
    """

    def __init__(self, plan: Plan, began: float) -> None:
        self._plan = plan
        self._began = began
        self._ended: dict[int, float] = {}
        self._latest = began
        self._seen: set[int] = set()

    def of(self, record: AttemptRecord) -> float | None:
        """Return the seconds that ``record``'s step waited; None when it cannot be said.

        That is the case for a second attempt, for an item of a ``foreach``, and for a skip.
        """
        node = record.node
        waited = None
        if record.attempt and node < len(self._plan) and node not in self._seen:
            self._seen.add(node)
            waited = max(0.0, record.at - self._ready_at(node))
        if record.attempt:
            ended = record.at + record.outcome.seconds
            self._latest = max(self._latest, ended)
            if record.final:
                self._ended[node] = ended
        return waited

    def _ready_at(self, node: int) -> float:
        before = [self._ended.get(parent, self._began) for parent in self._plan.parents[node]]
        if before:
            return max(before)
        return self._began if self._plan.phase[node] == 0 else self._latest
