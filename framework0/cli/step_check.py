"""Check a machine before it runs, and show every mistake at its place; nothing of it is imported.

Shown are arrows to nothing and to inactive nodes, nodes that none comes to, places that the machine can
never leave, loops in which nothing changes, names that disagree, and values of a wrong type. What only
running could tell is said to be unknown. Exit code 3 when something is wrong.

examples:
  framework0 step check machines/press
  framework0 step check octo/modules/step_engine_library/service_deployment --strict
  framework0 step check machines/press --json
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from framework0.errors import EXIT_OK, EXIT_RECIPE

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from framework0.stepengine import Checked


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``step check``."""
    parser.add_argument(
        "machine",
        nargs="?",
        default=".",
        metavar="INSTANCE|LIBRARY",
        help="the folder of an instance, or one of step nodes (default: the current one)",
    )
    parser.add_argument(
        "--library", metavar="DIR", help="the folder of nodes, if it is not the instance's own"
    )
    parser.add_argument("--strict", action="store_true", help="a warning is as bad as an error")
    parser.add_argument("--json", action="store_true", help="the problems as JSON, for programs")


def execute(arguments: Namespace) -> int:
    """Check, show what was found, and return the exit code."""
    from framework0.stepengine import check_machine, read_machine

    checked = check_machine(read_machine(arguments.machine, arguments.library))
    if arguments.json:
        from framework0.recipe import as_json

        sys.stdout.write(as_json(checked.problems))
    else:
        _show(arguments.machine, checked)
    bad = {"error", "warning"} if arguments.strict else {"error"}
    return EXIT_RECIPE if any(one.severity in bad for one in checked.problems) else EXIT_OK


def _show(machine: str, checked: Checked) -> None:
    from framework0.cli.streams import wants_color
    from framework0.logs import one_line
    from framework0.recipe import render_report, summarize

    problems = checked.problems
    sys.stdout.write(render_report(problems, checked.texts, color=wants_color(sys.stdout)))
    serious = [problem for problem in problems if problem.severity != "note"]
    count = len(checked.nodes)
    first = f", first {' or '.join(checked.first)}" if checked.first else ""
    nodes = f"{count:,} node{'' if count == 1 else 's'}{first}"
    print(one_line(f"{machine}: {summarize(serious) or 'no mistakes'}, {nodes}"))
