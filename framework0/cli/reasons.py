"""Why a step is in the state it is in, from what the journal kept; nothing is evaluated again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.cli.story import RESUMABLE, skipped_because_of
from framework0.cli.times import clock_text, seconds_text
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework0.cli.story import RunStory, StepStory
    from framework0.recipe import Retry, Step
    from framework0.runner import AttemptRecord

KEPT = "kept from run "
"""How the reason of a record begins that a rerun took over from its parent."""

LONGEST_PATH = 20
"""Names of a path of causes: its beginning and its end tell enough of a longer one."""

NAMED_PARENTS = 10
"""Steps named that came before one; a step may wait for thousands."""


class Explanation(NamedTuple):
    """Why one step is in its ``state``. ``verdict`` completes the sentence that its name begins.

    ``path`` are the names of the steps from the first cause to this one, ``when`` the stored answer
    of its condition (None: there is none, or it was not asked). ``resume`` is what a resume would do
    with the step; empty when there is nothing to resume.
    """

    run: str
    step: str
    state: str
    verdict: str
    reasons: tuple[str, ...]
    path: tuple[str, ...]
    when: bool | None
    resume: str


def explain(
    story: RunStory, step: StepStory, known: dict[int, tuple[str, ...]] | None = None
) -> Explanation:
    """Return the explanation of one step or item of a run.

    ``known`` keeps the paths found so far, for a caller who explains many steps.
    """
    if story.machine is not None:
        from framework0.cli.visits import explain_node

        return explain_node(story, step)
    path = cause_path(story, step, {} if known is None else known)
    reasons = [
        *_choices(story, step),
        *_conditions(story, step),
        *_upstream(story, path),
        *_cache(story, step),
        *_predecessors(story, step),
        *_person(story, step),
        *_attempts(story, step),
        *_waits(story, step),
        *_items(story, step),
    ]
    return Explanation(
        story.header.run_id,
        step.name,
        step.state,
        _verdict(story, step),
        tuple(reasons),
        path,
        story.history.decisions.get((step.node, "when")),
        _resume(story, step),
    )


def _verdict(story: RunStory, step: StepStory) -> str:
    last = step.last
    times = f" in attempt {step.begun}" if step.begun > 1 else ""
    if step.state == "succeeded" and last is not None:
        if last.reason.startswith(KEPT):
            return f"did not run: its result was {last.reason}"
        return f"ran and succeeded{times} in {seconds_text(last.outcome.seconds)}"
    if step.state == "cached" and last is not None:
        return f"did not run, its result was cached: {last.reason}"
    if step.state == "interrupted":
        waited = step.last is not None and step.begun == step.last.attempt
        doing = "it waited for its next attempt" if waited else "it was going on"
        return f"was interrupted: the process ended while {doing}"
    if step.state == "cancelled" and not step.begun:
        return "was cancelled before it began"
    before_end = story.state == "interrupted"
    return {
        "failed": f"failed{times}",
        "timed_out": f"timed out{times}",
        "cancelled": f"was cancelled{times}",
        "skipped": "was skipped",
        "running": f"is running{times}",
        "waiting": "waits for its next attempt",
        "paused": _how_paused(story, step),
        "pending": "had not begun when the process ended" if before_end else "has not begun",
    }.get(step.state, step.state)


def _how_paused(story: RunStory, step: StepStory) -> str:
    from framework0.runner import now_standing

    stop = now_standing(story.history.decisions).get(step.node)
    if stop is None:
        return "is paused: one of its items is"
    if stop["way"] == "asked":
        return "waits for an answer"
    return "is paused before it begins: there is a breakpoint"


def _person(story: RunStory, step: StepStory) -> Iterator[str]:
    """What a person has to do with the step: the question, the answer, and the stop after it."""
    from framework0.runner import ANSWER, QUESTION, now_standing

    decisions = story.history.decisions
    question, answer = decisions.get((step.node, QUESTION)), decisions.get((step.node, ANSWER))
    if question is not None:
        yield f"asked {clock_text(question['at'])}: {question['prompt']}"
    if answer is not None:
        who = answer["who"] or "nobody in time"
        said = f": {answer['comment']}" if answer["comment"] else ""
        yield f"answered {clock_text(answer['at'])} by {who}: {answer['answer']}{said}"
    stop = now_standing(decisions).get(step.node) if story.state == "paused" else None
    if stop is not None and stop["way"] == "after":
        yield "the run is paused after it: what waits for it has not begun"


def _choices(story: RunStory, step: StepStory) -> Iterator[str]:
    """What the caller, or the part of the recipe it stands in, says about the step."""
    plan, definition = story.plan, _definition(story, step)
    if plan is not None and step.node in plan.left_out:
        yield f"the run was begun without it: {plan.left_out[step.node]}"
    if definition is not None and definition.phase == "on_failure":
        yield "it stands in on_failure: it runs only when something before it failed"
    if definition is not None and definition.phase == "finally":
        yield "it stands in finally: it runs however the steps before it ended"


def _conditions(story: RunStory, step: StepStory) -> Iterator[str]:
    definition = _definition(story, step)
    if definition is None or definition.when is None or step.owner is not None:
        return
    answer = story.history.decisions.get((step.node, "when"))
    if answer is None:
        yield f"its condition was not asked: when {definition.when}"
    else:
        told = "true" if answer else "false"
        yield f"its condition was {told} when it was asked, which holds on: when {definition.when}"


def _cache(story: RunStory, step: StepStory) -> Iterator[str]:
    """Why a step that may be cached ran all the same, and why what it gave was not kept."""
    from framework0.runner import ASKED, NOT_KEPT

    if step.state == "cached":
        return
    why = story.history.decisions.get((step.node, ASKED))
    if why:
        yield f"it was not taken from the cache: {why}"
    unkept = story.history.decisions.get((step.node, NOT_KEPT))
    if unkept:
        yield str(unkept)


def _upstream(story: RunStory, path: tuple[str, ...]) -> Iterator[str]:
    """The first cause of a skip, with its own words."""
    cause = story.named(path[0]) if len(path) > 1 else None
    if cause is None:
        return
    yield f"{cause.name} {cause.state.replace('_', ' ')}, and it needs what that step does"
    if cause.last is not None and cause.last.outcome.failure is not None:
        yield _failure(cause.last)


def _predecessors(story: RunStory, step: StepStory) -> Iterator[str]:
    plan = story.plan
    if plan is None or step.owner is not None or step.node >= len(plan):
        return
    parents = [story.by_node[parent] for parent in plan.parents[step.node]]
    definition = plan.steps[step.node]
    if not parents:
        yield "it waits for no other step"
        return
    told = ", ".join(
        f"{parent.name} ({parent.state.replace('_', ' ')})" for parent in parents[:NAMED_PARENTS]
    )
    if len(parents) > NAMED_PARENTS:
        told += f" and {len(parents) - NAMED_PARENTS:,} more"
    rule = "depends_on" if definition.depends_on else "order"
    yield f"it comes after {told}, by {rule}"
    if rule == "order" and plan.recipe.order_reason:
        yield f"the order: {plan.recipe.order_reason}"


def _waits(story: RunStory, step: StepStory) -> Iterator[str]:
    if step.node in story.waits:
        yield f"it is {story.waits[step.node]}"


def _attempts(story: RunStory, step: StepStory) -> Iterator[str]:
    from framework0.cli.show import in_flight

    definition = _definition(story, step)
    retry = None if definition is None else definition.policy.retry
    failures = 0
    for record in step.attempts:
        failed = record.outcome.failure
        if failed is not None:
            failures += 1
            told = f"attempt {record.attempt}: " if record.attempt else ""
            after = f"{_overdue(step, record)}{_what_followed(record, retry, failures)}"
            yield f"{told}{_failure(record)}{after}"
        elif record.state == "succeeded" and step.begun > 1:
            yield f"attempt {record.attempt}: succeeded"
        elif record.state == "skipped" and skipped_because_of(story, step) is None:
            yield f"the reason recorded: {record.reason}" if record.reason else "no reason recorded"
        if failed is not None and record.reason:
            yield record.reason
    flying = in_flight(step)
    if flying:
        over = step.overdue.get(step.flying)
        yield flying if over is None else f"{flying}; its time was over {clock_text(over['at'])}"
    last = step.last
    tolerated = definition is not None and definition.policy.continue_on_error
    if tolerated and last is not None and last.state in ("failed", "timed_out"):
        yield "the run went on all the same: continue_on_error is set"


def _failure(record: AttemptRecord) -> str:
    failure = record.outcome.failure
    if failure is None:
        return record.state
    where = f"\n  at {failure.where}" if failure.where else ""
    return f"{failure.kind}: {failure.message}{where}"


def _overdue(step: StepStory, record: AttemptRecord) -> str:
    """Say when the time of an attempt was over, and when the last of its processes was gone."""
    over = step.overdue.get(record.attempt)
    if over is None:
        return ""
    # Both on the clock of its own process, which began a little after the attempt.
    later = max(0.0, record.outcome.seconds - over["timeout"])
    return (
        f"\n  its time was over {clock_text(over['at'])}, it was gone {seconds_text(later)} later"
    )


def _what_followed(record: AttemptRecord, retry: Retry | None, failures: int) -> str:
    """Say why a failed attempt was, or was not, followed by another."""
    if retry is None or retry.attempts == 1 or record.state == "cancelled" or not record.attempt:
        return ""
    allowed = f"retry allows {retry.attempts} attempts"
    if not record.final:
        return f"\n  tried again: {allowed}"
    if failures >= retry.attempts:
        return f"\n  not tried again: {allowed}"
    return f"\n  not tried again: retry.on names {', '.join(retry.on) or 'nothing of this kind'}"


def _items(story: RunStory, step: StepStory) -> Iterator[str]:
    if step.owner is not None:
        yield f"it is an item of {story.by_node[step.owner].name}"
    if (step.node, "foreach") in story.history.decisions:
        items = [known for known in story.steps if known.owner == step.node]
        counts: dict[str, int] = {}
        for item in items:
            counts[item.state] = counts.get(item.state, 0) + 1
        told = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts.items())
        yield f"it ran once for each of {len(items)} items, fixed when it began: {told}"


def cause_path(
    story: RunStory, step: StepStory, known: dict[int, tuple[str, ...]]
) -> tuple[str, ...]:
    """Return the names from the step whose end caused this one to be skipped, down to this one.

    What is found on the way is added to ``known``, by node.
    """
    way = [step]
    while way[-1].node not in known:
        cause = skipped_because_of(story, way[-1])
        if cause is None:
            known[way[-1].node] = (way[-1].name,)
        else:
            way.append(cause)
    path = known[way.pop().node]
    for after in reversed(way):
        path = (*path, after.name)
        if len(path) > LONGEST_PATH:
            path = (path[0], "…", *path[2 - LONGEST_PATH :])
        known[after.node] = path
    return path


def _resume(story: RunStory, step: StepStory) -> str:
    """Say what a resume would do with the step."""
    if story.state not in RESUMABLE or story.standing is None:
        return ""
    if step.node in story.standing.ended:
        return "keeps it as it is"
    return _done_again(story, step)


def _done_again(story: RunStory, step: StepStory) -> str:
    if story.plan is not None and step.node in story.plan.left_out:
        return "leaves it out again"
    if (step.node, "foreach") in story.history.decisions:
        return "goes on with those of its items that have not succeeded"
    if skipped_because_of(story, step) is not None:
        return "considers it anew once the steps before it have ended"
    if step.state == "skipped":
        return "decides about it again"
    if not step.begun:
        return "runs it when its turn comes"
    return f"runs it again, as attempt {step.begun + 1}"


def _definition(story: RunStory, step: StepStory) -> Step | None:
    node = step.node if step.owner is None else step.owner
    if story.plan is None or node >= len(story.plan):
        return None
    return story.plan.steps[node]
