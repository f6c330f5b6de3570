"""Which workspace, run and step a command means, said aloud whenever it was not spelled out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from framework0.cli.troubles import say

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterator

    from framework0.cli.story import RunStory, StepStory
    from framework0.errors import RunNotFound
    from framework0.runner import Journal, RunSummary
    from framework0.workspace import Workspace

LATEST = "latest"
"""The word for the latest run that fits, where a word is needed because another one follows."""

RUN_HELP = (
    "a run's id, any unique beginning of it, its name, or `latest` (default: the latest that fits)"
)


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


def add_run_and_step(parser: ArgumentParser) -> None:
    """Add the arguments that name a run and a step of it."""
    add_run(parser)
    parser.add_argument(
        "step",
        nargs="?",
        metavar="STEP",
        help="a step's name; alone it means one of the latest run",
    )


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

    Without a word, or with ``latest``, the runs that steps of others began are passed over: they are parts of those. A
    beginning that fits a run and the runs inside it means the run. Raises
    :class:`~framework0.errors.RunNotFound` naming what comes near.
    """
    if word == LATEST:
        word = None
    run_id = _outermost(journal, word) if word else None
    if run_id is None:
        run_id = journal.find(word, lambda run: not run.is_inner and (fits is None or fits(run)))
    if word != run_id:
        say(f"run {run_id} is meant")
    return run_id


def _outermost(journal: Journal, word: str) -> str | None:
    """Return the one run that begins with ``word`` when all others that do are inside it."""
    found = [run.run_id for run in journal.runs() if run.run_id.startswith(word)]
    shortest = min(found, key=len, default="")
    inside = all(run_id == shortest or run_id.startswith(f"{shortest}.") for run_id in found)
    return shortest if found and inside else None


def chosen_step(
    journal: Journal, arguments: Namespace, *, prefer_live: bool = False
) -> tuple[RunStory, StepStory | None]:
    """Return the run that the arguments mean, as a story, and the step, None if none is named.

    One word alone means a run if it can, else a step of the latest run. Raises
    :class:`~framework0.errors.RunNotFound`, or UsageError naming the step that comes near.
    """
    from framework0.cli.story import RunStory
    from framework0.errors import RunNotFound

    word = arguments.run
    if word is None:
        run_id = _latest(journal, prefer_live=prefer_live)
    else:
        try:
            run_id = chosen_run(journal, word)
        except RunNotFound as error:
            if arguments.step is not None:
                raise
            return _step_of_latest(journal, word, error)
    story = RunStory(journal.read(run_id))
    return story, None if arguments.step is None else step_named(story, arguments.step)


def _latest(journal: Journal, *, prefer_live: bool) -> str:
    from framework0.errors import RunNotFound
    from framework0.runner import RUNNING

    if prefer_live:
        try:
            return chosen_run(journal, None, lambda run: run.state == RUNNING)
        except RunNotFound:
            # Nothing is running: the latest of all is the next best.
            pass
    return chosen_run(journal, None)


def _step_of_latest(journal: Journal, word: str, no_run: RunNotFound) -> tuple[RunStory, StepStory]:
    from framework0.cli.story import RunStory
    from framework0.errors import UsageError

    latest = next((run.run_id for run in journal.runs() if not run.is_inner), None)
    if latest is None:
        raise no_run
    story = RunStory(journal.read(latest))
    try:
        step = step_named(story, word)
    except UsageError as error:
        raise UsageError(f"{word!r} means neither a run nor a step: {error}") from error
    say(f"run {latest} is meant")
    return story, step


def step_named(story: RunStory, name: str) -> StepStory:
    """Return the step of that name; raise UsageError naming the one that comes near."""
    from framework0.errors import UsageError
    from framework0.recipe import near_name

    step = story.named(name)
    if step is not None:
        return step
    run_id = story.header.run_id
    near = near_name(name, [known.name for known in story.steps])
    hint = f"did you mean {near!r}?" if near else f"`framework0 show {run_id}` lists its steps"
    raise UsageError(f"run {run_id} has no step {name!r}: {hint}")
