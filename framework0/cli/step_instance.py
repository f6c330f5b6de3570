"""``octo_step_instance.py``: an instance is run from its beginning, or gone on with, whichever it needs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from framework0.cli.step_running import add_machine_options, run_instance

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

DOCUMENTED = """Run an instance of the step engine, or go on with it where it stands.

Exit codes: 0 it came to its end, 1 a node failed, 2 it cannot be run as it stands, 3 its library is
wrong, 4 its file, its lock or the journal is in trouble, 6 paused, 130 or 143 ended by a signal.

examples:
  ./octo_step_instance.py machines/press
  ./octo_step_instance.py machines/press --single-step
"""


def documented_main(argv: Sequence[str] | None = None) -> int:
    """Be ``octo_step_instance.py INSTANCE``."""
    from framework0.cli.helptext import VerbParser
    from framework0.cli.troubles import reported

    parser = VerbParser(prog="octo_step_instance.py", description=DOCUMENTED)
    add_machine_options(parser)
    parser.add_argument("--first", metavar="NODE", help="the node to begin with, kept from now on")
    return reported(lambda: _run_or_resume(parser.parse_args(argv)))


def _run_or_resume(arguments: Namespace) -> int:
    from framework0.stepengine import standing_of

    engine = standing_of(Path(os.path.abspath(arguments.instance))).engine
    # What has come to its end is said by running it, with the way to begin anew.
    resume = engine not in ("INACTIVE", "STARTUP", "COMPLETE_SUCCESS")
    return run_instance(arguments, resume=resume, first=None if resume else arguments.first)
