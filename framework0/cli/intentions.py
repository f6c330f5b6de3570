"""What a run would do with each step, as far as that is known before it begins."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from framework0.recipe import Scope, Step
    from framework0.runner import Plan

KNOWN_BEFORE: Final = frozenset({"inputs", "env"})
"""What an expression may read and still be answered before the run."""


def intentions(
    plan: Plan,
    inputs: Mapping[str, Any],
    allowed: Sequence[str],
    hits: Callable[[Scope], Mapping[int, str]] | None = None,
) -> dict[int, tuple[str, str]]:
    """Return for each node a verdict (``run``, ``skip``, ``perhaps`` or ``cached``) and the reason, if any.

    ``hits`` tells by node from which run a step would be taken instead of being run.

    A condition is evaluated when it reads nothing but ``inputs`` that have a value and ``env``;
    ``allowed`` names the variables the workspace lets every recipe read.
    """
    from framework0.recipe import Scope

    names = (*plan.recipe.env_allow, *allowed)
    env = {name: os.environ[name] for name in names if name in os.environ}
    scope = Scope(inputs=inputs, env=env)
    meant = {step.position: _verdict(plan, step, scope) for step in plan.steps}
    for node, run in ({} if hits is None else hits(scope)).items():
        if meant[node] == ("run", ""):
            meant[node] = ("cached", f"as in run {run}")
    return meant


def _verdict(plan: Plan, step: Step, scope: Scope) -> tuple[str, str]:
    if step.position in plan.left_out:
        return "skip", plan.left_out[step.position]
    if step.phase == "on_failure":
        return "perhaps", "only when something failed"
    if step.when is not None:
        answer = _answer(step.when, scope)
        if answer is None:
            return "perhaps", f"when {step.when}"
        if not answer:
            return "skip", f"when is false: {step.when}"
    if step.foreach is not None:
        return "run", f"for each of {_items(step.foreach.items, scope)}"
    return "run", ""


def _answer(when: str, scope: Scope) -> bool | None:
    from framework0.errors import ExpressionError
    from framework0.recipe import compile_expression

    expression = compile_expression(when)
    if expression.uses_status or any(name.root not in KNOWN_BEFORE for name in expression.names):
        return None
    try:
        return bool(expression.evaluate(scope))
    except ExpressionError:
        # An input that has no value yet.
        return None


def _items(items: Sequence[Any] | str, scope: Scope) -> str:
    from framework0.errors import ExpressionError
    from framework0.recipe import compile_expression, find_templates, render

    if not isinstance(items, str):
        return f"{len(items)} items"
    roots = {
        name.root
        for template in find_templates(items)
        for name in compile_expression(template.expression).names
    }
    if roots <= KNOWN_BEFORE:
        try:
            return f"{len(render(items, scope))} items"
        except (ExpressionError, TypeError):
            return items
    return items
