"""Look after machines of the step engine.

examples:
  framework0 step check machines/press
  framework0 step run machines/press
  framework0 step status machines/press
  framework0 step params machines/press global_parameters run_step_count -i
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping
    from types import ModuleType

ACTIONS: Final[Mapping[str, str]] = {
    "check": "show every mistake of a machine at its place, without running it",
    "run": "run a machine from its beginning",
    "resume": "go on with a machine from where it stands",
    "status": "show how a machine stands",
    "reset": "have a machine begin anew",
    "draw": "draw the nodes and arrows of a machine, and where it is",
    "scaffold": "make step-node files from a DOT file",
    "params": "read, set and count parameters",
}
"""What can be done, in the order in which a person meets it, each with its one line of help.

The home of action ``x`` is the module ``framework0.cli.step_x``, which has ``configure(parser)``,
``execute(arguments) -> int`` and a docstring that its help shows.
"""


def configure(parser: ArgumentParser) -> None:
    """Add every action with its arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, about in ACTIONS.items():
        module = _module(name)
        action = actions.add_parser(
            name,
            help=about,
            description=(module.__doc__ or "").strip(),
        )
        module.configure(action)


def execute(arguments: Namespace) -> int:
    """Do what is asked and return the exit code."""
    code: int = _module(arguments.action).execute(arguments)
    return code


def _module(name: str) -> ModuleType:
    from importlib import import_module

    return import_module(f"framework0.cli.step_{name}")
