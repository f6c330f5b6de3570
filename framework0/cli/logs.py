"""Show what the steps of a run printed, or follow it while the run goes on.

examples:
  framework0 logs
  framework0 logs warm
  framework0 logs 20261124-0427 warm --attempt 2
  framework0 logs -f
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from framework0.cli.choosing import add_run_and_step, add_workspace, chosen_step, opened
from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from framework0.cli.logfiles import LogFile, LogFolder
    from framework0.cli.story import RunStory, StepStory
    from framework0.runner import Journal
    from framework0.workspace import Workspace

LOOK_EVERY: Final = 0.2
"""Seconds between two looks at the logs of a run that is followed."""


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``logs``."""
    add_run_and_step(parser)
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on showing until the run ends"
    )
    parser.add_argument(
        "--attempt", type=int, metavar="N", help="only what was printed in that attempt, from 1"
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON object per line: step, attempt, line"
    )
    add_workspace(parser)


def execute(arguments: Namespace) -> int:
    """Print the logs."""
    from framework0.cli.logfiles import LogFolder
    from framework0.cli.troubles import say

    with opened(arguments) as (space, journal):
        story, step = chosen_step(journal, arguments, prefer_live=arguments.follow)
        run_id = story.header.run_id
        _check_attempt(arguments.attempt, story, step)
        several = step is None or len(_nodes_of(story, step) or ()) > 1 or step.begun > 1
        printer = _Printer(headings=several, as_json=arguments.json)
        names = _Names(journal, story)
        folder = LogFolder(
            space.run_folder(run_id) / "logs",
            wanted=_wanted(names, step, arguments.attempt),
        )
        if arguments.follow:
            _follow(space, run_id, folder, printer, names)
        else:
            _print_all(folder, printer, names)
        if not printer.wrote_something:
            about = f"step {step.name!r} of " if step is not None else ""
            say(f"{about}run {run_id} printed nothing")
        if arguments.follow:
            say(f"run {run_id} {journal.read(run_id).summary.state}")
    return EXIT_OK


def _check_attempt(number: int | None, story: RunStory, step: StepStory | None) -> None:
    from framework0.errors import UsageError

    if number is None or (story.state == "running" and number > 0):
        # A running step may yet come to it.
        return
    steps = story.steps if step is None else [step, *_items_of(story, step)]
    most = max((known.begun for known in steps), default=0)
    if not 1 <= number <= most:
        about = "none of its steps" if step is None else f"step {step.name!r}"
        made = f"{most} attempt{'' if most == 1 else 's'}" if most else "no attempt yet"
        verb = "made more than" if step is None and most else "made"
        raise UsageError(f"there is no attempt {number}: {about} {verb} {made}")


class _Names:
    """The names of nodes; the journal is asked again about one that a ``foreach`` has just made."""

    def __init__(self, journal: Journal, story: RunStory) -> None:
        self._journal = journal
        self.story = story

    def step(self, node: int) -> StepStory | None:
        """Return the step or item with that number."""
        from framework0.cli.story import RunStory

        if node not in self.story.by_node and self.story.state == "running":
            self.story = RunStory(self._journal.read(self.story.header.run_id))
        return self.story.by_node.get(node)

    def of(self, node: int) -> str:
        """Return the name people know the node by."""
        step = self.step(node)
        return f"node {node}" if step is None else step.name


def _wanted(
    names: _Names, step: StepStory | None, attempt: int | None
) -> Callable[[LogFile], bool]:
    def wanted(file: LogFile) -> bool:
        if attempt is not None and file.attempt != attempt:
            return False
        if step is None or file.node == step.node:
            return True
        if file.node is None:
            return False
        known = names.step(file.node)
        return known is not None and known.owner == step.node

    return wanted


def _nodes_of(story: RunStory, step: StepStory) -> list[int]:
    return [step.node, *(item.node for item in _items_of(story, step))]


def _items_of(story: RunStory, step: StepStory) -> list[StepStory]:
    return [known for known in story.steps if known.owner == step.node]


class _Printer:
    """Writes lines and says whose they are whenever that changes; ``headings``: also of the first."""

    def __init__(self, *, headings: bool, as_json: bool) -> None:
        from framework0.cli.streams import wants_color
        from framework0.logs import for_terminal, plain_lines

        self._headings = headings
        self._as_json = as_json
        self._harmless = for_terminal if wants_color(sys.stdout) else plain_lines
        self._whose: tuple[str, int] | None = None
        self.wrote_something = False

    def show(self, name: str, attempt: int, text: str) -> None:
        """Write whole lines of one attempt."""
        if not text:
            return
        if self._as_json:
            self._objects(name, attempt, text)
        else:
            self._heading(name, attempt)
            sys.stdout.write(self._harmless(text if text.endswith("\n") else f"{text}\n"))
        self.wrote_something = True

    def _heading(self, name: str, attempt: int) -> None:
        from framework0.logs import one_line

        before, self._whose = self._whose, (name, attempt)
        if self._whose == before or (before is None and not self._headings):
            return
        title = one_line(name or "the run itself")
        more = f", attempt {attempt}" if attempt > 1 else ""
        sys.stdout.write(f"{chr(10) if self.wrote_something else ''}==> {title}{more} <==\n")

    def _objects(self, name: str, attempt: int, text: str) -> None:
        import json

        for line in text.removesuffix("\n").split("\n"):
            fact = {"step": name or None, "attempt": attempt, "line": line}
            sys.stdout.write(json.dumps(fact) + "\n")


def _print_all(folder: LogFolder, printer: _Printer, names: _Names) -> None:
    order = {step.node: place for place, step in enumerate(names.story.steps)}
    files = folder.look()
    files.sort(key=lambda file: (order.get(file.node if file.node is not None else -1, -1), file))
    for file in files:
        for text in file.chunks(last=True):
            printer.show(_title(file, names), file.attempt, text)


def _follow(
    space: Workspace, run_id: str, folder: LogFolder, printer: _Printer, names: _Names
) -> None:
    """Show what is there and what is added, until no process holds the run any more."""
    from time import sleep

    lives = True
    while lives:
        # Asked before the files are read: what was written before the end is then read for sure.
        lives = _is_alive(space, run_id)
        for file in folder.look():
            for text in file.chunks(last=not lives):
                printer.show(_title(file, names), file.attempt, text)
        sys.stdout.flush()
        if lives:
            sleep(LOOK_EVERY)


def _is_alive(space: Workspace, run_id: str) -> bool:
    from framework0.workspace import holder

    return holder(space.run_folder(run_id) / "lock") is not None


def _title(file: LogFile, names: _Names) -> str:
    return "" if file.node is None else names.of(file.node)
