"""Run a machine from its beginning, to its end, a pause or a failure.

Where it stands is in its parameter file at every moment, so it can be killed at any, and gone on with.
Its run is in the journal: `runs`, `show`, `why` and `logs` know it. Exit codes: 0 it came to its end,
1 a node failed, 2 it cannot be run as it stands, 3 its library is wrong, 4 its file, its lock or the
journal is in trouble, 6 paused, 130 or 143 ended by a signal.

examples:
  framework0 step run machines/press
  framework0 step run machines/press --first step_node_load --break step_node_press
  framework0 step run machines/press --single-step
  framework0 step run machines/press --events | jq .
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.cli.step_running import add_machine_options, run_instance

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``step run``."""
    add_machine_options(parser)
    parser.add_argument("--first", metavar="NODE", help="the node to begin with, kept from now on")


def execute(arguments: Namespace) -> int:
    """Run the machine and return the exit code."""
    return run_instance(arguments, resume=False, first=arguments.first)
