"""Who waits for whom in one run of a recipe, as flat lists over node numbers. Pure.

Node *n* is the step at position *n* of the file. A recipe whose ``order`` is ``sequence`` gets an
edge from each step to the next by ``idx``; a graph keeps just its ``depends_on``. The phases (main,
``on_failure``, ``finally``) are no edges: the state machine opens one after the other.
"""

from __future__ import annotations

from itertools import pairwise

from framework0.errors import UsageError
from framework0.recipe import ORDER_SEQUENCE, PHASES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from framework0.recipe import Recipe, Step

USER_SKIP = "left out by --skip"
NOT_CHOSEN = "not named by --only"


class Plan:
    """The nodes of a run and their edges. Treat as immutable.

    ``parents[n]`` and ``children[n]`` hold node numbers, ``rank[n]`` the place among ready nodes
    (lower starts first), ``phase[n]`` an index into :data:`~framework0.recipe.PHASES`.
    ``left_out`` maps nodes that the caller chose not to run to the reason.
    """

    __slots__ = ("children", "left_out", "parents", "phase", "rank", "recipe", "steps")

    def __init__(
        self, recipe: Recipe, *, only: Collection[str] = (), skip: Collection[str] = ()
    ) -> None:
        self.recipe = recipe
        self.steps = recipe.steps
        self.phase = [PHASES.index(step.phase) for step in self.steps]
        in_order = sorted(self.steps, key=starting_order)
        self.rank = [0] * len(self.steps)
        for rank, step in enumerate(_by_priority(in_order)):
            self.rank[step.position] = rank
        # A priority chooses among steps that could start; it does not change what waits for what.
        self.parents = self._edges(in_order)
        self.children = _reversed(self.parents)
        self.left_out = self._choose(only, skip)

    def __len__(self) -> int:
        return len(self.steps)

    def _edges(self, by_rank: Sequence[Step]) -> list[tuple[int, ...]]:
        parents: list[tuple[int, ...]] = [()] * len(self.steps)
        for phase in PHASES:
            members = [step for step in by_rank if step.phase == phase]
            if _in_sequence(self.recipe, phase, members):
                for before, after in pairwise(members):
                    parents[after.position] = (before.position,)
                continue
            number = {step.name: step.position for step in members}
            for step in members:
                if step.depends_on:
                    parents[step.position] = tuple(
                        dict.fromkeys(number[name] for name in step.depends_on if name in number)
                    )
        return parents

    def _choose(self, only: Collection[str], skip: Collection[str]) -> dict[int, str]:
        if not only and not skip:
            return {}
        names = [step.name for step in self.steps]
        for wanted in (*only, *skip):
            if wanted not in names:
                raise UsageError(_unknown_step(wanted, names))
        left_out: dict[int, str] = {}
        for step in self.steps:
            if step.name in skip:
                left_out[step.position] = USER_SKIP
            elif only and step.name not in only:
                left_out[step.position] = NOT_CHOSEN
        return left_out


def starting_order(step: Step) -> tuple[float, int]:
    """Return the key by which ready steps start: ``idx``, then the place in the file."""
    return (float("inf") if step.idx is None else step.idx, step.position)


def _by_priority(in_order: list[Step]) -> list[Step]:
    """Return the steps with the highest priority first, those that are equal as they came."""
    if all(step.policy.priority == 0 for step in in_order):
        return in_order
    return sorted(in_order, key=lambda step: -step.policy.priority)


def _in_sequence(recipe: Recipe, phase: str, members: Sequence[Step]) -> bool:
    """Say whether the steps of a phase run one after another.

    The clean-up phases follow the recipe's rule unless one of their own steps names a dependency.
    """
    if phase == PHASES[0]:
        return recipe.order == ORDER_SEQUENCE
    return not any(step.depends_on for step in members)


def _reversed(parents: Sequence[Iterable[int]]) -> list[tuple[int, ...]]:
    children: list[list[int] | None] = [None] * len(parents)
    for node, before in enumerate(parents):
        for parent in before:
            known = children[parent]
            if known is None:
                children[parent] = [node]
            else:
                known.append(node)
    return [tuple(known) if known else () for known in children]


def _unknown_step(name: str, names: Sequence[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`framework0 plan` lists its steps"
    return f"the recipe has no step named {name!r}: {hint}"
