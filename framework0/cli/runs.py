"""List the runs of this workspace, the newest first, or prune old ones.

examples:
  framework0 runs
  framework0 runs --state failed --recipe weather --limit 5
  framework0 runs --json
  framework0 runs prune --keep 100 --older-than 30d --dry-run
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from framework0.cli.choosing import add_workspace, opened
from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from framework0.artifacts import Kept
    from framework0.runner import RunSummary

STATES: Final = ("running", "succeeded", "failed", "cancelled", "interrupted", "paused", "damaged")
"""What a run can be told as; ``interrupted``: not ended, and its process is gone."""

LISTED: Final = 20
"""Runs listed unless told otherwise: what fits a terminal."""


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``runs`` and of ``runs prune``."""
    from argparse import SUPPRESS

    parser.add_argument(
        "--limit",
        type=_count,
        metavar="N",
        help=f"how many runs at most (default {LISTED}; 0: all)",
    )
    parser.add_argument("--state", choices=STATES, help="only runs in this state")
    parser.add_argument("--recipe", metavar="NAME", help="only runs of the recipe of that name")
    parser.add_argument(
        "--all", action="store_true", help="also the runs that steps of other runs began"
    )
    parser.add_argument("--json", action="store_true", help="a JSON list of all their facts")
    add_workspace(parser)
    prune = parser.add_subparsers(dest="action", metavar="prune").add_parser(
        "prune",
        help="remove runs with all that belongs to them",
        description="Remove runs that have ended. A run that is running or paused always stays.",
    )
    prune.add_argument(
        "--keep",
        type=_count,
        metavar="N",
        help="the newest N stay (default: keep_runs of the workspace's settings)",
    )
    prune.add_argument(
        "--older-than",
        type=_duration,
        metavar="TIME",
        help="only what began longer ago goes, as in 30d or 12h; with --keep a run must be both",
    )
    prune.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    # Suppressed, so that the parser of the verb has the say when they stand before `prune`.
    prune.add_argument("--json", action="store_true", default=SUPPRESS, help="as JSON")
    prune.add_argument("--workspace", metavar="DIR", default=SUPPRESS, help="the workspace")


def _count(text: str) -> int:
    from argparse import ArgumentTypeError

    if not text.isdecimal():
        raise ArgumentTypeError(f"a whole number from 0 on is needed, not {text!r}")
    return int(text[:9])


def _duration(text: str) -> float:
    from argparse import ArgumentTypeError

    from framework0.durations import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} {error}") from error


def execute(arguments: Namespace) -> int:
    """List the runs, or prune them."""
    return _prune(arguments) if arguments.action == "prune" else _list(arguments)


def _list(arguments: Namespace) -> int:
    from framework0.cli.troubles import say

    with opened(arguments) as (_, journal):
        found = [
            run
            for run in journal.runs(recipe=arguments.recipe)
            if (arguments.all or not run.is_inner)
            and (arguments.state is None or run.state == arguments.state)
        ]
    limit = LISTED if arguments.limit is None else arguments.limit or len(found)
    shown = found[:limit]
    if arguments.json:
        _write_json([run_facts(run) for run in shown])
    elif shown:
        sys.stdout.write(_table(shown))
    else:
        say("there is no run yet" if not _filtered(arguments) else "no run fits")
    if len(found) > len(shown):
        say(f"{len(found) - len(shown)} older ones are not shown: --limit 0 shows all")
    return EXIT_OK


def _filtered(arguments: Namespace) -> bool:
    return arguments.recipe is not None or arguments.state is not None


def _table(runs: Sequence[RunSummary]) -> str:
    from framework0.cli.columns import state_colors, table
    from framework0.cli.streams import columns_of
    from framework0.cli.times import clock_text, seconds_text

    named = any(run.name for run in runs)
    header = ["RUN", "STATE", "BEGAN", "TOOK", "STEPS", "RECIPE"] + ["NAME"] * named
    rows = []
    for run in runs:
        seconds = run_seconds(run)
        row = [
            run.run_id,
            run.state,
            clock_text(run.created_at) if run.created_at else "",
            "" if seconds is None else seconds_text(seconds),
            f"{run.nodes:,}",
            _title(run),
        ]
        rows.append(row + [run.name] * named)
    return table(
        header,
        rows,
        columns=columns_of(sys.stdout),
        right="TOOK STEPS",
        colors=state_colors(sys.stdout),
    )


def _title(run: RunSummary) -> str:
    """Return what was run, the name first: a narrow terminal cuts the end."""
    kind, blank, name = run.recipe_name.partition(" ")
    # The run of a machine has no text of a recipe.
    machine = kind == "machine" and blank and not run.recipe_digest
    return f"{name} (machine)" if machine else run.recipe_name


def run_seconds(run: RunSummary) -> float | None:
    """Return how long a run took from its beginning, until now if it is running, None if unknown."""
    from time import time

    from framework0.runner import RUNNING

    if run.finished_at is not None:
        return max(0.0, run.finished_at - run.created_at)
    return max(0.0, time() - run.created_at) if run.state == RUNNING else None


def run_facts(run: RunSummary) -> dict[str, Any]:
    """Return what a program may want to know of a run; times are epoch seconds."""
    seconds = run_seconds(run)
    return {
        "id": run.run_id,
        "name": run.name,
        "state": run.state,
        "recipe": run.recipe_name,
        "recipe_file": run.recipe_file,
        "recipe_digest": run.recipe_digest,
        "created_at": run.created_at,
        "finished_at": run.finished_at,
        "seconds": None if seconds is None else round(seconds, 6),
        "step_count": run.nodes,
        "parent": run.parent,
        "schedule": run.schedule,
        "pid": run.pid,
        "host": run.host,
    }


def _prune(arguments: Namespace) -> int:
    from framework0.assembly import sweep_artifacts
    from framework0.errors import UsageError

    with opened(arguments) as (space, journal):
        keep = arguments.keep
        if keep is None:
            keep = space.settings.keep_runs or None
        age = arguments.older_than
        if keep is None and age is None:
            raise UsageError(
                "say what may go: --keep N, --older-than 30d, or keep_runs in framework0.toml"
            )
        going = journal.prunable(keep=keep, older_than=age)
        removed = {run.run_id for run in going}
        if not arguments.dry_run:
            removed = set(journal.prune(keep=keep, older_than=age))
        swept = [] if arguments.dry_run else sweep_artifacts(space, journal)
    _tell_pruned(arguments, [run for run in going if run.run_id in removed], swept)
    return EXIT_OK


def _tell_pruned(arguments: Namespace, gone: Sequence[RunSummary], swept: Sequence[Kept]) -> None:
    from framework0.cli.troubles import say

    if arguments.json:
        ids = [run.run_id for run in gone]
        _write_json(
            {
                "removed": [] if arguments.dry_run else ids,
                "would_remove": ids,
                "artifacts_removed": [kept.digest for kept in swept],
            }
        )
        return
    if gone:
        sys.stdout.write(_table(gone))
    count = f"{len(gone)} run{'' if len(gone) == 1 else 's'}"
    say(f"{count} would be removed" if arguments.dry_run else f"{count} removed")
    if swept:
        say(told_swept(swept))


def told_swept(swept: Sequence[Kept], *, done: bool = True) -> str:
    """Say in one line how many artifacts went, or would go, and what they took."""
    from framework0.cli.sizes import bytes_text

    count = f"{len(swept)} artifact{'' if len(swept) == 1 else 's'}"
    verb = "removed" if done else "would be removed"
    return f"{count} {verb}, {bytes_text(sum(kept.bytes for kept in swept))}"


def _write_json(value: Any) -> None:
    import json

    sys.stdout.write(json.dumps(value, indent=2) + "\n")
