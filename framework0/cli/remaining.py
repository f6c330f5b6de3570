"""How much of a run is left, from what earlier runs took: kept up to date as steps end.

Two bounds decide it: the work that is left shared among the workers, and the longest chain that
begins with a step now running. The larger one is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from framework0.runner import Plan

KNOWN_SHARE = 0.5
"""Below this share of steps that were seen before, a forecast would be a guess."""


class Remaining:
    """What is left of ``plan``: ``expected`` are seconds by step name, ``ended`` nodes already done.

    A step that was never seen counts as long as the average of those that were.
    """

    def __init__(
        self,
        plan: Plan,
        expected: Mapping[str, float],
        *,
        limit: int,
        ended: Collection[int] = (),
    ) -> None:
        known = [expected[step.name] for step in plan.steps if step.name in expected]
        self._enough = bool(known) and len(known) >= KNOWN_SHARE * len(plan)
        usual = sum(known) / len(known) if known else 0.0
        self._lengths = [
            expected.get(step.name, usual) if step.phase != "on_failure" else 0.0
            for step in plan.steps
        ]
        self._tails = _tails(plan, self._lengths)
        self._numbers = {step.name: step.position for step in plan.steps}
        self._limit = limit
        self._left = sum(self._lengths)
        self._ended: set[int] = set()
        for node in ended:
            self.ended(node)

    def ended(self, node: int) -> None:
        """Note that a node needs no more time."""
        if node not in self._ended and node < len(self._lengths):
            self._ended.add(node)
            self._left -= self._lengths[node]

    def seconds(self, running: Sequence[tuple[str, float]], now: float) -> float | None:
        """Return the seconds that are left, None when too little is known.

        ``running`` are the names of running steps with the moment each began.
        """
        if not self._enough:
            return None
        spent = 0.0
        chain = 0.0
        for name, began in running:
            node = self._numbers.get(name)
            if node is None or node in self._ended:
                continue
            so_far = min(now - began, self._lengths[node])
            spent += so_far
            chain = max(chain, self._tails[node] - so_far)
        return max(chain, (self._left - spent) / self._limit, 0.0)


def _tails(plan: Plan, lengths: Sequence[float]) -> list[float]:
    """Return by node the length of the longest chain that begins with it."""
    from framework0.graph import Graph

    tails = list(lengths)
    for node in reversed(Graph(plan.parents).order()):
        after = plan.children[node]
        if after:
            tails[node] += max(tails[child] for child in after)
    return tails
