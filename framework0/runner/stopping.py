"""What a run writes down when it stops for a person: where it stands, and what it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.runner.breakpoints import ANSWER, HELD, QUESTION, STOPPED, THE_RUN
from framework0.runner.moves import FAILED, SKIPPED, TIMED_OUT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from framework0.recipe import Step
    from framework0.runner.run import Run
    from framework0.runner.seams import Recorder
    from framework0.runner.state import RunState


def write_stops(recorder: Recorder, state: RunState, stops: Iterable[tuple[int, str]]) -> None:
    """Write down where a run stands that is paused now."""
    for node, way in stops:
        owner = state.owner.get(node, node)
        stop = {"way": way, "owner": owner, "item": state.item_index(node)}
        recorder.decide(node, STOPPED, stop)
    # What has not gone well so far is not done again when the run goes on.
    held = [node for node, now in enumerate(state.state) if now in (FAILED, TIMED_OUT, SKIPPED)]
    recorder.decide(THE_RUN, HELD, held)


def ask(run: Run, step: Step, node: int) -> None:
    """Put the question of an approval into words, unless it has been answered.

    Raises what its expressions raise.
    """
    if run.decisions.get((node, ANSWER)) is None:
        question = run.workshop.question_for(step, node)
        run.recorder.decide(node, QUESTION, {**question, "at": run.clock.now()})
