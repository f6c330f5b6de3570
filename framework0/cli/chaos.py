"""Prove that a recipe survives the death of its runner: kill it, resume it, compare the ends.

Each trial runs the recipe in a fresh copy of the workspace, with a journal of its own; yours is not
touched. What steps do outside of that copy (a request, a file named by its full path) they really
do, in every trial.

examples:
  framework0 chaos recipe.yaml
  framework0 chaos recipe.yaml --points 20 --seed 7 --input limit=10
  framework0 chaos recipe.yaml --at 12       repeat one kill
  framework0 chaos recipe.yaml --json | jq .holds
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from framework0.cli.choosing import add_workspace
from framework0.errors import EXIT_OK, EXIT_RUN_FAILED

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from framework0.assembly import Proof

MOST_POINTS: Final = 1_000_000
SHOWN: Final = 10
"""Differences told in full; one cause may show in many places."""

LONGEST: Final = 300
"""Characters shown of a value that differs; ``--json`` has them all."""


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``chaos``."""
    parser.add_argument("recipe", metavar="RECIPE", help="the recipe's YAML file")
    parser.add_argument(
        "--points",
        type=_points,
        default=None,
        metavar="N",
        help="how many kills, at random boundaries of the journal; all: at every one (default)",
    )
    parser.add_argument(
        "--seed", type=_number, default=1, metavar="S", help="the same seed, the same boundaries"
    )
    parser.add_argument(
        "--at",
        type=_number,
        action="append",
        metavar="POINT",
        help="kill at this boundary only (repeatable)",
    )
    parser.add_argument(
        "-i",
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="give an input (repeatable); lists and mappings as JSON",
    )
    parser.add_argument(
        "--untrusted",
        action="store_true",
        help="run its steps in a sandbox, as `run --untrusted` does",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, only the outcome")
    parser.add_argument("--json", action="store_true", help="a JSON object with every trial")
    add_workspace(parser)


def _points(text: str) -> int | None:
    if text == "all":
        return None
    count = _number(text)
    if not count:
        from argparse import ArgumentTypeError

        raise ArgumentTypeError("a number of kills from 1 on, or all, is needed, not 0")
    return count


def _number(text: str) -> int:
    from argparse import ArgumentTypeError

    if not (text.isascii() and text.isdecimal()) or int(text[:10]) > MOST_POINTS:
        raise ArgumentTypeError(f"a whole number from 0 to {MOST_POINTS:,} is needed, not {text!r}")
    return int(text)


def execute(arguments: Namespace) -> int:
    """Try the recipe and return 0 when every end was the same, 1 otherwise."""
    from framework0.assembly import chosen_points, prove
    from framework0.cli.inputs import assignments
    from framework0.cli.troubles import say

    def choose(boundaries: int) -> list[int]:
        if arguments.at:
            return sorted(set(arguments.at))
        return chosen_points(boundaries, arguments.points, arguments.seed)

    proof = prove(
        arguments.recipe,
        workspace=arguments.workspace,
        inputs=assignments(arguments.input),
        choose=choose,
        untrusted=arguments.untrusted,
        tell=(lambda _: None) if arguments.quiet or arguments.json else say,
    )
    if arguments.json:
        import json

        sys.stdout.write(json.dumps(facts(proof, arguments), indent=2) + "\n")
    else:
        from framework0.logs import plain_lines

        sys.stdout.write(plain_lines("\n".join(_shown(proof, arguments))) + "\n")
    return EXIT_OK if proof.holds and proof.trials else EXIT_RUN_FAILED


def _shown(proof: Proof, arguments: Namespace) -> Iterator[str]:
    yield f"recipe       {proof.recipe}, which {proof.state} undisturbed"
    yield f"boundaries   {proof.boundaries:,}"
    killed = sum(trial.killed for trial in proof.trials)
    yield f"kills        {killed:,}"
    if killed < len(proof.trials):
        yield f"too late     {len(proof.trials) - killed:,} (the run had ended before)"
    different = [trial for trial in proof.trials if trial.broken]
    yield f"different    {len(different):,}"
    for name in proof.left_out:
        yield f"left out     {name}: it differs between two undisturbed runs"
    if not proof.trials:
        yield "there was no boundary to kill at"
    for trial in different[:SHOWN]:
        first = trial.broken[0]
        yield ""
        yield f"killed at boundary {trial.point}: {first.what}"
        yield f"  undisturbed: {_value(first.undisturbed)}"
        yield f"  resumed:     {_value(first.killed)}"
        if len(trial.broken) > 1:
            yield f"  and {len(trial.broken) - 1} more"
        yield f"  again: `framework0 chaos {arguments.recipe} --at {trial.point}`"
    if len(different) > SHOWN:
        yield f"… and {len(different) - SHOWN} more: --json has them all"


def _value(value: Any) -> str:
    import json

    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def facts(proof: Proof, arguments: Namespace) -> dict[str, Any]:
    """Return the proof as a program wants it."""
    return {
        "recipe": proof.recipe,
        "state": proof.state,
        "holds": proof.holds and bool(proof.trials),
        "seed": arguments.seed,
        "boundaries": proof.boundaries,
        "left_out": list(proof.left_out),
        "trials": [
            {
                "point": trial.point,
                "killed": trial.killed,
                "seconds": round(trial.seconds, 3),
                "broken": [one._asdict() for one in trial.broken],
            }
            for trial in proof.trials
        ],
    }
