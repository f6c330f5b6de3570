"""The run of a machine as told: its nodes, each visit of them, where it stands, and how to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.cli.times import seconds_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework0.cli.reasons import Explanation
    from framework0.cli.story import RunStory, StepStory
    from framework0.runner import AttemptRecord

SHOWN_VISITS: Final = 20
"""Visits of one node told one by one, the latest; a node in a loop may have thousands."""


def instance_of(story: RunStory) -> str:
    """Return the folder of the machine, as a command names it here."""
    from framework0.stepengine import from_here

    return from_here(str((story.machine or {}).get("instance", "")))


def pause_facts(story: RunStory) -> list[dict[str, Any]]:
    """Return where a paused machine stands: ``step``, ``way`` (before, after or step) and ``since``."""
    from framework0.runner import now_standing

    since = story.history.summary.finished_at
    return [
        {"step": story.by_node[node].name, "way": stop["way"], "since": since}
        for node, stop in now_standing(story.history.decisions).items()
        if node in story.by_node
    ]


def pause_lines(story: RunStory) -> Iterator[str]:
    """Yield where a paused machine stands, and the command that goes on with it."""
    from framework0.cli.times import clock_text

    for stop in pause_facts(story):
        way = {"before": "before", "after": "after"}.get(stop["way"], "within")
        since = "" if stop["since"] is None else f", since {clock_text(stop['since'])}"
        yield f"paused {way} {stop['step']}{since}"
    yield f"to go on with it:       `framework0 step resume {instance_of(story)}`"


def next_lines(story: RunStory) -> Iterator[str]:
    """Yield the commands that fit a machine in the state it is in."""
    run_id, instance = story.header.run_id, instance_of(story)
    if story.state == "running":
        yield f"to watch it:            `framework0 logs -f {run_id}`"
        yield f"to stop it:             `framework0 cancel {run_id}`"
    elif story.state == "paused":
        yield from pause_lines(story)
    elif story.state != "succeeded":
        yield f"why it went like this:  `framework0 why {run_id}`"
        yield f"what its nodes printed: `framework0 logs {run_id}`"
        yield f"to go on with it:       `framework0 step resume {instance}`"


def explain_node(story: RunStory, step: StepStory) -> Explanation:
    """Return the explanation of one node of a machine's run."""
    from framework0.cli.reasons import Explanation

    resume = ""
    if step.state == "interrupted" and story.state == "interrupted":
        resume = "calls the method that was going on again"
    return Explanation(
        story.header.run_id,
        step.name,
        step.state,
        _verdict(step),
        tuple(_reasons(step)),
        (step.name,),
        None,
        resume,
    )


def _verdict(step: StepStory) -> str:
    visits = f"{step.begun} visit{'' if step.begun == 1 else 's'}"
    last = step.last
    if step.state == "skipped" or (not step.begun and last is not None):
        return "was not visited"
    if not step.begun:
        return "has not been visited"
    if step.state == "succeeded" and last is not None:
        return f"went well in its last visit of {visits}, in {seconds_text(last.outcome.seconds)}"
    told = {
        "failed": f"failed in its last visit of {visits}",
        "running": f"is being visited, {visits} so far",
        "paused": f"is where the machine is paused, {visits} so far",
        "interrupted": f"was being visited when the process ended, {visits} so far",
        "cancelled": f"was being visited when the machine was stopped, {visits} so far",
    }
    return told.get(step.state, step.state)


def _reasons(step: StepStory) -> Iterator[str]:
    made = [record for record in step.attempts if record.attempt]
    if len(made) > SHOWN_VISITS:
        yield f"its first {len(made) - SHOWN_VISITS:,} visits are left out here: --json of `show` has them"
    for record in made[-SHOWN_VISITS:]:
        yield _visit(record)
    if not made and step.last is not None and step.last.reason:
        yield step.last.reason


def _visit(record: AttemptRecord) -> str:
    from framework0.runner.machines import visit_of

    failure = record.outcome.failure
    if failure is None:
        return record.reason or f"visit {visit_of(record)}: {record.state}"
    where = f"\n  at {failure.where}" if failure.where else ""
    return f"visit {visit_of(record)}: {failure.kind}: {failure.message}{where}"
