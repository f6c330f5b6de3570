"""Explain why a step ran, was skipped, was tried again or failed, and what a resume would do.

examples:
  framework0 why
  framework0 why warm
  framework0 why 20261124-0427 report
  framework0 why nightly report --json
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from framework0.cli.choosing import add_run_and_step, add_workspace, chosen_step, opened
from framework0.errors import EXIT_OK

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence

    from framework0.cli.reasons import Explanation
    from framework0.cli.story import RunStory, StepStory

EXPLAINED: Final = 20
"""Steps explained at once when none is named; a run can have thousands that were skipped."""


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``why``."""
    add_run_and_step(parser)
    parser.add_argument("--json", action="store_true", help="a JSON list of explanations")
    add_workspace(parser)


def execute(arguments: Namespace) -> int:
    """Explain one step, or all that did not simply succeed."""
    from framework0.cli.reasons import explain
    from framework0.cli.waiting import note_waits

    with opened(arguments) as (space, journal):
        story, step = chosen_step(journal, arguments)
    note_waits(story, space)
    steps = [step] if step is not None else remarkable(story)
    if arguments.json:
        import json

        paths: dict[int, tuple[str, ...]] = {}
        facts = [explain(story, known, paths)._asdict() for known in steps]
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
        return EXIT_OK
    if step is None:
        _print(_headline(story))
    for place, known in enumerate(steps[:EXPLAINED]):
        _print(([""] if place or step is None else []) + list(_lines(explain(story, known))))
    if len(steps) > EXPLAINED:
        _print(["", f"… and {len(steps) - EXPLAINED:,} more: name a step, or use --json"])
    return EXIT_OK


def remarkable(story: RunStory) -> list[StepStory]:
    """Return the steps that did not simply succeed: causes before what followed from them."""
    from framework0.cli.story import skipped_because_of

    found = [
        step
        for step in story.steps
        if step.node in story.waits
        or (
            step.state != "pending"
            and (step.state not in ("succeeded", "cached") or step.begun > 1)
        )
    ]
    return sorted(found, key=lambda step: skipped_because_of(story, step) is not None)


def _headline(story: RunStory) -> Sequence[str]:
    counts = ", ".join(
        f"{count} {state.replace('_', ' ')}" for state, count in story.counts().items()
    )
    lines = [f"run {story.header.run_id} {story.state}: {counts}"]
    if story.state == "interrupted":
        process = story.history.summary
        lines.append(f"its process {process.pid} on {process.host} is gone and recorded no end")
    if story.state == "cancelled":
        lines += _called_off(story)
    if story.state == "paused":
        if story.machine is not None:
            from framework0.cli.visits import pause_lines as machine_pause_lines

            return [*lines, *machine_pause_lines(story)]
        from framework0.cli.pauses import pause_lines

        lines += pause_lines(story.plan, story.history)
    return lines


def _called_off(story: RunStory) -> Iterator[str]:
    """Yield who ended a paused run, and when, if somebody did."""
    from framework0.assembly import CALLED_OFF
    from framework0.cli.times import clock_text
    from framework0.runner import THE_RUN

    told = story.history.decisions.get((THE_RUN, CALLED_OFF))
    if told is not None:
        yield f"it was paused, and called off by {told['who']}, {clock_text(told['at'])}"


def _lines(explanation: Explanation) -> Iterator[str]:
    yield f"{explanation.step} {explanation.verdict}"
    for reason in explanation.reasons:
        yield from (f"  {line}" for line in reason.split("\n"))
    if len(explanation.path) > 1:
        yield f"  path: {' → '.join(explanation.path)}"
    if explanation.resume:
        yield f"  resume: {explanation.resume}"


def _print(lines: Sequence[str]) -> None:
    from framework0.logs import plain_lines

    sys.stdout.write(plain_lines("\n".join(lines)) + "\n")
