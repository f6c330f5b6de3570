"""What every drawing is made from: boxes in levels and the arrows between them.

The phases of a run (main, ``on_failure``, ``finally``) are drawn one below the other: nothing in a
later phase starts before the phase above it is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.graph import Graph
from framework0.recipe import MAIN, PHASES
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.recipe import Step
    from framework0.runner import Plan


class Box(NamedTuple):
    """One step. ``notes`` are the few words beneath its name; ``state`` is "" without a run."""

    node: int
    name: str
    phase: str
    level: int
    after: tuple[int, ...]
    notes: tuple[str, ...]
    state: str


class Flow(NamedTuple):
    """The steps of a recipe, in the order in which they may start; ``levels`` counts within a phase."""

    title: str
    boxes: tuple[Box, ...]

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases that have a step, in their order."""
        there = {box.phase for box in self.boxes}
        return tuple(phase for phase in PHASES if phase in there)

    def levels(self, phase: str) -> list[list[Box]]:
        """Return the boxes of a phase by level; those of one level do not wait for each other."""
        levels: list[list[Box]] = []
        for box in self.boxes:
            if box.phase == phase:
                while len(levels) <= box.level:
                    levels.append([])
                levels[box.level].append(box)
        return levels

    def arrows(self) -> list[tuple[Box, Box]]:
        """Return the pairs (one, other) in which ``other`` waits for ``one``."""
        by_node = {box.node: box for box in self.boxes}
        return [(by_node[before], box) for box in self.boxes for before in box.after]


def flow_of(plan: Plan, states: Mapping[int, str] | None = None) -> Flow:
    """Return the drawing's parts for ``plan``; ``states`` (by node) are those of a run of it."""
    level = {
        node: depth for depth, nodes in enumerate(Graph(plan.parents).levels()) for node in nodes
    }
    order = sorted(
        range(len(plan)), key=lambda node: (plan.phase[node], level[node], plan.rank[node])
    )
    boxes = tuple(
        Box(
            node,
            plan.steps[node].name,
            PHASES[plan.phase[node]],
            level[node],
            plan.parents[node],
            _notes(plan.steps[node], plan.left_out.get(node, "")),
            (states or {}).get(node, ""),
        )
        for node in order
    )
    return Flow(plan.recipe.name, boxes)


def _notes(step: Step, left_out: str) -> tuple[str, ...]:
    notes = []
    if step.kind != "python":
        notes.append(step.kind)
    if step.when is not None:
        notes.append(f"when {step.when}")
    if step.foreach is not None:
        items = step.foreach.items
        notes.append(f"for each of {items if isinstance(items, str) else f'{len(items)} items'}")
    if step.policy.retry.attempts > 1:
        notes.append(f"up to {step.policy.retry.attempts} attempts")
    if step.policy.timeout is not None:
        notes.append(f"timeout {step.policy.timeout:g} s")
    if left_out:
        notes.append(left_out)
    return tuple(notes)


def heading(phase: str) -> str:
    """Return what a phase is called in a drawing; nothing for the main one."""
    return {MAIN: "", "on_failure": "when something failed", "finally": "always, at the end"}[phase]
