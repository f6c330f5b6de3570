"""How the help of a verb is laid out. Loaded only when arguments are parsed."""

from __future__ import annotations

import sys
from argparse import RawDescriptionHelpFormatter

from framework0.cli.streams import columns_of

WIDEST = 100
"""Columns of help at most: longer lines are hard to read, however wide the terminal is."""


class HelpText(RawDescriptionHelpFormatter):
    """Shows descriptions as they are written, in lines as wide as the terminal.

    argparse would import shutil to find that width, which would cost every run a millisecond.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=min(columns_of(sys.stdout), WIDEST) - 2)
