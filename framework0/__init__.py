"""Framework0: recipes of Python steps, scriptlets, and a versioned context they share.

    from framework0 import run_recipe

    result = run_recipe("recipe.yaml", inputs={"source": "data.csv"})
    result.raise_for_state()
    print(result.context.get("statistics.mean"))

Importing this door costs next to nothing: every name is loaded when it is first used.
"""

from __future__ import annotations

# Importing typing costs more than all the rest of this door; type checkers know this name too.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.assembly import RunRecipe as RunRecipe
    from framework0.assembly import RunResult as RunResult
    from framework0.assembly import arun_recipe as arun_recipe
    from framework0.assembly import check_recipe as check_recipe
    from framework0.assembly import load_recipe as load_recipe
    from framework0.assembly import recipe_of as recipe_of
    from framework0.assembly import run_machine as run_machine
    from framework0.assembly import run_recipe as run_recipe
    from framework0.assembly import step as step
    from framework0.context import Change as Change
    from framework0.context import Context as Context
    from framework0.errors import Framework0Error as Framework0Error
    from framework0.logs import get_logger as get_logger
    from framework0.scriptlets import BaseScriptlet as BaseScriptlet
    from framework0.scriptlets import ExecutionContext as ExecutionContext
    from framework0.scriptlets import register_scriptlet as register_scriptlet
    from framework0.stepengine import StepNode as StepNode

__version__ = "2.0.0"

_ROOMS = {
    "BaseScriptlet": "scriptlets",
    "Change": "context",
    "Context": "context",
    "ExecutionContext": "scriptlets",
    "Framework0Error": "errors",
    "RunRecipe": "assembly",
    "RunResult": "assembly",
    "StepNode": "stepengine",
    "arun_recipe": "assembly",
    "check_recipe": "assembly",
    "get_logger": "logs",
    "load_recipe": "assembly",
    "recipe_of": "assembly",
    "register_scriptlet": "scriptlets",
    "run_machine": "assembly",
    "run_recipe": "assembly",
    "step": "assembly",
}

__all__ = [
    "BaseScriptlet",
    "Change",
    "Context",
    "ExecutionContext",
    "Framework0Error",
    "RunRecipe",
    "RunResult",
    "StepNode",
    "__version__",
    "arun_recipe",
    "check_recipe",
    "get_logger",
    "load_recipe",
    "recipe_of",
    "register_scriptlet",
    "run_machine",
    "run_recipe",
    "step",
]


def __getattr__(name: str) -> object:
    room = _ROOMS.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"framework0.{room}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
