"""Show how a machine stands: its state, where it is, who runs it, what failed; nothing is changed.

examples:
  framework0 step status
  framework0 step status machines/press
  framework0 step status machines/press --json | jq .node
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from framework0.stepengine import Standing

SHOWN_NODES: Final = 20
"""Nodes listed with how often they were visited, those visited last; ``--json`` has them all."""


_NOT_GOING_ON: Final = {
    "INACTIVE": "not begun",
    "STARTUP": "not begun",
    "COMPLETE_SUCCESS": "succeeded",
    "COMPLETE_ERROR": "failed",
}


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``step status``."""
    parser.add_argument(
        "instance",
        nargs="?",
        default=".",
        metavar="INSTANCE",
        help="the folder of the machine (default: the current one)",
    )
    parser.add_argument("--json", action="store_true", help="a JSON object with all that is known")


def execute(arguments: Namespace) -> int:
    """Show how the machine stands."""
    from framework0.stepengine import standing_of

    standing = standing_of(Path(os.path.abspath(arguments.instance)))
    if arguments.json:
        import json

        sys.stdout.write(json.dumps(standing_facts(standing), indent=2) + "\n")
        return EXIT_OK
    from framework0.logs import plain_lines

    sys.stdout.write(plain_lines("\n".join(_lines(standing, arguments.instance))) + "\n")
    return EXIT_OK


def now_of(standing: Standing) -> str:
    """Return in a word how the machine is at this moment: the truth, where the file only has the last news."""
    if standing.running is not None:
        return "running"
    if standing.engine != "RUNNING":
        return _NOT_GOING_ON.get(standing.engine, "unclear")
    if standing.paused:
        return "paused"
    if standing.stopped:
        return "stopped"
    return "interrupted" if standing.run else "not begun"


def standing_facts(standing: Standing) -> dict[str, Any]:
    """Return how a machine stands, for programs."""
    running = standing.running
    return {
        "instance": str(standing.instance),
        "library": str(standing.library),
        "now": now_of(standing),
        "engine_state": standing.engine,
        "node": standing.node,
        "step_state": standing.state,
        "run": standing.run,
        "visit": standing.visit,
        "attempt": standing.attempt,
        "paused": dict(standing.paused) or None,
        "stopped": standing.stopped or None,
        "last_error": dict(standing.last_error) or None,
        "visits": dict(standing.visits),
        "arrows": dict(standing.arrows),
        "running": None if running is None else {"pid": running.pid, "host": running.host},
    }


def _lines(standing: Standing, instance: str) -> Iterator[str]:
    from framework0.cli.step_running import paused_at

    now = now_of(standing)
    yield f"machine {standing.instance.name}: {now} ({standing.engine})"
    yield f"  library  {standing.library}"
    if standing.node:
        yield f"  node     {standing.node} in {standing.state}, visit {standing.visit}, attempt {standing.attempt}"
    if standing.run:
        yield f"  run      {standing.run}"
    if standing.running is not None:
        yield f"  process  {standing.running}"
    elif now == "paused":
        where = paused_at(str(standing.paused.get("at")), standing.node, standing.state)
        yield f"  paused   {where}, since {standing.paused.get('since', 'some time')}"
    elif now == "stopped":
        yield f"  stopped  by Ctrl-C or `framework0 cancel`, at {standing.stopped}"
    elif now == "interrupted":
        yield "  its process is gone and left it there"
    elif now == "unclear":
        yield f"  unclear  {standing.engine!r:.60} is no state of the engine: somebody has written it there"
    if now == "failed":
        yield from _error_lines(standing)
    yield from _visit_lines(standing)
    yield from _next_steps(now, instance, standing.run)


def _error_lines(standing: Standing) -> Iterator[str]:
    from framework0.cli.step_running import own_error

    instance = str(standing.instance)
    error = standing.last_error
    if error:
        yield (
            f"  failed   {error.get('node')} in {error.get('state')}: {error.get('kind')}: "
            f"{error.get('message')}"
        )
        word = own_error(instance, str(error.get("node"))) if error.get("kind") == "return" else ""
        if word:
            yield f"           it says: {word}"
        if error.get("where"):
            yield f"           at {error['where']}"


def _visit_lines(standing: Standing) -> Iterator[str]:
    visits = list(standing.visits.items())
    for name, count in visits[-SHOWN_NODES:]:
        yield f"  visited  {name} {count}x"
    if len(visits) > SHOWN_NODES:
        yield f"  … and {len(visits) - SHOWN_NODES} more nodes: --json has them all"


def _next_steps(now: str, folder: str, run: str) -> Iterator[str]:
    from framework0.stepengine import in_shell

    instance = in_shell(folder)
    if now == "not begun":
        yield f"to run it:        `framework0 step run {instance}`"
    if now in ("paused", "stopped", "interrupted", "failed"):
        yield f"to go on with it: `framework0 step resume {instance}`"
    if now in ("succeeded", "failed", "unclear"):
        yield f"to begin anew:    `framework0 step reset {instance}`"
    if now == "running":
        yield f"to stop it:       `framework0 cancel {run}`"
