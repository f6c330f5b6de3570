"""Draw the steps of a recipe, or of a run with their states, and what they wait for.

examples:
  framework0 graph recipe.yaml
  framework0 graph recipe.yaml --format mermaid > graph.mmd
  framework0 graph 20261124-042749 --format dot | dot -Tsvg > run.svg
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from framework0.cli.choosing import add_workspace, chosen_run, opened
from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from framework0.visualization import Flow


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``graph``."""
    parser.add_argument(
        "what",
        nargs="?",
        metavar="RECIPE|RUN",
        help="a recipe's file, or a run: its id, a beginning of it, its name (default: the latest run)",
    )
    parser.add_argument(
        "--format",
        choices=("text", "mermaid", "dot"),
        default="text",
        help="text (default), mermaid, or dot for Graphviz",
    )
    add_workspace(parser)


def execute(arguments: Namespace) -> int:
    """Print the drawing."""
    from framework0.cli.streams import shows_signs, wants_color
    from framework0.visualization import draw_dot, draw_mermaid, draw_text

    word = arguments.what
    flow = _of_recipe(arguments) if word and is_file_name(word) else _of_run(arguments)
    if arguments.format == "text":
        drawn = draw_text(flow, color=wants_color(sys.stdout), signs=shows_signs(sys.stdout))
    else:
        drawn = (draw_mermaid if arguments.format == "mermaid" else draw_dot)(flow)
    sys.stdout.write(drawn)
    return EXIT_OK


def is_file_name(word: str) -> bool:
    """Say whether ``word`` means a file: there is one, or it looks like no run's id or name."""
    return os.path.exists(word) or os.sep in word or word.endswith((".yaml", ".yml"))


def _of_recipe(arguments: Namespace) -> Flow:
    from framework0.assembly import load_recipe
    from framework0.runner import Plan
    from framework0.visualization import flow_of
    from framework0.workspace import find_workspace

    workspace = find_workspace(explicit=arguments.workspace)
    return flow_of(Plan(load_recipe(arguments.what, workspace=workspace)))


def _of_run(arguments: Namespace) -> Flow:
    from framework0.cli.story import RunStory
    from framework0.errors import WorkspaceError
    from framework0.visualization import flow_of

    with opened(arguments) as (_, journal):
        run_id = chosen_run(journal, arguments.what)
        story = RunStory(journal.read(run_id))
    if story.machine is not None:
        from framework0.errors import UsageError
        from framework0.stepengine import from_here

        instance = from_here(story.machine["instance"])
        raise UsageError(
            f"run {run_id} is of a machine: `framework0 step draw {instance}` draws it"
        )
    if story.plan is None:
        raise WorkspaceError(
            f"the recipe of run {run_id} is of another version and cannot be drawn: "
            f"`framework0 show {run_id}` lists its steps"
        )
    return flow_of(story.plan, {step.node: step.state for step in story.steps})
