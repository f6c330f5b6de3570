"""Write a first recipe that works, its steps, some data, and the schema for editors.

Nothing that is already there is overwritten: then nothing at all is written.

examples:
  framework0 init
  framework0 init weather
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from framework0.cli.choosing import add_workspace
from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``init``."""
    parser.add_argument(
        "folder",
        nargs="?",
        default=".",
        metavar="DIR",
        help="where to write it; it is made if need be (default: the current folder)",
    )
    add_workspace(parser)


def execute(arguments: Namespace) -> int:
    """Write the files, name them, and say what to do next."""
    import shlex

    from framework0.cli.beginnings import FILES, RECIPE, SCHEMA
    from framework0.cli.schema import schema_text
    from framework0.cli.troubles import say
    from framework0.workspace import find_workspace

    folder = Path(arguments.folder)
    workspace = find_workspace(start=folder, explicit=arguments.workspace)
    files = {**FILES, SCHEMA: schema_text(workspace)}
    _refuse_what_is_there(folder, files)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        # x: should somebody else have just made it, theirs stays.
        with open(folder / name, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        print(folder / name)
    recipe = shlex.quote(str(folder / RECIPE))
    say(f"run it:   framework0 run {recipe}")
    say(f"check it: framework0 validate {recipe}")
    return EXIT_OK


def _refuse_what_is_there(folder: Path, files: Mapping[str, str]) -> None:
    """Raise RefusedError naming every file that would be overwritten."""
    import os

    from framework0.errors import RefusedError

    # A link that leads nowhere is there as well.
    there = [name for name in files if os.path.lexists(folder / name)]
    if there:
        verb = "is" if len(there) == 1 else "are"
        raise RefusedError(
            f"{', '.join(there)} {verb} already in {folder}, and nothing is overwritten: "
            "name another folder, as in `framework0 init first`"
        )
