"""Seeded runs with breakpoints, paused, killed and continued on a fake clock, until they end."""

from __future__ import annotations

from functools import partial

import pytest

from framework0.runner import HELD, PASSED, THE_RUN, PausableState, Standing, now_standing, stops_of
from framework0.testing import MemoryRecorder
from tests.runner.test_simulation import GOOD, FragileRecorder, Imagined, Killed, Scene, is_main


def breaks_of(imagined):
    """Return the breakpoints of a seed: some steps, some of them from after."""
    chance = imagined.chance
    chosen = [step.name for step in imagined.steps if chance.random() < 0.3]
    return [name + chance.choice(["", ":after"]) for name in chosen]


class Sitting:
    """One process that works on the run: what it takes over, and what it leaves behind."""

    def __init__(self, imagined, breaks, kept=None, recorder=None, held=()):
        self.recorder = recorder or MemoryRecorder()
        self.before = [] if kept is None else list(kept.attempts)
        if kept is not None:
            self.recorder.started.update(kept.started)
            self.recorder.decisions.update(kept.decisions)

        def make_state(plan, limit):
            stops = stops_of(plan, breaks, decisions=self.recorder.decisions)
            return PausableState(plan, stops=stops, limit=limit)

        self.scene = Scene(
            imagined.steps,
            imagined.script,
            limit=imagined.limit,
            recorder=self.recorder,
            make_state=make_state,
        )
        if kept is not None:
            standing = Standing(self.scene.plan, self.before, kept.decisions, held=held)
            standing.apply(self.scene.run)

    def execute(self):
        final = self.scene.run.execute()
        # What a later process would read: everything that was ever recorded.
        self.recorder.attempts[:0] = self.before
        return final


def passed(recorder):
    """Note what ``continue`` notes: every stop the run stands at has been passed."""
    for stop in now_standing(recorder.decisions).values():
        way = stop["way"] if stop["item"] is None else stop["item"]
        before = recorder.decisions.get((stop["owner"], PASSED), [])
        recorder.decisions[stop["owner"], PASSED] = [*before, way]
    return recorder.decisions.get((THE_RUN, HELD), ())


@pytest.mark.slow
@pytest.mark.parametrize("block", range(4))
def test_a_run_that_is_continued_past_every_stop_ends_as_one_that_never_stopped(block):
    for seed in range(block * 100, block * 100 + 100):
        plain = Imagined(seed)
        whole = Scene(plain.steps, plain.script, limit=1)
        imagined = Imagined(seed)
        imagined.limit = 1
        breaks = breaks_of(imagined)
        # The same luck for the same attempt, whatever the order.
        imagined.luck = plain.luck
        final = whole.run.execute()
        imagined.script = partial(_same_luck, plain)
        sitting = Sitting(imagined, breaks)
        result = sitting.execute()
        sittings = 1
        while result == "paused":
            held = passed(sitting.recorder)
            sitting = Sitting(imagined, breaks, sitting.recorder, held=held)
            result = sitting.execute()
            sittings += 1
            assert sittings <= len(breaks) + 1
        assert result == final
        once = [
            (record.node, record.attempt) for record in sitting.recorder.attempts if record.attempt
        ]
        assert len(set(once)) == len(once), "an attempt was made twice"
        assert not sitting.scene.state.unfinished()


def _all_goes_well(_job):
    return GOOD


def _same_luck(plain, job):
    return plain.script(job)


@pytest.mark.slow
def test_a_run_killed_on_its_way_to_a_pause_reaches_the_same_pause():
    paused = 0
    for seed in range(120):
        imagined = Imagined(seed)
        imagined.script = _all_goes_well
        breaks = breaks_of(imagined)
        first = Sitting(imagined, breaks)
        if first.execute() != "paused":
            continue
        paused += 1
        goal = now_standing(first.recorder.decisions)
        assert (THE_RUN, HELD) in first.recorder.decisions
        for lives in range(len(first.recorder.attempts)):
            killed = Sitting(imagined, breaks, recorder=FragileRecorder(lives))
            with pytest.raises(Killed):
                killed.scene.run.execute()
            kept = killed.recorder
            again = Sitting(imagined, breaks, kept)
            again.execute()
            assert again.scene.state.finished == "paused"
            assert _places(now_standing(again.recorder.decisions)) == _places(goal)
            repeated = {
                record.node
                for record in kept.attempts
                if record.final and record.state == "succeeded"
                if is_main(imagined, again.scene, record.node)
            }
            fresh = again.recorder.attempts[len(kept.attempts) :]
            assert repeated.isdisjoint(record.node for record in fresh if record.attempt)
    assert paused > 20


def _places(standing):
    return {(stop["owner"], stop["item"], stop["way"]) for stop in standing.values()}
