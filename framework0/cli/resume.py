"""Go on with a run that was interrupted, cancelled or failed: what was acknowledged is not done again.

The recipe is the one the run began with; secrets are read again.

examples:
  framework0 resume
  framework0 resume 20261124-0427 --concurrency 4
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from framework0.cli.choosing import add_run, chosen_run, opened
from framework0.cli.running import add_run_options, see_through, show_what_it_prints
from framework0.errors import EXIT_OK

LISTED: Final = 10
"""Steps named in a sentence; a run of thousands may have thousands of them."""

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from framework0.assembly import Options, RunResult
    from framework0.runner import RunHistory, RunSummary


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``resume``."""
    add_run(parser)
    add_run_options(parser)


def execute(arguments: Namespace) -> int:
    """Resume the run and return the exit code."""
    from framework0.cli.troubles import say

    with opened(arguments) as (_, journal):
        run_id = chosen_run(journal, arguments.run, may_be_resumed)
        history = journal.read(run_id)
    if history.summary.state == "succeeded":
        say(
            f"run {run_id} has succeeded: there is nothing left to do; `framework0 rerun` repeats it"
        )
        return EXIT_OK
    note = edited_since(history, arguments.workspace)
    if note and not arguments.quiet:
        say(note)

    def start(options: Options) -> RunResult:
        from framework0.assembly import resume_run
        from framework0.errors import LockHeld

        if history.summary.nodes == 1:
            show_what_it_prints(arguments, options)
        try:
            return resume_run(run_id, workspace=arguments.workspace, options=options)
        except LockHeld as held:
            raise LockHeld(
                f"run {run_id} is at work in {held.holder}: watch it with "
                f"`framework0 show {run_id}`, or end it with `framework0 cancel {run_id}`",
                holder=held.holder,
            ) from None

    return see_through(arguments, start)


def may_be_resumed(run: RunSummary) -> bool:
    """Say whether ``resume`` without a name may mean this run."""
    return run.state in {"interrupted", "failed", "cancelled"}


def edited_since(history: RunHistory, workspace: str | None) -> str:
    """Return what to tell if the recipe's file is no longer what the run began with."""
    from framework0.errors import RecipeError
    from framework0.recipe import read_document

    header = history.header
    if not os.path.isfile(header.recipe_file):
        return ""
    try:
        if read_document(header.recipe_file).digest == header.recipe_digest:
            return ""
        from framework0.assembly import what_holds

        holding, changed = what_holds(history, workspace)
    except RecipeError:
        return (
            f"{header.recipe_file} was edited since and is no longer right (`framework0 validate` "
            "tells why): the run goes on with the recipe it began with"
        )
    return (
        f"{header.recipe_file} was edited since: the run goes on with the recipe it began with; "
        f"`framework0 rerun --failed {header.run_id}` runs the file as it is now, in which "
        f"{_listed(holding)} of what succeeded would hold and {_listed(changed)} would not"
    )


def _listed(names: list[str]) -> str:
    """Return names as a list, shortened when there are many."""
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return (", ".join(names[:LISTED]) or "nothing") + more
