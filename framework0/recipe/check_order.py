"""Which ordering rule a recipe follows, and whether its steps can be put into that order."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any

from framework0.graph import Graph
from framework0.recipe.check_findings import did_you_mean
from framework0.recipe.check_values import clipped
from framework0.recipe.model import MAIN, ORDER_GRAPH, ORDER_SEQUENCE, PHASES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from framework0.recipe.check_findings import Findings, Path
    from framework0.recipe.check_steps import Steps
    from framework0.recipe.model import Step

LONGEST_PATH_SHOWN = 12
"""Steps of a cycle that its message names; the others are counted."""

MANY_NAMED = 3
"""Steps that a message about a group names one by one."""


def rule_of(data: Mapping[str, Any], steps: Steps) -> tuple[str, str]:
    """Return the ordering rule of the recipe's steps and the sentence that says why."""
    order = data.get("order")
    if order == ORDER_GRAPH:
        return ORDER_GRAPH, "the recipe says order: graph, so a step waits only for its depends_on"
    if order == ORDER_SEQUENCE:
        return ORDER_SEQUENCE, "the recipe says order: sequence, so steps run one after another"
    last = min((steps.starts[phase] for phase in PHASES[1:] if phase in steps.starts), default=None)
    if any("depends_on" in raw for raw in steps.raws[:last]):
        return ORDER_GRAPH, "a step has depends_on, so each step waits only for what it names there"
    return (
        ORDER_SEQUENCE,
        "no step has depends_on, so the steps run one after another, by idx and then as written",
    )


def starting_order(step: Step) -> tuple[float, int]:
    """Return the key by which steps start that could start together: ``idx``, then as written."""
    return (inf if step.idx is None else step.idx, step.position)


def edges(findings: Findings, steps: Steps) -> list[Sequence[int]]:
    """Return for each step the positions it depends on; report names that lead to none."""
    index = steps.by_name
    single_phase = len(steps.starts) == 1
    found: list[Sequence[int]] = []
    for step in steps.all:
        names = step.depends_on
        if not names:
            found.append(())
            continue
        try:
            before = [index[name] for name in names]
        except KeyError:
            before = []
        if (
            not before
            or step.position in before
            or (not single_phase and any(steps.all[at].phase != step.phase for at in before))
            or (len(before) > 1 and len(set(before)) < len(before))
        ):
            before = _careful_edges(findings, steps, step)
        found.append(before)
    return found


def _careful_edges(findings: Findings, steps: Steps, step: Step) -> list[int]:
    before: list[int] = []
    seen: dict[str, Path] = {}
    for at, name in _as_written(steps, step):
        where = _entry(steps, step, at)
        other = steps.by_name.get(name)
        if name in seen:
            findings.warning(
                "duplicate-dependency",
                f"{clipped(name)!r} is listed twice",
                where,
                hint="take one away",
                pointers=(("the first one", seen[name]),),
            )
            continue
        seen[name] = where
        if other is None:
            _unknown(findings, steps, name, where)
        elif other == step.position:
            findings.error(
                "self-dependency",
                f"step {clipped(name)!r} depends on itself: it would wait for ever",
                where,
                hint="take the name away, or name the step you mean",
            )
        elif steps.all[other].phase != step.phase:
            _other_phase(findings, steps, step, other, where)
        else:
            before.append(other)
    return before


def _as_written(steps: Steps, step: Step) -> list[tuple[int | None, str]]:
    raw = steps.raws[step.position].get("depends_on")
    if isinstance(raw, str):
        return [(None, raw)]
    good = set(step.depends_on)
    return [
        (at, name) for at, name in enumerate(raw or ()) if isinstance(name, str) and name in good
    ]


def _entry(steps: Steps, step: Step, at: int | None) -> Path:
    path = (*steps.path(step.position), "depends_on")
    return path if at is None else (*path, at)


def _unknown(findings: Findings, steps: Steps, name: str, where: Path) -> None:
    hint = did_you_mean(findings.near(name, steps.by_name))
    parts = [part.strip() for part in name.split(",")]
    if hint is None and len(parts) > 1 and all(part in steps.by_name for part in parts):
        hint = f"write a list: [{', '.join(parts)}]"
    findings.error(
        "unknown-dependency",
        f"there is no step called {clipped(name)!r}",
        where,
        hint=hint or "name a step of this recipe",
    )


def _other_phase(findings: Findings, steps: Steps, step: Step, other: int, where: Path) -> None:
    target = steps.all[other]
    sections = {MAIN: "steps"}
    here, there = (sections.get(phase, phase) for phase in (step.phase, target.phase))
    earlier = PHASES.index(target.phase) < PHASES.index(step.phase)
    findings.error(
        "other-part",
        f"{clipped(target.name)!r} is a step of {there}, and this one of {here}",
        where,
        hint=(
            f"take it away: {here} starts when {there} has ended anyway"
            if earlier
            else f"{there} starts after {here} has ended: name a step of {here}"
        ),
        pointers=(("it stands here", (*steps.path(other), "name")),),
    )


def report_cycles(findings: Findings, steps: Steps, graph: Graph) -> bool:
    """Report each cycle as a path with lines; return whether there was one."""
    cycles = graph.cycles()
    for cycle in cycles:
        names = [_named(findings, steps, position) for position in cycle[:-1]]
        if len(names) > LONGEST_PATH_SHOWN:
            left = len(names) - LONGEST_PATH_SHOWN
            names = [*names[: LONGEST_PATH_SHOWN - 1], f"… {left:,} more …", names[-1]]
        first = steps.all[cycle[0]].name
        pointers = tuple(
            (
                f"{clipped(steps.all[one].name)} depends on {clipped(steps.all[other].name)}",
                _dependency(steps, one, other),
            )
            for one, other in list(pairwise(cycle))[1:LONGEST_PATH_SHOWN]
        )
        findings.error(
            "cycle",
            f"steps wait for each other: {' → '.join(names)} → {clipped(first)}",
            _dependency(steps, cycle[0], cycle[1]),
            hint="take one of these dependencies away",
            pointers=pointers,
        )
    return bool(cycles)


def _named(findings: Findings, steps: Steps, position: int) -> str:
    line = findings.document.place((*steps.path(position), "name")).line
    return f"{clipped(steps.all[position].name)} (line {line})"


def _dependency(steps: Steps, position: int, other: int) -> Path:
    """Return where the step at ``position`` names the one at ``other``."""
    raw = steps.raws[position].get("depends_on")
    name = steps.all[other].name
    at = raw.index(name) if isinstance(raw, list) and name in raw else None
    return _entry(steps, steps.all[position], at)


def as_run(order: str, steps: Steps, before: Sequence[Sequence[int]]) -> Graph:
    """Return the graph that a run follows: a sequence is a chain, whatever depends_on says.

    The steps of ``on_failure`` and ``finally`` run one after another unless one of them names
    another.
    """
    chained = list(before)
    for phase in PHASES:
        members = [step for step in steps.all if step.phase == phase]
        in_sequence = (
            order == ORDER_SEQUENCE
            if phase == MAIN
            else not any(step.depends_on for step in members)
        )
        if in_sequence:
            members.sort(key=starting_order)
            for one, other in pairwise(members):
                chained[other.position] = (one.position,)
    return Graph(chained)


def report_contradictions(
    findings: Findings, steps: Steps, before: Sequence[Sequence[int]]
) -> None:
    """Report each dependency on a step that a sequence runs later."""
    main = sorted((step for step in steps.all if step.phase == MAIN), key=starting_order)
    turn = {step.position: at for at, step in enumerate(main)}
    for step in main:
        for other in before[step.position]:
            if turn[other] > turn[step.position]:
                findings.error(
                    "order-contradiction",
                    f"in a sequence {clipped(step.name)!r} runs before "
                    f"{clipped(steps.all[other].name)!r}, which it depends on",
                    _dependency(steps, step.position, other),
                    hint="change idx or the order in the file, or write `order: graph`",
                )


def report_equal_idx(findings: Findings, steps: Steps) -> None:
    """Warn where steps of one part share an idx: which of them comes first is then the file's say."""
    numbered = [step for step in steps.all if step.idx is not None]
    if len(steps.starts) == 1 and len({step.idx for step in numbered}) == len(numbered):
        return
    groups: dict[tuple[str, int], list[Step]] = {}
    for step in numbered:
        if step.idx is not None:
            groups.setdefault((step.phase, step.idx), []).append(step)
    for (_, idx), members in groups.items():
        if len(members) > 1:
            names = ", ".join(repr(clipped(step.name)) for step in members[:MANY_NAMED])
            more = f" and {len(members) - MANY_NAMED:,} more" if len(members) > MANY_NAMED else ""
            findings.warning(
                "equal-idx",
                f"idx {idx} belongs to {names}{more}: the order in the file decides",
                (*steps.path(members[1].position), "idx"),
                hint="give each its own idx, or take idx away",
                pointers=(("the first one", (*steps.path(members[0].position), "idx")),),
            )
