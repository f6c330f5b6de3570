"""The process of one scheduled run: ``framework0 run``, told by its firing what to run.

It begins the run under the id that was recorded before it was started. The journal takes an id once,
so of several processes for one firing, one has the run and the others end.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from framework0.cli.main import parser_of
from framework0.cli.running import see_through
from framework0.cli.troubles import reported
from framework0.errors import Framework0Error, UsageError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from framework0.assembly import Options, RunResult
    from framework0.schedules import Firing, Schedule
    from framework0.workspace import Workspace


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out the run whose workspace and id the arguments name; return its exit code."""
    root, run = sys.argv[1:] if argv is None else argv
    return reported(lambda: _execute(root, run))


def _execute(root: str, run: str) -> int:
    from framework0.schedules import inputs_for, run_note
    from framework0.workspace import find_workspace

    space = find_workspace(explicit=root)
    schedule, firing = _asked_for(space, run)
    arguments = _arguments(space, schedule)
    inputs = inputs_for(schedule, firing.due)

    def start(options: Options) -> RunResult:
        from framework0.assembly import load_recipe, start_run

        options.schedule = run_note(schedule.name, firing.due, schedule.timing.tz)
        _confirm_when_it_runs(space, run, options)
        recipe = load_recipe(arguments.recipe, workspace=space)
        return start_run(
            recipe,
            inputs=inputs,
            workspace=space,
            name=schedule.name,
            run_id=run,
            options=options,
        )

    return see_through(arguments, start)


def _asked_for(space: Workspace, run: str) -> tuple[Schedule, Firing]:
    """Return what is to be run, if that is still wanted."""
    from framework0.schedules import PENDING, store_of

    store = store_of(space)
    try:
        firing = store.firings.of_run(run)
        if firing is None or firing.decision != PENDING:
            raise UsageError(f"no schedule waits for run {run} any more")
        return store.get(firing.schedule).schedule, firing
    finally:
        # Closed here: no connection may be taken through the fork that follows.
        store.close()


def _arguments(space: Workspace, schedule: Schedule) -> Namespace:
    words = [schedule.recipe, "--quiet", "--workspace", str(space.root)]
    if schedule.deadline:
        words += ["--deadline", str(schedule.deadline)]
    if schedule.untrusted:
        words.append("--untrusted")
    return parser_of("run").parse_args(words)


def _confirm_when_it_runs(space: Workspace, run: str, options: Options) -> None:
    """Record that the run has begun, so that this is known whatever becomes of the server."""
    from framework0.schedules import store_of

    attach = options.on_run

    def begun(engine: object) -> None:
        if attach is not None:
            attach(engine)  # type: ignore[arg-type]
        store = store_of(space)
        try:
            store.firings.confirm(run)
        except Framework0Error:
            # The server will find it in the journal; the run itself need not suffer.
            return
        finally:
            store.close()

    options.on_run = begun
