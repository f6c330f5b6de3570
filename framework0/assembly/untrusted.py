"""A run that nobody trusts: what it may not ask for, and the walls around its steps.

Refused before anything is kept or run: a machine without one of the walls (unless the person does
without), steps that would run in this process, and a workspace from which the home folder is in sight.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from framework0.assembly.recipes import code_roots
from framework0.errors import Place, RefusedError, UsageError
from framework0.runner import missing_layers, plan_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from framework0.assembly.session import Options
    from framework0.recipe import Recipe
    from framework0.workspace import Settings, Workspace

STRICT: Final = "strict"
BEST_EFFORT: Final = "best-effort"


def prepare(recipe: Recipe, options: Options, space: Workspace) -> None:
    """Set ``options.sandbox`` to the walls around the steps of ``recipe``.

    Raises :class:`~framework0.errors.RefusedError` for steps that would run outside, and when a wall
    cannot be had.
    """
    if options.untrusted not in (STRICT, BEST_EFFORT):
        raise UsageError(f"untrusted is {STRICT} or {BEST_EFFORT}, not {options.untrusted!r}")
    if options.executor not in (None, "process"):
        raise RefusedError(
            f"an untrusted run has no executor {options.executor!r}: each step needs a process of its "
            "own behind walls; leave --executor out"
        )
    problems = list(_problems(recipe))
    if problems:
        raise RefusedError("\n".join(problems))
    roots = [str(root) for root in code_roots(space, recipe.file)]
    plan = plan_for(space.root, space.state, roots, ())
    missing = missing_layers(plan)
    if missing:
        _without(missing, options)
        plan["missing"] = list(missing)
    options.sandbox = plan
    options.executor = "process"


def _without(missing: Mapping[str, str], options: Options) -> None:
    listed = "\n".join(f"  {layer}: {why}" for layer, why in missing.items())
    if options.untrusted != BEST_EFFORT or "Linux" in missing:
        raise RefusedError(
            f"this machine cannot keep an untrusted step in; what is missing:\n{listed}\n"
            "run it where that is to be had (a virtual machine, for instance), or do without at your "
            "own risk: --untrusted --missing-walls allow"
        )
    text = f"WARNING: this run is NOT kept in as it should be; what is missing:\n{listed}"
    if options.on_missing is not None:
        options.on_missing(text)
        return
    import warnings

    warnings.warn(text, RuntimeWarning, stacklevel=2)


def _problems(recipe: Recipe) -> Iterator[str]:
    for step in recipe.steps:
        if step.kind == "recipe":
            yield (
                f"{_place(recipe, step.name)}: step {step.name!r} runs another recipe, which an "
                "untrusted run may not: run that recipe by itself, with --untrusted"
            )
        elif step.kind == "step_engine":
            yield (
                f"{_place(recipe, step.name)}: step {step.name!r} runs a machine, whose nodes have no walls "
                "around them: an untrusted run may not"
            )
        elif step.policy.executor not in (None, "process"):
            yield (
                f"{_place(recipe, step.name)}: step {step.name!r} asks for executor "
                f"{step.policy.executor!r}, which has no walls: leave `executor` out to run it untrusted"
            )


def _place(recipe: Recipe, name: str) -> Place:
    """Return where the step is named in the text; its beginning where the name is written otherwise."""
    written = re.compile(
        rf"""\s*(?:-\s+)?(?:\{{\s*)?name:\s*["']?{re.escape(name)}["']?\s*(?:[,#}}].*)?$"""
    )
    for number, line in enumerate(recipe.text.splitlines(), 1):
        if written.match(line):
            return Place(recipe.file, number, line.index("name:") + 1)
    return Place(recipe.file, 1, 1)


def permitted(settings: Settings) -> Mapping[str, str]:
    """Return the variables that inputs and expressions of an untrusted run may read: those of the settings.

    What its recipe declares is no permission: whoever wrote it would permit himself everything.
    """
    return {name: os.environ[name] for name in settings.env if name in os.environ}
