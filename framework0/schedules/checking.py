"""Whether a schedule that somebody asks for can be kept: all of its mistakes at once."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from framework0.assembly import check_recipe, resolve_inputs
from framework0.errors import Framework0Error, RecipeError, UsageError
from framework0.schedules.cron import check_cron
from framework0.schedules.limits import LONGEST_NAME
from framework0.schedules.timing import interval, moment_text, zone_named
from framework0.workspace import is_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.recipe import Recipe
    from framework0.schedules.schedule import Schedule
    from framework0.workspace import Workspace

_DUE = re.compile(r"\{due(?::([^{}]*))?\}")


def check_name(name: str) -> list[str]:
    """Return what is wrong with the name of a schedule."""
    if is_id(name) and len(name) <= LONGEST_NAME:
        return []
    allowed = "ASCII letters, digits, '.', '_' and '-', a letter or digit first"
    return [f"name: {name!r} is none: up to {LONGEST_NAME} {allowed}"]


def check_timing(cron: str | None, every: str | None, tz: str | None) -> list[str]:
    """Return what is wrong with when a schedule is due: each mistake, located."""
    mistakes = []
    if (cron is None) == (every is None):
        mistakes.append("when: give either --cron '0 6 * * *' or --every 15m")
    if cron is not None:
        mistakes += [f"--cron: {mistake}" for mistake in check_cron(cron)]
    if every is not None:
        try:
            interval(every)
        except ValueError as error:
            mistakes.append(f"--every {error}")
        if tz is not None:
            mistakes.append("--tz: an interval needs none: it goes by the time that passes")
    elif tz is not None:
        try:
            zone_named(tz)
        except UsageError as error:
            mistakes.append(f"--tz: {error}")
    return mistakes


def check_run(workspace: Workspace, recipe: str, inputs: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the inputs for a recipe.

    Raises :class:`~framework0.errors.RecipeError` with every mistake of the recipe itself.
    """
    checked = check_recipe(recipe, workspace=workspace)
    if checked.recipe is None:
        raise RecipeError(tuple(one for one in checked.problems if one.severity == "error"))
    try:
        given = {name: with_due(text, 0.0, "UTC") for name, text in inputs.items()}
        resolve_inputs(checked.recipe, given, _with_secrets(checked.recipe))
    except Framework0Error as error:
        return [f"--input: {error}"]
    return []


def _with_secrets(recipe: Recipe) -> Mapping[str, str]:
    """Return the environment, with what the server's own will have to hold in its place."""
    names = [entry.env or entry.name.upper() for entry in recipe.inputs if entry.secret]
    return {**dict.fromkeys(names, ""), **os.environ}


def with_due(text: str, due: float, tz: str) -> str:
    """Return the text of an input with its ``{due}`` and ``{due:%Y-%m-%d}`` as the due time.

    Raises :class:`~framework0.errors.UsageError` when the format is none.
    """

    def shown(found: re.Match[str]) -> str:
        from datetime import datetime

        if found[1] is None:
            moment = datetime.fromtimestamp(due, zone_named(tz))
            return moment.isoformat()
        try:
            return datetime.fromtimestamp(due, zone_named(tz)).strftime(found[1])
        except ValueError as error:
            raise UsageError(f"{found[0]!r} is no format of a date: {error}") from error

    return _DUE.sub(shown, text)


def inputs_for(schedule: Schedule, due: float) -> dict[str, str]:
    """Return the inputs of the run that is due then."""
    return {name: with_due(text, due, schedule.timing.tz) for name, text in schedule.inputs.items()}


def kept_path(workspace: Workspace, recipe: str) -> str:
    """Return how a recipe is kept: relative to the workspace if it lies in it, else absolute."""
    path = Path(recipe).absolute()
    try:
        return str(path.relative_to(workspace.root))
    except ValueError:
        return str(path)


def run_note(schedule: str, due: float, tz: str) -> dict[str, object]:
    """Return what a run is told of where it comes from; it is kept among its options."""
    return {"name": schedule, "due": due, "due_text": moment_text(due, tz)}
