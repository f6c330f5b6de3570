"""Starting runs: new ones, interrupted ones, and those worth doing again."""

from __future__ import annotations

import os
from time import time
from typing import TYPE_CHECKING, Any

from framework0.assembly.garbage import rarer_collections
from framework0.assembly.inputs import resolve_inputs
from framework0.assembly.recipes import (
    as_workspace,
    load_recipe,
    recorded_recipe,
)
from framework0.assembly.session import Options, Session
from framework0.context import Context
from framework0.errors import RunNotFound, UsageError
from framework0.recipe import Recipe
from framework0.runner import Journal, Plan, RunHeader, new_run_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from framework0.assembly.result import RunResult
    from framework0.runner import Observer, RunHistory
    from framework0.workspace import Workspace


def run_recipe(
    recipe: str | os.PathLike[str] | Recipe,
    *,
    inputs: Mapping[str, Any] | None = None,
    workspace: Workspace | str | Path | None = None,
    context: Context | None = None,
    executor: str | None = None,
    concurrency: int = 0,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    name: str = "",
    durability: str | None = None,
    observer: Observer | None = None,
    echo: bool = False,
) -> RunResult:
    """Run a recipe to its end and return how it went.

    ``recipe`` is a file or a checked recipe. ``inputs`` are its inputs by name. A ``context`` given
    is shared with the caller; otherwise the run has a private one. ``executor`` is ``thread``,
    ``process`` or ``serial``; ``concurrency`` how many steps may run at once. ``only`` and ``skip``
    name steps. With ``echo`` what the steps print goes to the terminal too.

    A failed run is a result, not an exception: see :meth:`RunResult.raise_for_state`. Raises
    :class:`~framework0.errors.RecipeError`, :class:`~framework0.errors.UsageError` before anything
    runs, and :class:`~framework0.errors.WorkspaceError` when the journal cannot be kept.
    """
    options = Options(
        executor=executor,
        concurrency=concurrency,
        only=only,
        skip=skip,
        durability=durability,
        observer=observer,
        echo=echo,
    )
    return start_run(
        recipe, inputs=inputs, workspace=workspace, context=context, name=name, options=options
    )


async def arun_recipe(recipe: str | os.PathLike[str] | Recipe, **arguments: Any) -> RunResult:
    """Run a recipe as :func:`run_recipe` does, without blocking the event loop of the caller.

    Cancelling the task cancels the run and waits for its end.
    """
    import asyncio
    from threading import Event

    stop = Event()
    inputs = arguments.pop("inputs", None)
    workspace = arguments.pop("workspace", None)
    context = arguments.pop("context", None)
    name = arguments.pop("name", "")
    options = Options(stop_when=stop.is_set, **arguments)

    def work() -> RunResult:
        return start_run(
            recipe, inputs=inputs, workspace=workspace, context=context, name=name, options=options
        )

    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await running
        raise


def start_run(
    recipe: str | os.PathLike[str] | Recipe,
    *,
    inputs: Mapping[str, Any] | None = None,
    workspace: Workspace | str | Path | None = None,
    context: Context | None = None,
    name: str = "",
    run_id: str | None = None,
    parent: str | None = None,
    options: Options | None = None,
) -> RunResult:
    """Begin a new run and see it through."""
    options = options or Options()
    space = as_workspace(workspace)
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, workspace=space)
    values = resolve_inputs(recipe, inputs or {}, os.environ)
    with rarer_collections(len(recipe.steps)):
        plan = Plan(recipe, only=options.only, skip=options.skip)
    now = time()
    header = RunHeader(
        run_id=run_id or new_run_id(now, os.urandom),
        name=name,
        recipe_name=recipe.name,
        recipe_file=_absolute(recipe.file),
        recipe_text=recipe.text,
        recipe_digest=recipe.digest,
        inputs=values.stored,
        options=options.stored(),
        parent=parent,
        created_at=now,
    )
    shared = context or Context()
    with _journal(space, options) as journal:
        standing = None
        if options.only:
            from framework0.assembly.basis import left_out_results

            standing = left_out_results(journal, plan)
        if standing is not None and context is None:
            shared.load(standing.changes)
        recorder = journal.begin(header, len(plan))
        session = Session(
            workspace=space,
            recipe=recipe,
            plan=plan,
            run_id=header.run_id,
            name=name,
            inputs=values,
            context=shared,
            recorder=recorder,
            options=options,
        )
        return session.execute(standing)


def resume_run(
    run_id: str,
    *,
    workspace: Workspace | str | Path | None = None,
    options: Options | None = None,
) -> RunResult:
    """Go on with a run that was interrupted, cancelled or failed: what is complete stays complete.

    The recipe, the inputs and every decision are those of the journal; secrets are read again.
    """
    from framework0.runner import Standing

    options = options or Options()
    space = as_workspace(workspace)
    with _journal(space, options) as journal:
        header = journal.read(run_id).header
        recipe = recorded_recipe(header.recipe_text, header.recipe_file, space)
        inputs = resolve_inputs(recipe, header.inputs, os.environ)
        _take_stored(options, header.options)
        plan = Plan(recipe, only=options.only, skip=options.skip)
        recorder = journal.resume(run_id, len(plan))
        history = recorder.history
        assert history is not None
        context = Context()
        context.load(history.changes)
        session = Session(
            workspace=space,
            recipe=recipe,
            plan=plan,
            run_id=run_id,
            name=header.name,
            inputs=inputs,
            context=context,
            recorder=recorder,
            options=options,
        )
        return session.execute(Standing(plan, history.attempts, history.decisions))


def run_or_resume(
    recipe: str | os.PathLike[str],
    *,
    run_id: str,
    parent: str,
    workspace: Workspace,
    inputs: Mapping[str, Any],
    options: Options,
) -> RunResult:
    """Begin the run ``run_id``, or go on with it if the journal has it."""
    with _journal(workspace, options) as journal:
        try:
            journal.read(run_id)
        except RunNotFound:
            known = False
        else:
            known = True
    if known:
        return resume_run(run_id, workspace=workspace, options=options)
    return start_run(
        recipe, inputs=inputs, workspace=workspace, run_id=run_id, parent=parent, options=options
    )


def rerun(
    run_id: str,
    *,
    failed_only: bool = False,
    workspace: Workspace | str | Path | None = None,
    name: str = "",
    options: Options | None = None,
) -> RunResult:
    """Run the recipe of an earlier run again, as a new run that names it as its parent.

    With ``failed_only`` the steps that succeeded then, and whose definition and upstream steps are
    unchanged, keep their results and context writes; the others run.
    """
    from framework0.assembly.holding import current_recipe

    options = options or Options()
    space = as_workspace(workspace)
    with _journal(space, options) as journal:
        history = journal.read(run_id)
    header = history.header
    _take_stored(options, header.options)
    recipe = current_recipe(history, space)
    if not failed_only:
        return start_run(
            recipe,
            inputs=header.inputs,
            workspace=space,
            name=name or header.name,
            parent=run_id,
            options=options,
        )
    return _rerun_failed(history, recipe, space, name, options)


def _rerun_failed(
    history: RunHistory, recipe: Recipe, space: Workspace, name: str, options: Options
) -> RunResult:
    from framework0.assembly.holding import still_valid
    from framework0.runner import Standing

    old = recorded_recipe(history.header.recipe_text, history.header.recipe_file)
    plan = Plan(recipe, only=options.only, skip=options.skip)
    kept = list(still_valid(history, old, recipe, plan))
    if len(kept) == len(plan):
        raise UsageError(
            f"nothing to run again: every step of {history.header.run_id} succeeded; "
            "leave out --failed to run them all"
        )
    now = time()
    header = history.header._replace(
        run_id=new_run_id(now, os.urandom),
        name=name or history.header.name,
        recipe_text=recipe.text,
        recipe_digest=recipe.digest,
        parent=history.header.run_id,
        created_at=now,
        options=options.stored(),
    )
    names = {record.name for record in kept}
    changes = [change for change in history.changes if change.step in names]
    context = Context()
    context.load(changes)
    with _journal(space, options) as journal:
        recorder = journal.begin(header, len(plan))
        for record in kept:
            own = [change for change in changes if change.step == record.name]
            recorder.append(record, own)
        session = Session(
            workspace=space,
            recipe=recipe,
            plan=plan,
            run_id=header.run_id,
            name=header.name,
            inputs=resolve_inputs(recipe, header.inputs, os.environ),
            context=context,
            recorder=recorder,
            options=options,
        )
        return session.execute(Standing(plan, kept, {}))


def _take_stored(options: Options, stored: Mapping[str, Any]) -> None:
    """Fill what the caller left open with what the earlier run was told."""
    options.executor = options.executor or stored.get("executor")
    options.concurrency = options.concurrency or stored.get("concurrency", 0)
    options.only = options.only or tuple(stored.get("only", ()))
    options.skip = options.skip or tuple(stored.get("skip", ()))


def _journal(space: Workspace, options: Options) -> AbstractContextManager[Journal]:
    from contextlib import closing

    space.ensure_state()
    return closing(
        Journal(space.journal, durability=options.durability or space.settings.durability)
    )


def _absolute(file: str) -> str:
    return os.path.abspath(file) if os.path.exists(file) else file
