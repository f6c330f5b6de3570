"""Go on with a paused run: past the breakpoints where it stands, with the answers and edits you give.

What you set and answer is kept with the run, signed with your name on this machine. Approvals that
you do not answer keep waiting.

examples:
  framework0 continue
  framework0 continue 20261124-0427 --approve publish --comment reviewed
  framework0 continue --set report.rows=120 --delete draft --no-breaks
  framework0 continue nightly --answer region=eu --stay
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework0.cli.choosing import add_run, chosen_run, opened
from framework0.cli.running import add_run_options, see_through, show_what_it_prints
from framework0.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from framework0.assembly import Options, RunResult, Wishes
    from framework0.runner import RunSummary


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``continue``."""
    add_run(parser)
    _add_edits(parser)
    _add_answers(parser)
    parser.add_argument(
        "--to-next",
        action="store_true",
        help="stop at the next breakpoint again; that is so anyway without --no-breaks",
    )
    parser.add_argument(
        "--stay", action="store_true", help="keep the edits and answers, and do not go on yet"
    )
    add_run_options(parser)


def _add_edits(parser: ArgumentParser) -> None:
    edits = parser.add_argument_group("edit the context")
    edits.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=JSON",
        help="set a key of the context (repeatable); a text that is no JSON is taken as text",
    )
    edits.add_argument(
        "--delete", action="append", default=[], metavar="KEY", help="remove a key (repeatable)"
    )


def _add_answers(parser: ArgumentParser) -> None:
    answers = parser.add_argument_group("answer approvals")
    answers.add_argument(
        "--approve", action="append", default=[], metavar="STEP", help="answer approve (repeatable)"
    )
    answers.add_argument(
        "--reject",
        action="append",
        default=[],
        metavar="STEP",
        help="answer reject, which fails the step (repeatable)",
    )
    answers.add_argument(
        "--answer",
        action="append",
        default=[],
        metavar="STEP=CHOICE",
        help="give one of the choices of an approval (repeatable)",
    )
    answers.add_argument(
        "--comment", default="", metavar="TEXT", help="a comment, kept with every answer given now"
    )


def execute(arguments: Namespace) -> int:
    """Go on with the run and return the exit code."""
    wishes = _wishes(arguments)
    if arguments.to_next and arguments.no_breaks:
        raise UsageError("--to-next stops at the next breakpoint, --no-breaks at none: give one")
    with opened(arguments) as (_, journal):
        run_id = chosen_run(journal, arguments.run, _is_paused)
        nodes = next(run.nodes for run in journal.runs() if run.run_id == run_id)
    if arguments.stay:
        return _stay(arguments, run_id, wishes)

    def start(options: Options) -> RunResult:
        from framework0.assembly import continue_run
        from framework0.cli.resume import explained_lock

        if nodes == 1:
            show_what_it_prints(arguments, options)
        with explained_lock(run_id):
            return continue_run(run_id, wishes, workspace=arguments.workspace, options=options)

    return see_through(arguments, start)


def _is_paused(run: RunSummary) -> bool:
    return run.state == "paused"


def _stay(arguments: Namespace, run_id: str, wishes: Wishes) -> int:
    from framework0.assembly import Options, amend_run
    from framework0.cli.resume import explained_lock
    from framework0.cli.troubles import say

    options = Options(breaks=arguments.breaks or (), no_breaks=arguments.no_breaks)
    with explained_lock(run_id):
        amend_run(run_id, wishes, workspace=arguments.workspace, options=options)
    say(f"kept; run {run_id} stays paused: `framework0 continue {run_id}` goes on with it")
    return EXIT_OK


def _wishes(arguments: Namespace) -> Wishes:
    from framework0.assembly import Wishes
    from framework0.workspace import user_name

    answers: dict[str, str] = {}
    given = [
        *((name, "approve") for name in arguments.approve),
        *((name, "reject") for name in arguments.reject),
        *_pairs(arguments.answer, "--answer takes STEP=CHOICE"),
    ]
    for name, choice in given:
        if name in answers:
            raise UsageError(f"{name!r} is answered twice, {answers[name]} and {choice}: give one")
        answers[name] = choice
    if arguments.comment and not answers:
        raise UsageError("--comment goes with an answer: add --approve, --reject or --answer")
    edits = {key: _value(text) for key, text in _pairs(arguments.set, "--set takes KEY=JSON")}
    twice = sorted(set(edits) & set(arguments.delete))
    if twice:
        raise UsageError(f"{twice[0]!r} is both set and deleted: give one")
    return Wishes(
        user_name(),
        edits=edits,
        removed=arguments.delete,
        answers=answers,
        comment=arguments.comment,
    )


def _pairs(texts: Sequence[str], rule: str) -> list[tuple[str, str]]:
    pairs = []
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"{rule}, not {text!r}")
        pairs.append((name, value))
    return pairs


def _value(text: str) -> Any:
    """Return the JSON value of a text, or the text itself where it is plainly none."""
    import json

    try:
        return json.loads(text)
    except ValueError:
        if text[:1] in ("{", "[", '"'):
            raise UsageError(
                f"{text!r} begins like JSON and is not: check quotes and brackets"
            ) from None
        return text
