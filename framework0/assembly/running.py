"""Starting runs: new ones, interrupted ones, and those worth doing again."""

from __future__ import annotations

import os
from time import time

from framework0.assembly.garbage import rarer_collections
from framework0.assembly.inputs import environment_of, resolve_inputs
from framework0.assembly.recipes import (
    as_workspace,
    load_recipe,
    recorded_recipe,
)
from framework0.assembly.session import Options, Session, limits_for
from framework0.context import Context
from framework0.errors import RunNotFound, UsageError
from framework0.recipe import Recipe
from framework0.runner import Journal, Plan, RunHeader, new_run_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Any

    from framework0.assembly.result import RunResult
    from framework0.assembly.watch import Watch
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
    observer: Observer | Sequence[Observer] | None = None,
    echo: bool = False,
    fail_fast: bool = False,
    deadline: float | None = None,
    metrics_file: str = "",
    log_format: str = "",
    untrusted: str | None = None,
) -> RunResult:
    """Run a recipe to its end and return how it went.

    ``recipe`` is a file or a checked recipe. ``inputs`` are its inputs by name. A ``context`` given
    is shared with the caller; otherwise the run has a private one. ``executor`` is ``thread``,
    ``process`` or ``serial``; ``concurrency`` how many steps may run at once. ``only`` and ``skip``
    name steps. With ``echo`` what the steps print goes to the terminal too. With ``fail_fast`` the first
    failed step stops the others; ``deadline`` is how many seconds the run's steps may take together.
    ``observer`` is told what happens, or each of several. ``metrics_file`` is kept up to date for
    Prometheus; ``log_format`` ``json`` writes logs as JSON lines. With ``untrusted`` ``strict`` each step
    runs in a sandbox, with ``best-effort`` in what this machine has of one.

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
        fail_fast=fail_fast,
        deadline=deadline,
        watch=_watch(metrics_file, log_format),
        untrusted=untrusted,
    )
    return start_run(
        recipe, inputs=inputs, workspace=workspace, context=context, name=name, options=options
    )


def _watch(metrics_file: str, log_format: str) -> Watch | None:
    if not (metrics_file or log_format):
        return None
    from framework0.assembly.watch import Watch

    return Watch(metrics_file=metrics_file, log_format=log_format)


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
    watch = _watch(arguments.pop("metrics_file", ""), arguments.pop("log_format", ""))
    options = Options(stop_when=stop.is_set, watch=watch, **arguments)

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
    values = resolve_inputs(recipe, inputs or {}, environment_of(options, space))
    plan = _planned(recipe, options)
    if options.context is not None and context is None:
        from framework0.assembly.sharing import begin_sharing

        context = begin_sharing(options, options.context, space)
    now = time()
    header = RunHeader(
        run_id=run_id or new_run_id(now, os.urandom),
        name=name,
        recipe_name=recipe.name,
        recipe_file=_absolute(recipe.file),
        recipe_text=recipe.text,
        recipe_digest=recipe.digest,
        inputs=values.stored if options.handed is None else options.handed.masked(values.stored),
        options=options.stored(),
        parent=parent,
        created_at=now,
        code=recipe.code,
    )
    shared = context or Context.private()
    with journal_of(space, options) as journal:
        standing = None
        if options.only:
            from framework0.assembly.basis import left_out_results

            standing = left_out_results(journal, plan)
        if standing is not None and context is None:
            shared.load(standing.changes)
        limits = limits_for(recipe, options, space)
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
            limits=limits,
        )
        return session.execute(standing)


def resume_run(
    run_id: str,
    *,
    workspace: Workspace | str | Path | None = None,
    options: Options | None = None,
) -> RunResult:
    """Go on with a run that was interrupted, cancelled or failed: what is complete stays complete.

    The recipe, the inputs and every decision are those of the journal; secrets are read again. If the
    recipe's file, or code of a step that has finished, is not what it was, ``options.edited`` says
    what to do: ``refuse`` (raise :class:`~framework0.errors.RefusedError`), ``recorded`` (go on all
    the same) or ``accept`` (a new run, which names this one as its parent and keeps what holds).
    """
    from framework0.runner import Standing

    options = options or Options()
    space = as_workspace(workspace)
    with journal_of(space, options) as journal:
        header = (history := journal.read(run_id)).header
        _refuse_machine(header)
        if history.summary.state == "paused":
            raise UsageError(f"run {run_id} is paused: `framework0 continue {run_id}` goes on")
        if options.edited != "recorded":
            from framework0.assembly.comparing import compare
            from framework0.assembly.repeating import refuse_to_go_on, run_the_rest

            found = compare(history, space)
            if found.changed and options.edited == "accept":
                take_stored(options, header.options)
                return run_the_rest(
                    journal, history, found, workspace=space, name="", options=options
                )
            if found.changed:
                refuse_to_go_on(found)
            _tell_what_holds(len(found.steps), options)
            recipe = found.recorded
        else:
            recipe = recorded_recipe(header.recipe_text, header.recipe_file, space)
        take_stored(options, header.options)
        variables = environment_of(options, space)
        inputs = resolve_inputs(recipe, _inputs_again(header, options), variables)
        plan = Plan(recipe, only=options.only, skip=options.skip)
        limits = limits_for(recipe, options, space)
        recorder = journal.resume(run_id, len(plan), _stops_told(plan, history, options))
        assert recorder.history is not None
        history = recorder.history
        context = context_again(history, options, space)
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
            limits=limits,
        )
        return session.execute(Standing(plan, history.attempts, history.decisions))


def context_again(history: RunHistory, options: Options, space: Workspace) -> Context:
    """Return the context of a run that goes on: its own from the journal, or the one it shares."""
    if history.header.options.get("context") is not None:
        from framework0.assembly.sharing import share_again

        return share_again(history, options, space)
    context = Context.private()
    context.load(history.changes)
    return context


def _inputs_again(header: RunHeader, options: Options) -> Mapping[str, Any]:
    """Return the inputs of a run that goes on or is repeated."""
    if options.handed is None and header.parent is None:
        return header.inputs
    from framework0.assembly.handed import inputs_again

    return inputs_again(header, options.handed)


def _refuse_machine(header: RunHeader) -> None:
    if "machine" in header.options:
        from framework0.assembly.machines import refuse_machine

        refuse_machine(header)


def _tell_what_holds(finished: int, options: Options) -> None:
    if options.on_kept is not None:
        told = "1 finished step holds" if finished == 1 else f"{finished:,} finished steps hold"
        options.on_kept(told if finished else "no step has finished yet")


def _planned(recipe: Recipe, options: Options) -> Plan:
    """Return the plan of a new run. Raises UsageError for a step or a breakpoint it does not have."""
    with rarer_collections(len(recipe.steps)):
        plan = Plan(recipe, only=options.only, skip=options.skip)
    if options.breaks:
        from framework0.assembly.pausing import check_breaks

        check_breaks(plan, options.breaks)
    return plan


def _stops_told(plan: Plan, history: RunHistory, options: Options) -> Callable[..., Any] | None:
    """Return what a resume has to tell the journal about its stops, None when there are none."""
    if not (
        plan.recipe.pauses
        or options.breaks
        or history.header.options.get("breaks")
        or (-1, "breaks") in history.decisions
    ):
        return None
    from framework0.assembly.pausing import resumption

    return resumption(plan, options)


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
    with journal_of(workspace, options) as journal:
        try:
            paused = journal.read(run_id).summary.state == "paused"
        except RunNotFound:
            known = paused = False
        else:
            known = True
    if paused:
        from framework0.assembly.result import RunResult

        return RunResult(run_id, "paused", dict, Context.private())
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

    With ``failed_only`` the steps that succeeded then, and whose definition, code and upstream steps
    are unchanged, keep their results and context writes; the others run.
    """
    options = options or Options()
    space = as_workspace(workspace)
    with journal_of(space, options) as journal:
        history = journal.read(run_id)
        header = history.header
        _refuse_machine(header)
        given = _inputs_again(header, options)
        take_stored(options, header.options)
        if failed_only:
            return _rerun_failed(journal, history, space, name, options)
    recipe: Recipe | str = header.recipe_file
    if not os.path.isfile(header.recipe_file):
        recipe = recorded_recipe(header.recipe_text, header.recipe_file, space)
    return start_run(
        recipe,
        inputs=given,
        workspace=space,
        name=name or header.name,
        parent=run_id,
        options=options,
    )


def _rerun_failed(
    journal: Journal, history: RunHistory, space: Workspace, name: str, options: Options
) -> RunResult:
    from framework0.assembly.comparing import compare
    from framework0.assembly.repeating import run_the_rest

    found = compare(history, space)
    done = sum(record.state != "skipped" for record in found.kept)
    if done == len(found.recipe.steps):
        raise UsageError(
            f"nothing to run again: every step of {history.header.run_id} succeeded; "
            "leave out --failed to run them all"
        )
    return run_the_rest(journal, history, found, workspace=space, name=name, options=options)


def take_stored(options: Options, stored: Mapping[str, Any]) -> None:
    """Fill what the caller left open with what the earlier run was told."""
    options.executor = options.executor or stored.get("executor")
    # What was begun behind walls never goes on without.
    options.untrusted = options.untrusted or stored.get("untrusted")
    options.concurrency = options.concurrency or stored.get("concurrency", 0)
    options.fail_fast = options.fail_fast or stored.get("fail_fast", False)
    options.deadline = options.deadline or stored.get("deadline")
    options.context = options.context or stored.get("context")
    options.only = options.only or tuple(stored.get("only", ()))
    options.skip = options.skip or tuple(stored.get("skip", ()))


def journal_of(space: Workspace, options: Options) -> AbstractContextManager[Journal]:
    """Return the journal of a workspace, to be closed at the end of the block."""
    from contextlib import closing

    space.ensure_state()
    settings = space.settings
    return closing(
        Journal(
            space.journal,
            durability=options.durability or settings.durability,
            result_bytes=settings.result_bytes,
        )
    )


def _absolute(file: str) -> str:
    return os.path.abspath(file) if os.path.exists(file) else file
