"""What of an earlier run still holds when its recipe is run as the file is now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from framework0.assembly.recipes import as_workspace, load_recipe, recorded_recipe
from framework0.runner import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from framework0.recipe import Recipe, Step
    from framework0.runner import AttemptRecord, RunHistory
    from framework0.workspace import Workspace


def what_holds(
    history: RunHistory, workspace: Workspace | str | Path | None = None
) -> tuple[list[str], list[str]]:
    """Return the steps that succeeded, by name: those that hold for the file as it is now, and others.

    A step holds when its definition, and that of every step before it, is unchanged. Raises
    :class:`~framework0.errors.RecipeError` when the file is no longer a recipe.
    """
    space = as_workspace(workspace)
    header = history.header
    old = recorded_recipe(header.recipe_text, header.recipe_file)
    new = current_recipe(history, space)
    plan = Plan(new)
    holding = {record.name for record in still_valid(history, old, new, plan)}
    ended_well = _succeeded(history)
    succeeded = [
        step.name for step in old.steps if step.phase == "main" and step.name in ended_well
    ]
    return (
        [name for name in succeeded if name in holding],
        [name for name in succeeded if name not in holding],
    )


def still_valid(
    history: RunHistory, old: Recipe, new: Recipe, plan: Plan
) -> Iterator[AttemptRecord]:
    """Yield the succeeded records whose step, and every step before it, is as it was."""
    before = {step.name: step for step in old.steps}
    records = _succeeded(history)
    valid: set[int] = set()
    for step in sorted(new.steps, key=lambda step: plan.rank[step.position]):
        earlier = before.get(step.name)
        if earlier is None or step.name not in records or step.phase != "main":
            continue
        same = _as_defined(earlier) == _as_defined(step)
        if same and all(parent in valid for parent in plan.parents[step.position]):
            valid.add(step.position)
            reason = f"kept from run {history.header.run_id}"
            yield records[step.name]._replace(node=step.position, reason=reason)


def current_recipe(history: RunHistory, space: Workspace) -> Recipe:
    """Return the recipe as its file is now, or as it was recorded when the file is gone."""
    header = history.header
    if header.recipe_file and os.path.isfile(header.recipe_file):
        return load_recipe(header.recipe_file, workspace=space)
    return recorded_recipe(header.recipe_text, header.recipe_file)


def _succeeded(history: RunHistory) -> dict[str, AttemptRecord]:
    return {
        record.name: record
        for record in history.attempts
        if record.final and record.state == "succeeded"
    }


def _as_defined(step: Step) -> tuple[Any, ...]:
    """Return what makes a step what it does, wherever in the file it stands."""
    told = zip(step.__slots__, step.parts(), strict=True)
    return tuple(part for name, part in told if name not in ("position", "idx", "description"))
