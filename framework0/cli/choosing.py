"""Which workspace and which run a command means, said aloud whenever it was not spelled out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from framework0.cli.troubles import say

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterator

    from framework0.runner import Journal, RunSummary
    from framework0.workspace import Workspace

RUN_HELP = "a run's id, any unique beginning of it, or its name (default: the latest that fits)"


def add_workspace(parser: ArgumentParser) -> None:
    """Add the option that names the workspace."""
    parser.add_argument(
        "--workspace",
        metavar="DIR",
        help="the workspace (default: found upward from the current folder)",
    )


def add_run(parser: ArgumentParser) -> None:
    """Add the argument that names a run."""
    parser.add_argument("run", nargs="?", metavar="RUN", help=RUN_HELP)


@contextmanager
def opened(arguments: Namespace) -> Iterator[tuple[Workspace, Journal]]:
    """Yield the workspace the arguments mean and its journal, open for looking."""
    from framework0.runner import Journal
    from framework0.workspace import find_workspace

    space = find_workspace(explicit=arguments.workspace)
    journal = Journal(space.journal)
    try:
        yield space, journal
    finally:
        journal.close()


def chosen_run(
    journal: Journal, word: str | None, fits: Callable[[RunSummary], bool] | None = None
) -> str:
    """Return the id of the run that ``word`` means, and say which it is if that was left open.

    Raises :class:`~framework0.errors.RunNotFound` naming what comes near.
    """
    run_id = journal.find(word, fits)
    if word != run_id:
        say(f"run {run_id} is meant")
    return run_id
