"""Run a recipe.

examples:
  framework0 run recipe.yaml
  framework0 run recipe.yaml --input source=data.csv --input limit=10
  framework0 run recipe.yaml --only clean_data --only analyze_data
  framework0 run recipe.yaml --context ws://127.0.0.1:8765
  framework0 run recipe.yaml --json | jq .
  framework0 run --untrusted recipe.yaml
"""

from __future__ import annotations

import os
from types import SimpleNamespace

from framework0.cli.running import add_run_options, see_through, show_what_it_prints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from framework0.assembly import Options, RunResult


DOCUMENTED = """Run a recipe.

example:
  python orchestrator/runner.py --recipe recipe.yaml --debug
"""


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``run``."""
    parser.add_argument("recipe", metavar="RECIPE", help="the recipe's YAML file")
    _add_what(parser)
    add_run_options(parser)


def _add_what(parser: ArgumentParser) -> None:
    from framework0.cli.inputs import add_choices

    what = add_choices(parser)
    what.add_argument("--name", default="", help="a name for this run")
    what.add_argument(
        "--context",
        metavar="NAME|URL",
        help="share a context: a name in this workspace, a server's ws://… or wss://…, a cluster's "
        "etcd://… or nats://… (default: FRAMEWORK0_CONTEXT, else the run has one of its own)",
    )


def plain_arguments(words: Sequence[str]) -> SimpleNamespace | None:
    """Return what argparse makes of a recipe alone, None when there is more to read."""
    if len(words) != 1 or not words[0] or words[0].startswith("-"):
        return None
    return SimpleNamespace(
        recipe=words[0],
        input=[],
        only=None,
        skip=None,
        name="",
        context=None,
        concurrency=0,
        executor=None,
        durability=None,
        grace=None,
        fail_fast=False,
        deadline=None,
        breaks=None,
        no_breaks=False,
        metrics_file=None,
        log_format=None,
        no_cache=False,
        untrusted=False,
        missing_walls=None,
        workspace=None,
        show_output=False,
        debug=False,
        quiet=False,
        json=False,
    )


def execute(arguments: Namespace) -> int:
    """Run the recipe and return the exit code."""
    inputs = {}
    if arguments.input:
        from framework0.cli.inputs import assignments

        inputs = assignments(arguments.input)

    def start(options: Options) -> RunResult:
        options.context = arguments.context or os.environ.get("FRAMEWORK0_CONTEXT") or None
        from framework0.assembly import as_workspace, load_recipe, start_run

        workspace = as_workspace(arguments.workspace)
        recipe = load_recipe(arguments.recipe, workspace=workspace)
        if len(recipe.steps) == 1:
            show_what_it_prints(arguments, options)
        return start_run(
            recipe, inputs=inputs, workspace=workspace, name=arguments.name, options=options
        )

    return see_through(arguments, start)


def documented_main(argv: Sequence[str] | None = None) -> int:
    """Be ``python orchestrator/runner.py --recipe FILE``: the documented way to run a recipe."""
    from framework0.cli.helptext import VerbParser
    from framework0.cli.troubles import reported

    parser = VerbParser(prog="runner.py", description=DOCUMENTED)
    parser.add_argument("--recipe", required=True, metavar="FILE", help="the recipe's YAML file")
    _add_what(parser)
    add_run_options(parser)
    return reported(lambda: execute(parser.parse_args(argv)))
