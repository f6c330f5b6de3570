"""Show what a run would do, in which order and for how long, without importing or running any of it.

examples:
  framework0 plan recipe.yaml
  framework0 plan recipe.yaml --skip publish --input limit=10
  framework0 plan recipe.yaml --json | jq .expected_seconds
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from framework0.cli.choosing import add_workspace, opened
from framework0.cli.inputs import add_choices, assignments
from framework0.cli.running import whole
from framework0.errors import EXIT_OK
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping

    from framework0.cli.forecast import Forecast
    from framework0.recipe import Recipe
    from framework0.runner import Journal, Plan
    from framework0.workspace import Workspace

SHOWN_PATH: Final = 12
"""Steps of the critical path that are named; of a longer one its two ends are."""


class Prospect(NamedTuple):
    """What is known of a run before it begins.

    ``meant`` says by node what would happen and why, ``expected`` by step name for how many seconds.
    ``missing`` are inputs that nobody has given yet. ``basis`` is the run that what ``--only`` leaves
    out would be taken from.
    """

    plan: Plan
    meant: Mapping[int, tuple[str, str]]
    expected: Mapping[str, float]
    told: Forecast
    limit: int
    executor: str
    missing: tuple[str, ...]
    basis: str | None


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``plan``."""
    parser.add_argument("recipe", metavar="RECIPE", help="the recipe's YAML file")
    add_choices(parser)
    parser.add_argument(
        "-j", "--concurrency", type=whole, default=0, metavar="N", help="steps at once"
    )
    parser.add_argument("--json", action="store_true", help="write the plan as JSON")
    add_workspace(parser)


def execute(arguments: Namespace) -> int:
    """Print the plan."""
    from framework0.assembly import load_recipe

    with opened(arguments) as (space, journal):
        recipe = load_recipe(arguments.recipe, workspace=space)
        prospect = _foresee(recipe, arguments, space, journal)
    if arguments.json:
        import json

        print(json.dumps(_as_json(prospect), indent=2))
    else:
        _show(prospect, only=bool(arguments.only))
    return EXIT_OK


def _foresee(recipe: Recipe, arguments: Namespace, space: Workspace, journal: Journal) -> Prospect:
    from functools import partial

    from framework0.assembly import default_concurrency
    from framework0.cli.forecast import forecast
    from framework0.cli.intentions import intentions
    from framework0.runner import Plan

    plan = Plan(recipe, only=arguments.only or (), skip=arguments.skip or ())
    inputs, missing = _inputs(recipe, assignments(arguments.input))
    hits = None
    if any(step.policy.cache is not None for step in recipe.steps):
        from framework0.assembly import foreseen_hits

        hits = partial(foreseen_hits, space, recipe)
    meant = intentions(plan, inputs, space.settings.env, hits)
    limit = arguments.concurrency or space.settings.concurrency or default_concurrency()
    expected = journal.expect(recipe.name)
    skipped = [node for node, (verdict, _) in meant.items() if verdict in ("skip", "cached")]
    told = forecast(plan, expected, limit=limit, skipped=skipped)
    basis = _basis(recipe, journal) if arguments.only else None
    return Prospect(plan, meant, expected, told, limit, space.settings.executor, missing, basis)


def _inputs(recipe: Recipe, given: Mapping[str, str]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Return the inputs that have a value, and the names of those that are still missing.

    A plan may be asked for before all are given; what is given must fit all the same.
    """
    import os

    from framework0.assembly import resolve_inputs

    lenient = recipe._replace(
        inputs=tuple(entry._replace(required=False) for entry in recipe.inputs)
    )
    values = resolve_inputs(lenient, given, os.environ).values
    missing = tuple(
        entry.name for entry in recipe.inputs if entry.required and values[entry.name] is None
    )
    return {name: value for name, value in values.items() if name not in missing}, missing


def _basis(recipe: Recipe, journal: Journal) -> str | None:
    """Return the latest successful run of the recipe, which a run of chosen steps builds on."""
    from framework0.runner import SUCCEEDED

    return next(
        (run.run_id for run in journal.runs(recipe=recipe.name) if run.state == SUCCEEDED), None
    )


def _levels(plan: Plan) -> dict[int, int]:
    from framework0.graph import Graph

    levels = Graph(plan.parents).levels()
    return {node: depth for depth, nodes in enumerate(levels, 1) for node in nodes}


def _order(plan: Plan) -> list[int]:
    levels = _levels(plan)
    return sorted(
        range(len(plan)), key=lambda node: (plan.phase[node], levels[node], plan.rank[node])
    )


def _where(plan: Plan, node: int, default: str) -> str:
    """Return which executor would run the step: as the runner chooses, as far as reading tells."""
    step = plan.steps[node]
    policy = step.policy
    if step.kind == "shell":
        return "process"
    if step.kind == "recipe":
        return "thread"
    if step.kind == "step_engine":
        return "machine"
    if policy.executor is not None:
        return policy.executor
    own = policy.timeout is not None or bool(policy.env) or policy.cwd is not None
    return "process" if own else default


def _show(prospect: Prospect, *, only: bool) -> None:
    from framework0.cli.columns import table
    from framework0.cli.streams import columns_of
    from framework0.cli.times import seconds_text
    from framework0.logs import one_line
    from framework0.recipe import PHASES

    plan, expected, levels = prospect.plan, prospect.expected, _levels(prospect.plan)
    steps = f"{len(plan):,} step{'' if len(plan) == 1 else 's'}"
    print(f"{one_line(plan.recipe.name)}: {steps}, at most {prospect.limit} at once")
    print(f"order: {one_line(plan.recipe.order_reason)}")
    if prospect.missing:
        print(f"inputs not given yet: {', '.join(prospect.missing)}")
    if only:
        print(
            f"what is left out is taken from: {prospect.basis or 'nothing, no run has succeeded'}"
        )
    rows = []
    for node in _order(plan):
        step = plan.steps[node]
        verdict, why = prospect.meant[node]
        level = str(levels[node]) if not plan.phase[node] else PHASES[plan.phase[node]]
        time = seconds_text(expected[step.name]) if step.name in expected else "?"
        after = ", ".join(plan.steps[before].name for before in plan.parents[node]) or "-"
        act = verdict if not why else f"{verdict}: {why}"
        rows.append((level, step.name, _where(plan, node, prospect.executor), time, after, act))
    header = ("level", "step", "where", "expected", "after", "what")
    shown = table(header, rows, columns=columns_of(sys.stdout), right="expected")
    sys.stdout.write(f"\n{shown}\n")
    print(_expectation(plan, prospect.told))


def _expectation(plan: Plan, told: Forecast) -> str:
    from framework0.cli.times import seconds_text
    from framework0.logs import one_line

    if not told.known:
        return "expected: unknown, since no step of it has succeeded in this workspace yet"
    names = [one_line(plan.steps[node].name) for node in told.critical]
    if len(names) > SHOWN_PATH:
        half = SHOWN_PATH // 2
        names[half:-half] = [f"… {len(names) - SHOWN_PATH:,} more …"]
    path = " → ".join(names)
    unseen = told.total - told.known
    seen = f"; never seen: {unseen} of {told.total} steps" if unseen else ""
    return (
        f"expected: about {seconds_text(told.seconds)}{seen}\n"
        f"critical path, {seconds_text(told.critical_seconds)}: {path or 'none takes any time'}"
    )


def _as_json(prospect: Prospect) -> dict[str, Any]:
    plan, told, levels = prospect.plan, prospect.told, _levels(prospect.plan)
    steps = [
        {
            "name": plan.steps[node].name,
            "phase": plan.steps[node].phase,
            "level": levels[node],
            "after": [plan.steps[before].name for before in plan.parents[node]],
            "executor": _where(plan, node, prospect.executor),
            "verdict": prospect.meant[node][0],
            "reason": prospect.meant[node][1] or None,
            "expected_seconds": prospect.expected.get(plan.steps[node].name),
        }
        for node in _order(plan)
    ]
    return {
        "recipe": plan.recipe.name,
        "order": plan.recipe.order,
        "order_reason": plan.recipe.order_reason,
        "concurrency": prospect.limit,
        "missing_inputs": prospect.missing,
        "builds_on": prospect.basis,
        "steps": steps,
        "expected_seconds": told.seconds if told.known else None,
        "critical_path": [plan.steps[node].name for node in told.critical],
        "critical_path_seconds": told.critical_seconds if told.known else None,
        "steps_known": told.known,
    }
