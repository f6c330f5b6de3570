"""Show what a run would do, in which order and for how long, without importing or running any of it.

examples:
  framework0 plan recipe.yaml
  framework0 plan recipe.yaml --skip publish --input limit=10
  framework0 plan recipe.yaml --json | jq .expected_seconds
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from framework0.cli.choosing import add_workspace, opened
from framework0.cli.inputs import add_choices, assignments
from framework0.cli.running import whole
from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping

    from framework0.cli.forecast import Forecast
    from framework0.runner import Plan


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
    from framework0.assembly import default_concurrency, load_recipe
    from framework0.cli.forecast import forecast
    from framework0.cli.intentions import intentions
    from framework0.runner import Plan

    with opened(arguments) as (space, journal):
        recipe = load_recipe(arguments.recipe, workspace=space)
        plan = Plan(recipe, only=arguments.only or (), skip=arguments.skip or ())
        meant = intentions(plan, _inputs(plan, arguments), space.settings.env)
        limit = arguments.concurrency or space.settings.concurrency or default_concurrency()
        expected = journal.expect(recipe.name)
        skipped = [node for node, (verdict, _) in meant.items() if verdict == "skip"]
        told = forecast(plan, expected, limit=limit, skipped=skipped)
        default = space.settings.executor
    if arguments.json:
        import json

        print(json.dumps(_as_json(plan, meant, expected, told, limit, default), indent=2))
    else:
        _show(plan, meant, expected, told, limit, default)
    return EXIT_OK


def _inputs(plan: Plan, arguments: Namespace) -> Mapping[str, Any]:
    """Return the inputs as far as they are given: a plan may be asked for before they all are."""
    import os

    from framework0.assembly import resolve_inputs
    from framework0.errors import UsageError

    given = assignments(arguments.input)
    try:
        return resolve_inputs(plan.recipe, given, os.environ).values
    except UsageError:
        if given:
            raise
        return {
            entry.name: entry.default for entry in plan.recipe.inputs if entry.default is not None
        }


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
    if policy.executor is not None:
        return policy.executor
    own = policy.timeout is not None or bool(policy.env) or policy.cwd is not None
    return "process" if own else default


def _show(
    plan: Plan,
    meant: Mapping[int, tuple[str, str]],
    expected: Mapping[str, float],
    told: Forecast,
    limit: int,
    default: str,
) -> None:
    from framework0.cli.columns import table
    from framework0.cli.streams import columns_of
    from framework0.cli.times import seconds_text
    from framework0.logs import one_line
    from framework0.recipe import PHASES

    recipe, levels = plan.recipe, _levels(plan)
    steps = f"{len(plan):,} step{'' if len(plan) == 1 else 's'}"
    print(f"{one_line(recipe.name)}: {steps}, at most {limit} at once")
    print(f"order: {one_line(recipe.order_reason)}\n")
    rows = []
    for node in _order(plan):
        step = plan.steps[node]
        verdict, why = meant[node]
        level = str(levels[node]) if not plan.phase[node] else PHASES[plan.phase[node]]
        time = seconds_text(expected[step.name]) if step.name in expected else "?"
        after = ", ".join(plan.steps[before].name for before in plan.parents[node]) or "-"
        act = verdict if not why else f"{verdict}: {why}"
        rows.append((level, step.name, _where(plan, node, default), time, after, act))
    header = ("level", "step", "where", "expected", "after", "what")
    sys.stdout.write(table(header, rows, columns=columns_of(sys.stdout), right="expected"))
    print(f"\n{_expectation(plan, told)}")


def _expectation(plan: Plan, told: Forecast) -> str:
    from framework0.cli.times import seconds_text
    from framework0.logs import one_line

    if not told.known:
        return "expected: unknown, since no step of it has succeeded in this workspace yet"
    path = " → ".join(one_line(plan.steps[node].name) for node in told.critical)
    unseen = told.total - told.known
    seen = f"; never seen: {unseen} of {told.total} steps" if unseen else ""
    return (
        f"expected: about {seconds_text(told.seconds)}{seen}\n"
        f"critical path, {seconds_text(told.critical_seconds)}: {path or 'none takes any time'}"
    )


def _as_json(
    plan: Plan,
    meant: Mapping[int, tuple[str, str]],
    expected: Mapping[str, float],
    told: Forecast,
    limit: int,
    default: str,
) -> dict[str, Any]:
    levels = _levels(plan)
    steps = [
        {
            "name": plan.steps[node].name,
            "phase": plan.steps[node].phase,
            "level": levels[node],
            "after": [plan.steps[before].name for before in plan.parents[node]],
            "executor": _where(plan, node, default),
            "verdict": meant[node][0],
            "reason": meant[node][1] or None,
            "expected_seconds": expected.get(plan.steps[node].name),
        }
        for node in _order(plan)
    ]
    return {
        "recipe": plan.recipe.name,
        "order": plan.recipe.order,
        "order_reason": plan.recipe.order_reason,
        "concurrency": limit,
        "steps": steps,
        "expected_seconds": told.seconds if told.known else None,
        "critical_path": [plan.steps[node].name for node in told.critical],
        "critical_path_seconds": told.critical_seconds if told.known else None,
        "steps_known": told.known,
    }
