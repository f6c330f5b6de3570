"""Where the real parts are wired together: the one floor that knows executors, journal and clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework0.assembly.authoring import recipe_of as recipe_of
    from framework0.assembly.authoring import step as step
    from framework0.assembly.holding import what_holds as what_holds
    from framework0.assembly.inputs import resolve_inputs as resolve_inputs
    from framework0.assembly.recipes import as_workspace as as_workspace
    from framework0.assembly.recipes import check_recipe as check_recipe
    from framework0.assembly.recipes import checked as checked
    from framework0.assembly.recipes import load_recipe as load_recipe
    from framework0.assembly.recipes import recorded_recipe as recorded_recipe
    from framework0.assembly.recipes import sources_for as sources_for
    from framework0.assembly.result import RunResult as RunResult
    from framework0.assembly.result import StepResult as StepResult
    from framework0.assembly.running import arun_recipe as arun_recipe
    from framework0.assembly.running import rerun as rerun
    from framework0.assembly.running import resume_run as resume_run
    from framework0.assembly.running import run_recipe as run_recipe
    from framework0.assembly.running import start_run as start_run
    from framework0.assembly.session import Options as Options
    from framework0.assembly.session import default_concurrency as default_concurrency

_HOMES = {
    "Options": "session",
    "RunResult": "result",
    "StepResult": "result",
    "arun_recipe": "running",
    "as_workspace": "recipes",
    "check_recipe": "recipes",
    "checked": "recipes",
    "default_concurrency": "session",
    "load_recipe": "recipes",
    "recipe_of": "authoring",
    "recorded_recipe": "recipes",
    "rerun": "running",
    "resolve_inputs": "inputs",
    "resume_run": "running",
    "run_recipe": "running",
    "sources_for": "recipes",
    "start_run": "running",
    "step": "authoring",
    "what_holds": "holding",
}

__all__ = [
    "Options",
    "RunResult",
    "StepResult",
    "arun_recipe",
    "as_workspace",
    "check_recipe",
    "checked",
    "default_concurrency",
    "load_recipe",
    "recipe_of",
    "recorded_recipe",
    "rerun",
    "resolve_inputs",
    "resume_run",
    "run_recipe",
    "sources_for",
    "start_run",
    "step",
    "what_holds",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
