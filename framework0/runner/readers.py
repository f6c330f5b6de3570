"""Which step reads the result of another: asked only when a result cannot leave its process."""

from __future__ import annotations

from framework0.recipe import compile_expression, find_templates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework0.recipe import Recipe, Reference, Step


def reader_of(recipe: Recipe, name: str) -> str | None:
    """Return the first step whose expressions may read the result of step ``name``, None if none does."""
    for step in recipe.steps:
        if any(_reads(reference, name) for reference in _references(step)):
            return step.name
    return None


def _reads(reference: Reference, name: str) -> bool:
    if reference.root != "steps":
        return False
    path = reference.path
    if not path:
        # A computed name: it may be any.
        return True
    return path[0] == name and (len(path) == 1 or path[1] == "result")


def _references(step: Step) -> Iterator[Reference]:
    items = None if step.foreach is None else step.foreach.items
    policy = step.policy
    texts = [step.args, step.command, items, dict(policy.env), policy.cwd]
    for text in texts:
        for template in find_templates(text):
            yield from compile_expression(template.expression).names
    if step.when is not None:
        yield from compile_expression(step.when).names
