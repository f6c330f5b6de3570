"""Write a folder in which one attempt of a step can be made again, in the debugger.

It holds the arguments, the context as the attempt found it, the code of the step, and a script that
makes the attempt again and stops where it fails. Secrets are not in it.

examples:
  framework0 repro 20261124-0427 report
  framework0 repro report
  framework0 repro nightly each[3] --attempt 2 -o /tmp/failure
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from framework0.cli.choosing import add_run_and_step, add_workspace, chosen_step, opened
from framework0.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``repro``."""
    from framework0.cli.running import whole

    add_run_and_step(parser)
    parser.add_argument(
        "--attempt", type=whole, metavar="N", help="which attempt (default: the last recorded one)"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        help="where to write (default: a folder named after the run and the step)",
    )
    add_workspace(parser)


def execute(arguments: Namespace) -> int:
    """Write the folder and say how to use it."""
    from framework0.assembly import reproduce
    from framework0.cli.troubles import say

    with opened(arguments) as (space, journal):
        story, step = chosen_step(journal, arguments)
    if step is None:
        raise UsageError("name the step too, as in `framework0 repro RUN STEP`")
    folder = Path(arguments.output or _folder_name(story.header.run_id, step.name))
    notes = reproduce(story.history, step.name, arguments.attempt, folder, space)
    for note in notes:
        say(f"note: {note}")
    print(f"python {folder / 'repro.py'}")
    return EXIT_OK


def _folder_name(run_id: str, step: str) -> str:
    """Return a name that no step's name leads out of the current folder with."""
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in step)
    return f"repro-{run_id}-{plain}"
