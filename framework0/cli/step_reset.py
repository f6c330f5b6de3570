"""Have a machine begin anew: it forgets where it stands, and keeps the parameters of its nodes.

What was there last is in the copy beside its parameter file, whose name ends in .bak. Refused while the
machine runs.

examples:
  framework0 step reset machines/press
  framework0 step reset machines/press --yes --forget
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from framework0.errors import EXIT_OK, LockHeld, RefusedError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``step reset``."""
    parser.add_argument(
        "instance",
        nargs="?",
        default=".",
        metavar="INSTANCE",
        help="the folder of the machine (default: the current one)",
    )
    parser.add_argument(
        "--forget", action="store_true", help="forget the groups of its nodes as well"
    )
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="GROUP",
        help="with --forget: all but this group (repeatable)",
    )
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def execute(arguments: Namespace) -> int:
    """Reset the machine, after having asked, and say so."""
    from framework0.cli.step_status import now_of
    from framework0.errors import UsageError
    from framework0.stepengine import in_shell, reset_instance, standing_of

    if arguments.keep and not arguments.forget:
        raise UsageError("--keep goes with --forget: without it, every group is kept")
    instance = Path(os.path.abspath(arguments.instance))
    standing = standing_of(instance)
    if standing.running is not None:
        raise LockHeld(
            f"{arguments.instance} is run by {standing.running}: end it first, with "
            f"`framework0 cancel {standing.run}`",
            holder=str(standing.running),
        )
    if not arguments.yes:
        visits = f"{standing.visit:,} visit{'' if standing.visit == 1 else 's'}"
        _ask(f"{instance.name} ({now_of(standing)}, {visits})", arguments)
    reset_instance(instance, arguments.keep if arguments.forget else None)
    run = f"`framework0 step run {in_shell(arguments.instance)}`"
    print(f"machine {instance.name} begins anew with {run}")
    return EXIT_OK


def _ask(what: str, arguments: Namespace) -> None:
    """Ask a person, and raise unless they agree; nobody there is no agreement."""
    from framework0.cli.streams import is_terminal
    from framework0.stepengine import in_shell

    if not is_terminal(sys.stdin):
        raise RefusedError(
            f"{what} would forget where it stands: say --yes, as in "
            f"`framework0 step reset {in_shell(arguments.instance)} --yes`"
        )
    print(f"have machine {what} begin anew? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise RefusedError("nothing was reset")
