"""Where a run has to stop: what the recipe says, what a person said, and what was passed already. Pure.

A breakpoint is named by its step: ``load``, ``load:after``, or ``each[3]`` for one item of a
``foreach``. Three decisions in the journal carry them over: ``breaks`` of the run itself (node -1),
``passed`` and ``answer`` of a step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.errors import UsageError
from framework0.runner.pausing import AFTER, BEFORE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from framework0.runner.plan import Plan

THE_RUN: Final = -1
"""The node of decisions about the run itself."""

BREAKS: Final = "breaks"
HELD: Final = "held"
PASSED: Final = "passed"
STOPPED: Final = "paused"
QUESTION: Final = "asked"
ANSWER: Final = "answer"
"""Kinds of decisions. An answer of None: it was taken back, because a resume asks anew."""


class Stops:
    """The nodes to stop at, by the way; ``items`` maps a ``foreach`` node to places of its items."""

    __slots__ = ("after", "asking", "before", "items")

    def __init__(self) -> None:
        self.before: set[int] = set()
        self.after: set[int] = set()
        self.asking: set[int] = set()
        self.items: dict[int, set[int]] = {}

    def __bool__(self) -> bool:
        return bool(self.before or self.after or self.asking or self.items)


def stops_of(
    plan: Plan,
    given: Sequence[str],
    *,
    of_recipe: bool = True,
    decisions: Mapping[tuple[int, str], Any],
) -> Stops:
    """Return the stops that are still ahead of a run.

    ``given`` are breakpoints as a person writes them; with ``of_recipe`` those of the recipe count
    as well. Approvals always do. Raises :class:`~framework0.errors.UsageError` for a breakpoint of no
    step.
    """
    stops = Stops()
    for step in plan.steps:
        if step.policy.breakpoint is not None and of_recipe:
            _add(stops, step.position, None, step.policy.breakpoint)
        if step.kind == "approval" and decisions.get((step.position, ANSWER)) is None:
            stops.asking.add(step.position)
    for text in given:
        _add(stops, *breakpoint_of(plan, text))
    for (node, kind), ways in decisions.items():
        if kind == PASSED:
            _pass(stops, node, ways)
    return stops


def _add(stops: Stops, node: int, item: int | None, way: str) -> None:
    if item is not None:
        stops.items.setdefault(node, set()).add(item)
    else:
        (stops.before if way == BEFORE else stops.after).add(node)


def _pass(stops: Stops, node: int, ways: Iterable[str | int]) -> None:
    for way in ways:
        if way == BEFORE:
            stops.before.discard(node)
        elif way == AFTER:
            stops.after.discard(node)
        elif node in stops.items:
            stops.items[node].discard(int(way))


def breakpoint_of(plan: Plan, text: str) -> tuple[int, int | None, str]:
    """Return the node, the place of an item or None, and the way of a breakpoint as written.

    Raises :class:`~framework0.errors.UsageError` naming the step that comes near.
    """
    numbers = {step.name: step.position for step in plan.steps}
    name, colon, way = text.rpartition(":")
    if text in numbers or not colon or way not in (BEFORE, AFTER):
        name, way = text, BEFORE
    if name in numbers:
        return numbers[name], None, way
    owner, item = _item_of(name)
    if item is None or owner not in numbers or plan.steps[numbers[owner]].foreach is None:
        raise UsageError(f"cannot break at {text!r}: {_no_step(name, owner, item, numbers)}")
    if way == AFTER:
        raise UsageError(
            f"cannot break at {text!r}: an item has nobody waiting for it alone; "
            f"write {owner + ':after'!r} to stop after all of them"
        )
    return numbers[owner], item, way


def _item_of(name: str) -> tuple[str, int | None]:
    owner, bracket, rest = name.rpartition("[")
    digits = rest.removesuffix("]")
    if bracket and rest.endswith("]") and digits.isascii() and digits.isdecimal():
        return owner, int(digits[:9])
    return name, None


def _no_step(name: str, owner: str, item: int | None, numbers: Mapping[str, int]) -> str:
    from difflib import get_close_matches

    if item is not None and owner in numbers:
        return f"{owner!r} has no foreach, so it has no items"
    near = get_close_matches(name, numbers, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`framework0 plan` lists the steps"
    return f"the recipe has no step named {name!r}; {hint}"


def now_standing(
    decisions: Mapping[tuple[int, str], Any],
) -> dict[int, dict[str, Any]]:
    """Return by node where a paused run stands: the ``way`` and since when (``at``), in node order."""
    standing = {}
    for (node, kind), stop in sorted(decisions.items(), key=lambda known: known[0]):
        if kind != STOPPED or decisions.get((node, ANSWER)) is not None:
            continue
        owner, item = stop.get("owner", node), stop.get("item")
        passed = decisions.get((owner, PASSED), ())
        if (stop["way"] if item is None else item) not in passed:
            standing[node] = stop
    return standing
