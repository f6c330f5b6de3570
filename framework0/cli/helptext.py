"""How the arguments of a verb are read and its help is laid out. Loaded only when that is done."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any, NoReturn

from framework0.cli.streams import columns_of

if TYPE_CHECKING:
    from argparse import Action
    from collections.abc import Sequence

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

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read what is known; where a VALUE is taken, refuse the rest here, with what helps."""
        found, rest = super().parse_known_args(args, namespace)
        if rest and _takes_value(self._actions):
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, with what comes near or helps, and exit with 2."""
        super().error(message + _advice(message, self._actions))

    def print_help(self, file: Any = None) -> None:
        """Print the help; unlike argparse's own, raise OSError when it cannot be written."""
        print(self.format_help(), end="", file=file or sys.stdout, flush=True)


def _advice(message: str, actions: Sequence[Action]) -> str:
    """Return what to do about a mistake in the arguments; empty where its message says that already."""
    if "invalid choice: " in message:
        from difflib import get_close_matches

        said = message.partition("invalid choice: ")[2].partition(" (")[0].strip("'\"")
        known = [choice for action in actions for choice in action.choices or ()]
        near = get_close_matches(said, [name for name in known if isinstance(name, str)], 1)
        return f"; did you mean {near[0]!r}?" if near else ""
    if message.startswith("unrecognized arguments: -") and _takes_value(actions):
        return "; a VALUE that begins with a dash comes after two dashes: -- -x"
    return ""


def _takes_value(actions: Sequence[Action]) -> bool:
    return any(action.metavar == "VALUE" and not action.option_strings for action in actions)
