"""The verbs in the order in which a person meets them, each with its one line of help.

The home of verb ``x-y`` is the module ``framework0.cli.x_y``, which has ``configure(parser)`` and
``execute(arguments) -> int`` and a docstring whose first line is that same help.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

VERBS: Final[Mapping[str, str]] = {
    "init": "write a first recipe into this folder",
    "validate": "check recipes and show every mistake at its place",
    "plan": "show what a run would do, without doing it",
    "graph": "draw the steps and what they wait for",
    "run": "run a recipe",
    "runs": "list the runs of this workspace, or prune old ones",
    "artifacts": "list, show, export or clear out the large values of runs",
    "show": "show one run: its steps, their states and times",
    "logs": "show what the steps of a run printed",
    "why": "explain why a step ran, was skipped or failed",
    "resume": "go on with a run that did not finish",
    "continue": "go on with a paused run, with answers and edits",
    "rerun": "run the recipe of an earlier run again",
    "cache": "list the cached results of steps, or remove some",
    "cancel": "stop a run that is running",
    "context": "read, write, watch and look back in a shared context",
    "step": "look after machines of the step engine",
    "schedule": "run recipes by the clock: add, list and remove schedules",
    "serve-schedules": "run what is due, for as long as this runs",
    "serve": "serve shared contexts over WebSocket and HTTP",
    "token": "make, list and revoke the tokens with which clients reach a context server",
    "repro": "write a folder in which a failure can be made again",
    "chaos": "prove that a recipe survives the death of its runner",
    "schema": "write the JSON Schema of recipes, for editors",
    "doctor": "check this machine and workspace for known troubles",
    "completion": "write the completion script for a shell",
    "version": "show the version and where it runs",
}
