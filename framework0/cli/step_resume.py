"""Go on with a machine that is paused, was killed or stopped, or has failed, from where it stands.

The method that was going on then is called again. Where it stands is read from its parameters, which
may be edited meanwhile. Exit codes are those of `step run`.

examples:
  framework0 step resume machines/press
  framework0 step resume machines/press --max-steps 50000
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.cli.step_running import add_machine_options, run_instance

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``step resume``."""
    add_machine_options(parser)


def execute(arguments: Namespace) -> int:
    """Go on with the machine and return the exit code."""
    return run_instance(arguments, resume=True)
