"""Where the values of a run come from: what each step left, and what it was made from.

What a step left is known from the journal. What it was made from is known where the recipe says it: in
``args``, ``command``, ``env``, ``cwd``, ``when`` and ``foreach``. Which keys of the context its code
reads is seen by reading the code as it is now; a key that is computed cannot be seen, and that is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from framework0.recipe import Recipe, Step
    from framework0.runner import RunHistory
    from framework0.workspace import Workspace

IN_RECIPE: Final = "recipe"
IN_CODE: Final = "code"


class Source(NamedTuple):
    """Something a step was made from: ``kind`` is step, input, context or env.

    ``told_by`` is IN_RECIPE for what the recipe names, IN_CODE for what its code may read.
    """

    kind: str
    name: str
    told_by: str


class Written(NamedTuple):
    """A key of the context as a step left it; ``value`` is JSON with references in it."""

    key: str
    version: int
    value: Any
    removed: bool


class Made(NamedTuple):
    """What the last attempt of a step left, and what it was made from.

    ``unseen`` is true when its code may read more of the context than ``sources`` lists.
    """

    step: str
    state: str
    attempt: int
    result: Any
    written: tuple[Written, ...]
    sources: tuple[Source, ...]
    unseen: bool


def lineage_of(history: RunHistory, recipe: Recipe | None, workspace: Workspace) -> dict[str, Made]:
    """Return by name what each step with a record left; items of a ``foreach`` have names of their own."""
    written: dict[tuple[str, int], dict[str, Written]] = {}
    for change in history.changes:
        if change.step is not None:
            keys = written.setdefault((change.step, change.attempt or 0), {})
            keys[change.key] = Written(change.key, change.version, change.value, change.removed)
    reading = {} if recipe is None else _reading(recipe, workspace)
    made = {}
    for record in history.attempts:
        sources, unseen = reading.get(record.name.partition("[")[0], ((), True))
        if record.name in reading:
            sources, unseen = reading[record.name]
        made[record.name] = Made(
            record.name,
            record.state,
            record.attempt,
            record.outcome.result,
            tuple(written.get((record.name, record.attempt), {}).values()),
            sources,
            unseen,
        )
    return made


def _reading(recipe: Recipe, workspace: Workspace) -> Mapping[str, tuple[tuple[Source, ...], bool]]:
    from framework0.assembly.code import CodeReader
    from framework0.assembly.recipes import sources_for

    sources = sources_for(workspace, recipe.file)
    reader = CodeReader(sources, recipe.file)
    found = {}
    for step in recipe.steps:
        seen = dict.fromkeys(_named(step))
        home = reader.home(step)
        unseen = False
        if home is not None:
            facts = sources.facts(*home)
            unseen = facts.reads_unknown
            known = {(one.kind, one.name) for one in seen}
            for key in (*facts.reads, *facts.guarded):
                if ("context", key) not in known:
                    seen[Source("context", key, IN_CODE)] = None
        found[step.name] = (tuple(seen), unseen)
    return found


def _named(step: Step) -> Iterator[Source]:
    """Yield what the recipe itself says that a step takes."""
    from framework0.recipe import compile_expression, find_templates

    texts: list[Any] = [step.args, step.command, dict(step.policy.env), step.policy.cwd]
    if step.foreach is not None:
        texts.append(step.foreach.items)
    expressions = [template.expression for text in texts for template in find_templates(text)]
    if step.when is not None:
        expressions.append(step.when)
    for expression in expressions:
        for name in compile_expression(expression).names:
            if name.root == "steps" and name.path:
                yield Source("step", str(name.path[0]), IN_RECIPE)
            elif name.root in ("inputs", "env") and name.path:
                kind = "input" if name.root == "inputs" else "env"
                yield Source(kind, str(name.path[0]), IN_RECIPE)
            elif name.root == "context" and name.path:
                key = ".".join(map(str, name.path))
                yield Source("context", key, IN_RECIPE)
