"""Runs with limits on a fake clock: who waits, who is stopped, when, and what is written down."""

from __future__ import annotations

import pytest

from framework0.context import Context
from framework0.errors import WorkspaceError
from framework0.recipe import FINALLY, MAIN, ON_FAILURE, Foreach, Policy, Recipe, Retry
from framework0.runner import LimitedRun, LimitedState, Plan, Workshop
from framework0.runner.limited_run import LOOK_EVERY
from framework0.testing import FakeClock, FakeExecutor, FakePools, MemoryRecorder
from tests.runner.test_simulation import BAD, GOOD, Code, Imagined, steps_of

GPU = Policy(pool=("gpu", 1))


class Limited:
    """One run with limits; several may share a clock and pools."""

    def __init__(
        self, steps, script, *, clock=None, pools=None, limit=4, deadline=None, fail_fast=False,
        stops=True, grace=5.0, observer=None,
    ):  # fmt: skip
        self.recipe = Recipe("scene", tuple(steps))
        self.clock = clock or FakeClock()
        self.executor = FakeExecutor(self.clock, script, stops=stops)
        self.recorder = MemoryRecorder()
        self.pools = pools or FakePools({"gpu": 1})
        self.state = LimitedState(
            Plan(self.recipe), limit=limit, pools=self.pools.sizes, fail_fast=fail_fast
        )
        workshop = Workshop(
            run={"id": "scene", "name": "", "recipe": "scene"},
            recipe=self.recipe,
            state=self.state,
            context=Context(),
            inputs={},
            env={},
            usercode=Code(),
            executors=lambda name: self.executor,
            default_executor="thread",
            nested=None,
            log_path=lambda node, attempt: "/nowhere/none.log",
            masker=None,
        )
        self.run = LimitedRun(
            state=self.state,
            workshop=workshop,
            recorder=self.recorder,
            clock=self.clock,
            grace=grace,
            chance=lambda: 0.5,
            pools=self.pools,
            deadline=deadline,
            observer=observer,
        )

    def ends(self):
        return {record.name: record for record in self.recorder.attempts if record.final}

    def starts(self):
        return {
            record.name: round(record.at - 1_700_000_000.0, 3)
            for record in self.recorder.attempts
            if record.attempt
        }


def lasting(seconds):
    return lambda job: GOOD._replace(seconds=seconds)


def test_steps_of_one_pool_take_turns_and_the_others_do_not_wait():
    steps = steps_of({"name": "a", "policy": GPU}, {"name": "b", "policy": GPU}, {"name": "c"})
    scene = Limited(steps, lasting(10.0))
    assert scene.run.execute() == "succeeded"
    assert scene.starts() == {"a": 0.0, "b": 10.0, "c": 0.0}
    assert scene.pools.most == {"gpu": 1}


def test_a_slot_freed_elsewhere_is_taken_within_the_stated_time():
    ours = FakePools({"gpu": 1})
    other = ours.another("other")
    assert other.take(0, "gpu", 1, "its step")
    scene = Limited(steps_of({"name": "a", "policy": GPU}), lasting(1.0), pools=ours)
    scene.clock.at(33.333, lambda: other.give_back(0))
    assert scene.run.execute() == "succeeded"
    assert 33.333 <= scene.starts()["a"] <= 33.333 + LOOK_EVERY + 1e-6


def test_who_waits_is_told_once_with_who_is_in_the_way():
    told = []

    class Watcher:
        def __getattr__(self, name):
            return lambda *facts: None

        def step_waiting(self, name, text):
            told.append((name, text))

    ours = FakePools({"gpu": 1})
    other = ours.another("other")
    other.take(0, "gpu", 1, "its step")
    steps = steps_of({"name": "a", "policy": GPU})
    scene = Limited(steps, lasting(1.0), pools=ours, observer=Watcher())
    scene.clock.at(5.0, lambda: other.give_back(0))
    scene.run.execute()
    assert told == [("a", "pool gpu (1 of 1 in use by other)")]


def test_a_cancelled_run_leaves_the_queue_and_holds_nothing():
    ours = FakePools({"gpu": 1})
    ours.another("other").take(0, "gpu", 1, "its step")
    scene = Limited(steps_of({"name": "a", "policy": GPU}), lasting(1.0), pools=ours)
    scene.clock.at(5.0, scene.run.cancel)
    assert scene.run.execute() == "cancelled"
    assert ours.queues == {"gpu": []}


def test_pools_that_cannot_be_used_end_the_run_with_the_reason():
    class Broken(FakePools):
        def take(self, node, pool, slots, step):
            raise WorkspaceError("the disk is full")

    scene = Limited(steps_of({"name": "a", "policy": GPU}), lasting(1.0), pools=Broken({"gpu": 1}))
    with pytest.raises(WorkspaceError, match="the disk is full"):
        scene.run.execute()


def test_fail_fast_stops_what_runs_and_says_why():
    steps = steps_of(
        {"name": "bad"},
        {"name": "long"},
        {"name": "after", "depends_on": ("long",)},
        {"name": "alarm", "phase": ON_FAILURE},
        {"name": "tidy", "phase": FINALLY},
    )
    scene = Limited(
        steps,
        lambda job: BAD if job.name == "bad" else GOOD._replace(seconds=100.0),
        fail_fast=True,
    )
    assert scene.run.execute() == "failed"
    ends = scene.ends()
    assert {name: record.state for name, record in ends.items()} == {
        "bad": "failed", "long": "cancelled", "after": "skipped", "alarm": "succeeded",
        "tidy": "succeeded",
    }  # fmt: skip
    assert ends["long"].outcome.failure.kind == "fail_fast"
    assert ends["long"].outcome.failure.message.startswith("bad failed and fail_fast is set")
    assert ends["after"].reason == "bad failed and fail_fast is set"
    assert scene.recorder.decisions[-1, "halted"] == "bad failed and fail_fast is set"
    assert scene.clock.seconds == pytest.approx(201.0)


def test_at_the_deadline_everything_ends_and_clean_up_still_runs():
    steps = steps_of(
        {"name": "long"},
        {"name": "after", "depends_on": ("long",)},
        {"name": "tidy", "phase": FINALLY},
    )
    scene = Limited(
        steps, lambda job: GOOD._replace(seconds=1.0 if job.name == "tidy" else 1e6), deadline=60.0
    )
    assert scene.run.execute() == "failed"
    ends = scene.ends()
    assert ends["long"].outcome.failure.kind == "deadline"
    assert "deadline of 60 s" in ends["long"].outcome.failure.message
    assert "deadline of 60 s" in ends["after"].reason
    assert ends["tidy"].state == "succeeded"
    assert scene.clock.seconds == pytest.approx(61.0)


def test_steps_that_are_deaf_at_the_deadline_are_left_behind_after_the_grace_time():
    scene = Limited(
        steps_of({"name": "stuck"}), lasting(1e6), stops=False, deadline=60.0, grace=7.0
    )
    assert scene.run.execute() == "failed"
    assert scene.clock.seconds == pytest.approx(67.0)
    assert "left behind" in scene.ends()["stuck"].outcome.failure.message


def test_the_wall_clock_moves_no_deadline():
    scene = Limited(steps_of({"name": "long"}), lasting(1e6), deadline=60.0)
    scene.clock.at(10.0, lambda: scene.clock.jump(3600.0))
    scene.clock.at(20.0, lambda: scene.clock.jump(-7200.0))
    assert scene.run.execute() == "failed"
    assert scene.clock.seconds == pytest.approx(60.0)


def test_a_run_that_is_over_in_time_does_not_hear_of_its_deadline():
    scene = Limited(steps_of({"name": "a"}), lasting(1.0), deadline=60.0)
    assert scene.run.execute() == "succeeded"
    assert (-1, "halted") not in scene.recorder.decisions


def test_a_step_that_waits_for_its_next_attempt_ends_with_the_deadline():
    policy = Policy(retry=Retry(attempts=9, delay=1000.0))
    scene = Limited(steps_of({"name": "a", "policy": policy}), lambda job: BAD, deadline=60.0)
    assert scene.run.execute() == "failed"
    assert scene.clock.seconds == pytest.approx(60.0)


def test_a_step_let_start_when_all_is_being_stopped_does_not_run():
    scene = Limited(steps_of({"name": "a"}, {"name": "b"}), lasting(1.0), limit=1)
    wake = scene.run._start

    def just_before(node, instructions):
        # The deadline passes between the decision to start a step and its start.
        scene.run._reach_deadline()
        return wake(node, instructions)

    scene.run._deadline, scene.run._start = 60.0, just_before
    scene.run._after = lambda seconds, action: None
    assert scene.run.execute() == "failed"
    assert scene.ends()["a"].state == "cancelled"
    assert not scene.executor.running


class ImaginedWithLimits(Imagined):
    """A random recipe of which some steps need slots, perhaps with a deadline or fail_fast."""

    def __init__(self, seed):
        super().__init__(seed)
        chance = self.chance
        for step in self.steps:
            if chance.random() < 0.5:
                step.policy = step.policy._replace(
                    pool=chance.choice([("gpu", 1), ("gpu", 2), ("db", 1)]),
                    priority=chance.choice([0, 0, 3]),
                )
        self.fail_fast = chance.random() < 0.3
        self.deadline = chance.choice([None, None, chance.uniform(1, 20)])


@pytest.mark.slow
@pytest.mark.parametrize("block", range(4))
def test_1000_seeded_runs_with_limits_keep_every_promise(block):
    for seed in range(block * 250, block * 250 + 250):
        imagined = ImaginedWithLimits(seed)
        pools = FakePools({"gpu": 2, "db": 1})
        other = pools.another("other")
        scene = Limited(
            imagined.steps, imagined.script, limit=imagined.limit, pools=pools,
            fail_fast=imagined.fail_fast, deadline=imagined.deadline,
        )  # fmt: skip
        if imagined.chance.random() < 0.5:
            other.take(0, "gpu", 1, "x")
            scene.clock.at(imagined.chance.uniform(0, 10), lambda held=other: held.give_back(0))
        if imagined.cancel_at is not None:
            scene.clock.at(imagined.cancel_at, scene.run.cancel)
        final = scene.run.execute()
        finals = [record for record in scene.recorder.attempts if record.final]
        assert len({record.node for record in finals}) == len(finals), "a step ended twice"
        assert scene.executor.most <= imagined.limit
        assert not scene.executor.running
        assert all(pools.most[pool] <= size for pool, size in pools.sizes.items())
        assert not pools._held
        assert pools.queues == {"gpu": [], "db": []}
        assert scene.recorder.state == final == scene.state.finished


def test_items_share_the_pool_of_their_step():
    step = {"name": "each", "policy": GPU, "foreach": Foreach((1, 2, 3)), "phase": MAIN}
    scene = Limited(steps_of(step), lasting(5.0))
    assert scene.run.execute() == "succeeded"
    assert scene.clock.seconds == pytest.approx(15.0)
