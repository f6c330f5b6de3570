"""Draw the nodes of a machine and the arrows between them, and where the machine is and has been.

The Graphviz attributes that nodes and arrows give themselves are honored. An instance is drawn with the
node in which it stands, the arrows it has taken and how often it has been everywhere. The nodes' files
are read, and nothing of them is run. An SVG picture needs no other program.

examples:
  framework0 step draw machines/press
  framework0 step draw machines/press --format svg > press.svg
  framework0 step draw octo/modules/step_engine_library/service_deployment --format mermaid
  framework0 step draw machines/press --format dot | dot -Tpdf > press.pdf
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from framework0.stepengine import Machine
    from framework0.visualization import Marks, Picture


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``step draw``."""
    parser.add_argument(
        "machine",
        nargs="?",
        default=".",
        metavar="INSTANCE|LIBRARY",
        help="the folder of an instance, or one of step nodes (default: the current one)",
    )
    parser.add_argument(
        "--format",
        choices=("terminal", "dot", "svg", "mermaid"),
        default="terminal",
        help="terminal (default), dot for Graphviz, svg for a browser, or mermaid",
    )
    parser.add_argument(
        "--library", metavar="DIR", help="the folder of nodes, if it is not the instance's own"
    )


def execute(arguments: Namespace) -> int:
    """Print the drawing."""
    from framework0.stepengine import read_machine

    picture = _picture(arguments.machine, read_machine(arguments.machine, arguments.library))
    sys.stdout.write(_drawn(picture, arguments.format))
    return EXIT_OK


def _picture(folder: str, machine: Machine) -> Picture:
    from framework0.cli.troubles import say
    from framework0.errors import LibraryError
    from framework0.stepengine import in_shell, read_library
    from framework0.visualization import picture_of

    library = read_library(machine.library)
    if not library.nodes:
        raise LibraryError(library.problems)
    wrong = [problem for problem in library.problems if problem.severity == "error"]
    if wrong:
        files = sorted({os.path.basename(one.place.file) for one in wrong if one.place is not None})
        say(f"not drawn: {', '.join(files)}; `framework0 step check {in_shell(folder)}` says why")
    nodes = {node.name: node for node in library.nodes}
    first = machine.told("first_step_node")
    return picture_of(
        os.path.basename(os.path.abspath(folder)),
        [node.facts for node in nodes.values()],
        {name: node.implied() for name, node in nodes.items()},
        _marks(machine),
        [first] if first in nodes else [],
    )


def _marks(machine: Machine) -> Marks:
    """Return where an instance is and has been, as its parameter file says."""
    from framework0.visualization import Marks

    if machine.file is None:
        return Marks()
    now = _now(os.path.dirname(machine.file))
    record = machine.group("step_engine")
    engine = machine.told("step_engine_state")
    # At its end it stands nowhere any more.
    node = "" if now == "succeeded" else machine.told("current_step_node")
    state = machine.told("current_step_state") or engine
    counts = [record.get(word) for word in ("visits", "arrows")]
    visits, taken = (found if isinstance(found, dict) else {} for found in counts)
    how = {"stopped": "cancelled"}.get(now, now)
    if how not in ("failed", "paused", "cancelled", "interrupted"):
        return Marks(engine, node, state, visits, taken)
    return Marks(engine, node, state, visits, taken, how)


def _now(instance: str) -> str:
    """Return how the machine is at this moment, which its file alone does not tell."""
    from pathlib import Path

    from framework0.cli.step_status import now_of
    from framework0.stepengine import standing_of

    return now_of(standing_of(Path(os.path.abspath(instance))))


def _drawn(picture: Picture, form: str) -> str:
    from framework0.cli.streams import shows_signs, wants_color
    from framework0.visualization import (
        draw_machine_dot,
        draw_machine_mermaid,
        draw_machine_svg,
        draw_machine_text,
    )

    if form == "terminal":
        return draw_machine_text(
            picture, color=wants_color(sys.stdout), signs=shows_signs(sys.stdout)
        )
    draw = {"dot": draw_machine_dot, "mermaid": draw_machine_mermaid, "svg": draw_machine_svg}
    return draw[form](picture)
