"""How long a run would take: the plan played through with the times of earlier runs. Pure."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from framework0.graph import Graph, ReadySet
from framework0.recipe import FINALLY, MAIN, PHASES
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from framework0.runner import Plan


class Forecast(NamedTuple):
    """What is expected of a run in which nothing fails.

    ``seconds`` is the whole, with at most so many steps at once; ``critical`` the nodes that decide
    it when nothing is short of workers, and ``critical_seconds`` their time. ``known`` of ``total``
    steps were seen before; the others count as taking no time.
    """

    seconds: float
    critical: tuple[int, ...]
    critical_seconds: float
    known: int
    total: int


def forecast(
    plan: Plan, expected: Mapping[str, float], *, limit: int, skipped: Collection[int] = ()
) -> Forecast:
    """Return the forecast for ``plan``; ``expected`` are seconds by step name.

    ``limit`` steps run at once, the lowest rank first, as the runner does. What is ``skipped``
    takes no time, and so does ``on_failure``.
    """
    lengths = [0.0] * len(plan)
    known = total = 0
    for step in plan.steps:
        if step.position in skipped or step.phase not in (MAIN, FINALLY):
            continue
        total += 1
        if step.name in expected:
            known += 1
            lengths[step.position] = expected[step.name]
    graph = Graph(plan.parents)
    seconds = sum(_played(plan, graph, lengths, limit, phase) for phase in (MAIN, FINALLY))
    longest, path = graph.critical_path(lengths)
    critical = tuple(node for node in path if lengths[node] > 0)
    return Forecast(seconds, critical, longest, known, total)


def _played(plan: Plan, graph: Graph, lengths: Sequence[float], limit: int, phase: str) -> float:
    """Return when the last step of a phase ends if ``limit`` workers take what is ready, by rank."""
    number = PHASES.index(phase)
    waiting = ReadySet(graph)
    ready: list[tuple[int, int]] = []
    for node in waiting.first:
        if plan.phase[node] == number:
            heappush(ready, (plan.rank[node], node))
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < limit:
            node = heappop(ready)[1]
            heappush(running, (now + lengths[node], node))
        now, node = heappop(running)
        for after in waiting.finish(node):
            heappush(ready, (plan.rank[after], after))
    return now
