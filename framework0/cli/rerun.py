"""Run the recipe of an earlier run again, as a new run with the same inputs.

examples:
  framework0 rerun
  framework0 rerun 20261124-0427
  framework0 rerun --failed          keep what succeeded, run the rest
  framework0 rerun --failed --dry-run
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.cli.choosing import add_run, chosen_run, opened
from framework0.cli.running import add_run_options, see_through, show_what_it_prints

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from framework0.assembly import Options, RunResult
    from framework0.runner import RunSummary


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``rerun``."""
    add_run(parser)
    parser.add_argument(
        "--failed",
        action="store_true",
        help="keep the results of steps that succeeded and are unchanged, as all before them are",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="with --failed: only show which finished steps would be kept, and why not",
    )
    parser.add_argument("--name", default="", help="a name for the new run")
    add_run_options(parser)


def execute(arguments: Namespace) -> int:
    """Run it again and return the exit code."""
    with opened(arguments) as (_, journal):
        run_id = chosen_run(journal, arguments.run, _has_ended)
        nodes = next(run.nodes for run in journal.runs() if run.run_id == run_id)
        history = journal.read(run_id) if arguments.dry_run else None
    if history is not None:
        from framework0.cli.resume import show_what_holds
        from framework0.errors import UsageError

        if not arguments.failed:
            raise UsageError("rerun runs every step again: --dry-run goes with --failed")
        return show_what_holds(history, arguments)

    def start(options: Options) -> RunResult:
        from framework0.assembly import rerun

        if not arguments.quiet and not arguments.json:
            from framework0.cli.jsonlines import teller

            options.on_kept = teller(arguments, run_id)
        if nodes == 1:
            show_what_it_prints(arguments, options)
        return rerun(
            run_id,
            failed_only=arguments.failed,
            workspace=arguments.workspace,
            name=arguments.name,
            options=options,
        )

    return see_through(arguments, start)


def _has_ended(run: RunSummary) -> bool:
    return run.state not in {"running", "damaged"}
