"""Make step-node files from a DOT file: nodes that run at once and are there to be filled in.

Edges become arrows, whose keys are the edges' labels; Graphviz attributes are kept. The first node is the
one that no other leads to. A file that is there already is never overwritten: then nothing is written
at all (exit code 5). A mistake is shown at its place in the DOT file (exit code 3).

examples:
  framework0 step scaffold plan.dot --into machines/nodes
  framework0 step draw machines/press --format dot > press.dot
  framework0 step scaffold press.dot --into copy
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from framework0.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MOST_BYTES: Final = 16 * 1024 * 1024
"""The largest DOT file that is read; a machine that people drew has some kilobytes."""


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``step scaffold``."""
    parser.add_argument("file", metavar="FILE", help="a digraph in Graphviz' DOT language")
    parser.add_argument(
        "--into", required=True, metavar="LIBRARY", help="the folder for the node files"
    )
    parser.add_argument("--json", action="store_true", help="the files made, as JSON")


def execute(arguments: Namespace) -> int:
    """Write the files and name them."""
    from framework0.stepengine import in_shell, scaffold, write_scaffold

    files = scaffold(_text(arguments.file), arguments.file)
    write_scaffold(files, arguments.into)
    if arguments.json:
        import json

        print(json.dumps({"library": arguments.into, "files": sorted(files)}))
        return EXIT_OK
    from framework0.logs import one_line

    for name in sorted(files):
        print(one_line(os.path.join(arguments.into, name)))
    count = len(files)
    print(f"{arguments.into}: {count:,} node file{'' if count == 1 else 's'}")
    check = f"`framework0 step check {in_shell(arguments.into)}`"
    print(f"fill in step_execute and step_advance, then: {check}")
    return EXIT_OK


def _text(file: str) -> str:
    try:
        with open(file, "rb") as content:
            found = content.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if len(found) > MOST_BYTES:
        raise UsageError(
            f"{file} is larger than {MOST_BYTES // 1024 // 1024} MiB: that is no drawing"
        )
    try:
        return found.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 text (byte {error.start})") from error
