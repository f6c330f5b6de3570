"""Recipes written as Python functions: ``@step`` says what a step is, ``recipe_of`` collects them.

The functions become an ordinary recipe, as JSON (which is YAML), and pass the same checks. So such a
run is resumed, explained and repeated like any other, from the text kept in its journal.

    @step
    def load(): ...

    @step(depends_on=[load], retry=3, timeout="30s")
    def clean(context): ...

    run_recipe(recipe_of(clean))
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar, overload

from framework0.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework0.recipe import Recipe

MARK = "__framework0_step__"

Function = TypeVar("Function", bound="Callable[..., Any]")


@overload
def step(function: Function, /) -> Function: ...
@overload
def step(*, name: str | None = None, **keys: Any) -> Callable[[Function], Function]: ...


def step(
    function: Function | None = None, /, *, name: str | None = None, **keys: Any
) -> Function | Callable[[Function], Function]:
    """Mark a function as a step; used bare or with any key a step of a recipe file may have.

    ``depends_on`` takes functions or names. The function itself stays as it is and can be called.
    """

    def mark(marked: Function) -> Function:
        setattr(marked, MARK, {"name": name or marked.__name__, **keys})
        return marked

    return mark if function is None else mark(function)


def recipe_of(*functions: Callable[..., Any], name: str = "", **keys: Any) -> Recipe:
    """Return the recipe of these steps and of all they depend on, those first.

    ``keys`` are further top-level keys of a recipe, such as ``inputs`` or ``defaults``. Raises
    :class:`~framework0.errors.UsageError` for a function without ``@step`` or one that a run could
    not find again, and :class:`~framework0.errors.RecipeError` as for any recipe.
    """
    from framework0.assembly.recipes import as_workspace, recipe_from_text

    steps: dict[str, dict[str, Any]] = {}
    for function in functions:
        _collect(function, steps, ())
    if not name and functions:
        name = module_of(functions[-1])
    document = {
        "metadata": {"name": name},
        "order": "graph",
        **keys,
        "steps": list(steps.values()),
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, default=_not_json)
    return recipe_from_text(text, f"<steps of {name}>", as_workspace(None))


def module_of(function: Callable[..., Any]) -> str:
    """Return the module a run finds ``function`` in.

    A script that is run as ``__main__`` is found again by its file's name, which a later process
    can import as well.
    """
    if function.__module__ != "__main__":
        return function.__module__
    file = getattr(sys.modules["__main__"], "__file__", None)
    return os.path.splitext(os.path.basename(file))[0] if file else "__main__"


def _collect(
    function: Callable[..., Any], steps: dict[str, dict[str, Any]], above: tuple[str, ...]
) -> str:
    marks: dict[str, Any] | None = getattr(function, MARK, None)
    if marks is None:
        shown = getattr(function, "__qualname__", repr(function))
        raise UsageError(f"{shown} is no step: put @step above it")
    if "<locals>" in function.__qualname__:
        raise UsageError(
            f"{function.__qualname__} is made inside a function, where no run finds it again: "
            "move it to the top of its module"
        )
    name: str = marks["name"]
    if name in above:
        raise UsageError("the steps wait for each other: " + " → ".join((*above, name)))
    if name not in steps:
        waits = [
            other if isinstance(other, str) else _collect(other, steps, (*above, name))
            for other in marks.get("depends_on", ())
        ]
        steps[name] = {
            "name": name,
            "module": module_of(function),
            "function": function.__qualname__,
            **{key: value for key, value in marks.items() if key not in ("name", "depends_on")},
            "depends_on": waits,
        }
    return name


def _not_json(value: object) -> str:
    raise UsageError(f"a step's key holds a {type(value).__name__}: recipes hold JSON values only")
