"""Running again what of an earlier run does not hold, as a new run that takes over what does.

The earlier run's record stays as it is: a run whose recipe changes on the way would be the record of
neither. The new run names it as its parent, begins with the results and the context writes of the steps
that hold, and never has those of the others.
"""

from __future__ import annotations

import os
from time import time
from typing import TYPE_CHECKING, Final

from framework0.assembly.handed import inputs_again
from framework0.assembly.inputs import environment_of, resolve_inputs
from framework0.assembly.session import Session, limits_for
from framework0.context import Context
from framework0.errors import RefusedError
from framework0.runner import Plan, Standing, new_run_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from framework0.assembly.comparing import Comparison
    from framework0.assembly.result import RunResult
    from framework0.assembly.session import Options
    from framework0.context import Change
    from framework0.runner import Journal, RunHistory
    from framework0.workspace import Workspace

LISTED: Final = 20
"""Steps that a list of what holds names of each kind; a run may have thousands."""


def run_the_rest(
    journal: Journal,
    history: RunHistory,
    found: Comparison,
    *,
    workspace: Workspace,
    name: str,
    options: Options,
) -> RunResult:
    """Begin a new run of the recipe as it is now, with what of ``history`` holds, and see it through."""
    recipe = found.recipe
    options.only = tuple(word for word in options.only if _names(found, word))
    options.skip = tuple(word for word in options.skip if _names(found, word))
    plan = Plan(recipe, only=options.only, skip=options.skip)
    handed = options.handed
    given = inputs_again(history.header, handed)
    variables = environment_of(options, workspace)
    inputs = resolve_inputs(recipe, _still_asked(found, given), variables)
    context = _context_to_go_on_with(history, found, options, workspace)
    now = time()
    header = history.header._replace(
        run_id=new_run_id(now, os.urandom),
        name=name or history.header.name,
        recipe_text=recipe.text,
        recipe_digest=recipe.digest,
        inputs=inputs.stored if handed is None else handed.masked(inputs.stored),
        code=recipe.code,
        parent=history.header.run_id,
        created_at=now,
        options=options.stored(),
    )
    if options.on_kept is not None:
        options.on_kept(
            f"of run {found.run_id}, which run {header.run_id} goes on from:\n{listed(found)}"
        )
    owned = _by_step(history.changes, {record.name for record in found.kept})
    skipped = {(record.node, "when"): False for record in found.kept if record.state == "skipped"}
    limits = limits_for(recipe, options, workspace)
    recorder = journal.begin(header, len(plan))
    for (node, kind), answer in skipped.items():
        recorder.decide(node, kind, answer)
    for record in found.kept:
        recorder.append(record, owned.get(record.name, ()))
    session = Session(
        workspace=workspace,
        recipe=recipe,
        plan=plan,
        run_id=header.run_id,
        name=header.name,
        inputs=inputs,
        context=context,
        recorder=recorder,
        options=options,
        limits=limits,
    )
    return session.execute(Standing(plan, found.kept, skipped))


def _context_to_go_on_with(
    history: RunHistory, found: Comparison, options: Options, workspace: Workspace
) -> Context:
    """Return the context with what the steps wrote that hold; a shared one has that already."""
    if options.context is not None:
        from framework0.assembly.sharing import begin_sharing

        return begin_sharing(options, options.context, workspace)
    owned = _by_step(history.changes, {record.name for record in found.kept})
    context = Context.private()
    context.load(sorted((one for own in owned.values() for one in own), key=_version))
    return context


def refuse_to_go_on(found: Comparison) -> None:
    """Raise :class:`~framework0.errors.RefusedError` that lists what does not hold and both ways on."""
    what = (
        f"{found.file} was edited" if found.edited else "code of steps that have finished changed"
    )
    run_id = found.run_id
    raise RefusedError(
        f"run {run_id} does not go on by itself, since {what} after it began:\n"
        f"{listed(found)}\n"
        f"to take what is there now, and run again what does not hold:\n"
        f"  framework0 resume {run_id} --accept-changes\n"
        f"to go on as it was recorded, and keep all that has finished:\n"
        f"  framework0 resume {run_id} --as-recorded"
    )


def listed(found: Comparison) -> str:
    """Return, a line each, which finished steps hold and which do not, and why."""
    holding = [one.step for one in found.steps if one.holds]
    lines = []
    if holding:
        more = f" and {len(holding) - LISTED:,} more" if len(holding) > LISTED else ""
        lines.append(f"  still hold: {', '.join(holding[:LISTED])}{more}")
    others = [one for one in found.steps if not one.holds]
    for one in others[:LISTED]:
        partly = " (some of its items)" if one.partly else ""
        lines.append(f"  does not hold: {one.step}{partly}: {'; '.join(one.reasons[:3])}")
    if len(others) > LISTED:
        lines.append(f"  … and {len(others) - LISTED:,} more")
    if found.added:
        more = f" and {len(found.added) - LISTED:,} more" if len(found.added) > LISTED else ""
        lines.append(f"  new: {', '.join(found.added[:LISTED])}{more}")
    return "\n".join(lines) or "  nothing has finished yet"


def _names(found: Comparison, word: str) -> bool:
    return any(step.name == word for step in found.recipe.steps)


def _still_asked(found: Comparison, given: Mapping[str, object]) -> dict[str, object]:
    """Return those of the inputs that the recipe still has."""
    known = {entry.name for entry in found.recipe.inputs}
    return {name: value for name, value in given.items() if name in known}


def _by_step(changes: Sequence[Change], names: set[str]) -> dict[str, list[Change]]:
    """Return the changes of the steps ``names`` by step; those of its items are a step's own."""
    owned: dict[str, list[Change]] = {}
    for change in changes:
        step = change.step or ""
        if step not in names:
            step = step.rpartition("[")[0]
        if step in names:
            owned.setdefault(step, []).append(change)
    return owned


def _version(change: Change) -> int:
    return change.version
