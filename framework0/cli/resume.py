"""Go on with a run that was interrupted, cancelled or failed: what was acknowledged is not done again.

The recipe is the one the run began with; secrets are read again. When its file, or the code of a step
that has finished, has changed since, nothing is run before you have said how to go on.

examples:
  framework0 resume
  framework0 resume 20261124-0427 --concurrency 4
  framework0 resume --dry-run          what holds, and what does not
  framework0 resume --accept-changes   with the recipe and the code as they are now
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from framework0.cli.choosing import add_run, chosen_run, opened
from framework0.cli.running import add_run_options, see_through, show_what_it_prints
from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from framework0.assembly import Options, RunResult
    from framework0.runner import RunHistory, RunSummary


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``resume``."""
    add_run(parser)
    changes = parser.add_argument_group("when the recipe or its code has changed")
    way = changes.add_mutually_exclusive_group()
    way.add_argument(
        "--accept-changes",
        action="store_true",
        help="take them as they are now, in a new run: what holds is kept, the rest runs",
    )
    way.add_argument(
        "--as-recorded",
        action="store_true",
        help="go on with the recipe as recorded, and keep all that has finished",
    )
    changes.add_argument(
        "--dry-run", action="store_true", help="only show which finished steps hold, and why not"
    )
    add_run_options(parser)


def execute(arguments: Namespace) -> int:
    """Resume the run and return the exit code."""
    from framework0.cli.troubles import say

    with opened(arguments) as (_, journal):
        run_id = chosen_run(journal, arguments.run, may_be_resumed)
        history = journal.read(run_id)
    if "machine" in history.header.options:
        from framework0.assembly import refuse_machine

        refuse_machine(history.header)
    if arguments.dry_run:
        return show_what_holds(history, arguments)
    if history.summary.state == "succeeded":
        say(
            f"run {run_id} has succeeded: there is nothing left to do; `framework0 rerun` repeats it"
        )
        return EXIT_OK

    def start(options: Options) -> RunResult:
        from framework0.assembly import resume_run
        from framework0.cli.jsonlines import teller
        from framework0.errors import RecipeError

        options.edited = (
            "accept"
            if arguments.accept_changes
            else "recorded" if arguments.as_recorded else "refuse"
        )
        if not arguments.quiet and not arguments.json:
            options.on_kept = teller(arguments, run_id)
        if history.summary.nodes == 1:
            show_what_it_prints(arguments, options)
        try:
            with explained_lock(run_id):
                return resume_run(run_id, workspace=arguments.workspace, options=options)
        except RecipeError:
            say(
                f"the recipe is no longer right: mend it, or go on with the one that run {run_id} "
                f"began with: `framework0 resume {run_id} --as-recorded`"
            )
            raise

    return see_through(arguments, start)


@contextmanager
def explained_lock(run_id: str) -> Iterator[None]:
    """Tell what can be done about a run that somebody else is working on."""
    from framework0.errors import LockHeld

    try:
        yield
    except LockHeld as held:
        raise LockHeld(
            f"run {run_id} is at work in {held.holder}: watch it with "
            f"`framework0 show {run_id}`, or end it with `framework0 cancel {run_id}`",
            holder=held.holder,
        ) from None


def may_be_resumed(run: RunSummary) -> bool:
    """Say whether ``resume`` without a name may mean this run."""
    return run.state in {"interrupted", "failed", "cancelled", "paused"}


def show_what_holds(history: RunHistory, arguments: Namespace) -> int:
    """Print which finished steps of a run hold now, and which do not and why."""
    from framework0.assembly import as_workspace, compare, listed

    found = compare(history, as_workspace(arguments.workspace))
    if arguments.json:
        import json

        facts = {
            "run": found.run_id,
            "file": found.file,
            "edited": found.edited,
            "code_changed": found.recoded,
            "steps": [{**one._asdict(), "reasons": list(one.reasons)} for one in found.steps],
            "added": list(found.added),
        }
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
        return EXIT_OK
    from framework0.logs import plain_lines

    if not found.changed:
        what = "neither the recipe nor the code of what has finished has changed"
    elif found.edited:
        what = f"{found.file} was edited since"
    else:
        what = "code of steps that have finished has changed since"
    sys.stdout.write(plain_lines(f"run {found.run_id}: {what}\n{listed(found)}\n"))
    return EXIT_OK
