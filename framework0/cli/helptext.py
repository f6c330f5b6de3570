"""How the arguments of a verb are read and its help is laid out. Loaded only when that is done."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from framework0.cli.streams import columns_of

WIDEST = 100
"""Columns of help at most: longer lines are hard to read, however wide the terminal is."""


class HelpText(RawDescriptionHelpFormatter):
    """Shows descriptions as they are written, in lines as wide as the terminal.

    argparse would import shutil to find that width, which would cost every run a millisecond.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=min(columns_of(sys.stdout), WIDEST) - 2)


class VerbParser(ArgumentParser):
    """Reads the arguments of one verb; no option may be abbreviated, so that new ones break nothing."""

    def __init__(self, **arguments: Any) -> None:
        arguments.setdefault("formatter_class", HelpText)
        super().__init__(allow_abbrev=False, **arguments)

    def print_help(self, file: Any = None) -> None:
        """Print the help; unlike argparse's own, raise OSError when it cannot be written."""
        print(self.format_help(), end="", file=file or sys.stdout, flush=True)
