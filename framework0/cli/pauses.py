"""Where a paused run stands, since when, what it asks, and the command that goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from framework0.runner import Plan, RunHistory


def pause_lines(plan: Plan | None, history: RunHistory) -> Iterator[str]:
    """Yield what there is to tell about the stops of a paused run, in lines for people."""
    run_id = history.header.run_id
    answers = []
    for stop in stops(plan, history):
        yield f"paused {stop['told']}"
        if stop["way"] == "asked":
            yield from (f"    {line}" for line in _question_lines(stop))
            answers.append(stop)
    for stop in answers:
        yield f"to answer:              {_answer_command(run_id, stop)}"
    if not answers or len(answers) < len(stops(plan, history)):
        yield f"to go on with it:       `framework0 continue {run_id}`"
    yield f"to see the context:     `framework0 show {run_id} --context`"


def stops(plan: Plan | None, history: RunHistory) -> list[dict[str, Any]]:
    """Return the stops as facts: ``step``, ``way``, ``since`` (epoch seconds), and any ``question``."""
    from framework0.cli.times import clock_text
    from framework0.runner import QUESTION, now_standing

    since = history.summary.finished_at
    found = []
    for node, stop in now_standing(history.decisions).items():
        name = _name(plan, node, stop)
        told = {"before": f"before {name}", "after": f"after {name}"}
        text = told.get(stop["way"], f"for an answer to {name}")
        if since is not None:
            text += f", since {clock_text(since)}"
        found.append(
            {
                "step": name,
                "way": stop["way"],
                "since": since,
                "told": text,
                "question": history.decisions.get((node, QUESTION)),
            }
        )
    return found


def _name(plan: Plan | None, node: int, stop: Mapping[str, Any]) -> str:
    if plan is None:
        return f"step {node + 1}"
    name = plan.steps[stop["owner"]].name
    return name if stop["item"] is None else f"{name}[{stop['item']}]"


def _question_lines(stop: Mapping[str, Any]) -> Iterator[str]:
    from framework0.cli.times import clock_text

    question = stop["question"]
    if question is None:
        return
    yield from question["prompt"].splitlines()
    yield f"answers: {', '.join(question['choices'])}"
    if question["approvers"]:
        yield f"to be answered by {', '.join(question['approvers'])}"
    if question["timeout"] is not None:
        until = clock_text(question["at"] + question["timeout"])
        yield f"in time until {until}; after that, going on means: {question['on_timeout']}"


def _answer_command(run_id: str, stop: Mapping[str, Any]) -> str:
    import shlex

    choices = stop["question"]["choices"] if stop["question"] else []
    ways = [
        (
            f"--{choice} {shlex.quote(stop['step'])}"
            if choice in ("approve", "reject")
            else f"--answer {shlex.quote(stop['step'] + '=' + choice)}"
        )
        for choice in choices
    ]
    first = f"`framework0 continue {run_id} {ways[0]}`"
    return " or ".join([first, *(f"`{way}`" for way in ways[1:])])
