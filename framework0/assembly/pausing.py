"""Runs that stop for a person: which stops a run still has, and the machine that keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework0.runner import (
    ANSWER,
    BREAKS,
    THE_RUN,
    Decision,
    RunState,
    breakpoint_of,
    now_standing,
    stops_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from framework0.assembly.limits import Limits
    from framework0.assembly.session import Options
    from framework0.context import Change
    from framework0.runner import Plan, RunHistory


def check_breaks(plan: Plan, breaks: Sequence[str]) -> None:
    """Raise :class:`~framework0.errors.UsageError` for a breakpoint of no step of ``plan``."""
    for text in breaks:
        breakpoint_of(plan, text)


def pausable(
    plan: Plan, options: Options, history: RunHistory | None, limits: Limits | None
) -> Callable[..., RunState]:
    """Return what makes the state machine of a run that stops; ``history`` is None for a new run."""
    decisions = {} if history is None else history.decisions
    told = told_to_stop(options, {} if history is None else history.header.options, decisions)
    stops = stops_of(plan, told["given"], of_recipe=told["recipe"], decisions=decisions)
    if not stops:
        return RunState if limits is None else limits.make_state

    def make(plan: Plan, **parts: Any) -> RunState:
        if limits is not None and limits.of_state:
            from framework0.runner import PausableLimitedState

            kept = {"pools": limits.pools, "fail_fast": limits.fail_fast}
            return PausableLimitedState(plan, stops=stops, **kept, **parts)
        from framework0.runner import PausableState

        return PausableState(plan, stops=stops, **parts)

    return make


def told_to_stop(
    options: Options, stored: Mapping[str, Any], decisions: Mapping[tuple[int, str], Any]
) -> dict[str, Any]:
    """Return where a run was told to stop, now and earlier.

    ``given`` are breakpoints as written, ``recipe`` says whether those of the recipe count. Saying
    that there shall be none forgets all that was said before.
    """
    said: dict[str, Any] = decisions.get((THE_RUN, BREAKS)) or {
        "given": stored.get("breaks", []),
        "recipe": not stored.get("no_breaks", False),
    }
    if options.no_breaks:
        said = {"given": [], "recipe": False}
    return {
        "given": list(dict.fromkeys([*said["given"], *options.breaks])),
        "recipe": said["recipe"],
    }


def breaks_decided(plan: Plan, options: Options, history: RunHistory) -> list[Decision]:
    """Return the decision to keep when a person says anew where to stop, and have it hold from now on."""
    check_breaks(plan, options.breaks)
    told = told_to_stop(options, history.header.options, history.decisions)
    news = bool(options.breaks or options.no_breaks)
    options.breaks = tuple(told["given"])
    return [Decision(THE_RUN, BREAKS, told)] if news else []


def resumption(
    plan: Plan, options: Options
) -> Callable[[RunHistory], tuple[Sequence[Decision], Sequence[Change]]]:
    """Return what a resume tells the journal: where to stop from now on, and what is asked anew.

    A resume does again what has failed, and so a question whose answer failed the step.
    """

    def tell(history: RunHistory) -> tuple[Sequence[Decision], Sequence[Change]]:
        anew = [
            Decision(record.node, ANSWER, None)
            for record in history.attempts
            if record.state in ("failed", "timed_out")
            and history.decisions.get((record.node, ANSWER)) is not None
        ]
        return [*breaks_decided(plan, options, history), *anew], ()

    return tell


def where_it_stands(plan: Plan, history: RunHistory) -> str:
    """Return where a paused run stands, as the end of a sentence."""
    told = []
    for stop in now_standing(history.decisions).values():
        name = plan.steps[stop["owner"]].name
        if stop["item"] is not None:
            name += f"[{stop['item']}]"
        told.append(f"{WAYS[stop['way']]} {name}")
    return " and ".join(told) or "nowhere any more"


WAYS = {"before": "before", "after": "after", "asked": "for an answer to"}
"""How each way to stop is told."""
