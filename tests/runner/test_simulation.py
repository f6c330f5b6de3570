"""Whole runs on a fake clock: timing to the millisecond, and thousands of seeded histories."""

from __future__ import annotations

import random

import pytest

from framework0.context import Context
from framework0.errors import JournalError
from framework0.recipe import FINALLY, MAIN, ON_FAILURE, Foreach, Policy, Recipe, Retry, Step
from framework0.runner import (
    CANCELLED,
    FAILED,
    SUCCEEDED,
    TIMED_OUT,
    Failure,
    Outcome,
    Plan,
    Run,
    RunState,
    Standing,
    Target,
    Workshop,
)
from framework0.testing import FakeClock, FakeExecutor, MemoryRecorder

GOOD = Outcome(SUCCEEDED, seconds=1.0)
BAD = Outcome(FAILED, None, Failure("OSError", "no"), seconds=1.0)


class Code:
    """The user's code: one function that nobody calls."""

    def target(self, module, function):
        return lambda: None


class Scene:
    """One run of ``steps`` on a fake clock; ``script(job)`` says what each attempt does."""

    def __init__(
        self,
        steps,
        script,
        *,
        limit=4,
        recorder=None,
        stops=True,
        grace=5.0,
        chance=None,
        make_state=RunState,
    ):
        self.recipe = Recipe("scene", tuple(steps))
        self.clock = FakeClock()
        self.executor = FakeExecutor(self.clock, script, stops=stops)
        self.recorder = recorder or MemoryRecorder()
        self.plan = Plan(self.recipe)
        self.state = make_state(self.plan, limit=limit)
        self.workshop = Workshop(
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
        self.run = Run(
            state=self.state,
            workshop=self.workshop,
            recorder=self.recorder,
            clock=self.clock,
            grace=grace,
            chance=chance or (lambda: 0.5),
        )

    def story(self, node=0):
        return [
            (record.attempt, record.state, record.at - 1_700_000_000.0)
            for record in self.recorder.attempts
            if record.node == node
        ]


def steps_of(*fields):
    return [
        Step(position=place, module="m", function="f", **each) for place, each in enumerate(fields)
    ]


def test_back_off_is_kept_to_the_millisecond():
    retry = Retry(attempts=4, delay=10.0, backoff=2.0)
    scene = Scene(steps_of({"name": "a", "policy": Policy(retry=retry)}), lambda job: BAD)
    assert scene.run.execute() == "failed"
    # One second of work, then 10, 20 and 40 seconds of waiting.
    assert [start for _, _, start in scene.story()] == [0.0, 11.0, 32.0, 73.0]


def test_a_waiting_retry_holds_no_worker():
    policy = Policy(retry=Retry(attempts=2, delay=100.0))
    scene = Scene(
        steps_of({"name": "a", "policy": policy}, {"name": "b"}, {"name": "c"}),
        lambda job: BAD if job.name == "a" and job.attempt == 1 else GOOD,
        limit=1,
    )
    assert scene.run.execute() == "succeeded"
    assert [record.name for record in scene.recorder.attempts] == ["a", "b", "c", "a"]
    assert scene.clock.seconds == pytest.approx(102.0)


def test_wall_clock_jumps_move_no_deadline():
    policy = Policy(retry=Retry(attempts=2, delay=3600.0))
    scene = Scene(
        steps_of({"name": "a", "policy": policy}), lambda job: BAD if job.attempt == 1 else GOOD
    )
    for moment, jump in ((2.0, -3600.0), (5.0, 3600.0), (9.0, 30 * 86400.0)):
        scene.clock.at(moment, lambda jump=jump: scene.clock.jump(jump))
    assert scene.run.execute() == "succeeded"
    assert scene.clock.seconds == pytest.approx(3602.0)


def test_a_timeout_is_on_time_and_a_late_report_means_nothing():
    long = GOOD._replace(seconds=50.0)
    scene = Scene(
        steps_of({"name": "a", "policy": Policy(timeout=3.0, executor="thread")}),
        lambda job: long,
        stops=False,
    )
    assert scene.run.execute() == "failed"
    (record,) = scene.recorder.attempts
    assert (record.state, record.outcome.seconds) == (TIMED_OUT, 3.0)
    assert scene.clock.seconds == pytest.approx(3.0)


def test_each_attempt_has_the_whole_timeout():
    policy = Policy(timeout=3.0, executor="thread", retry=Retry(attempts=2, on=("timeout",)))
    scene = Scene(steps_of({"name": "a", "policy": policy}), lambda job: GOOD._replace(seconds=9.0))
    scene.run.execute()
    assert scene.story() == [(1, TIMED_OUT, 0.0), (2, TIMED_OUT, 3.0)]


def test_cancelling_gives_deaf_steps_the_grace_time_and_no_more():
    scene = Scene(
        steps_of({"name": "a"}), lambda job: GOOD._replace(seconds=1e6), stops=False, grace=7.0
    )
    scene.clock.at(20.0, scene.run.cancel)
    assert scene.run.execute() == "cancelled"
    assert scene.clock.seconds == pytest.approx(27.0)
    assert scene.recorder.attempts[0].state == CANCELLED


def test_a_journal_that_fails_ends_the_run_and_nothing_more_starts():
    started = []

    def script(job):
        started.append(job.name)
        return GOOD

    recorder = MemoryRecorder(JournalError("disk full"), refuse_after=2)
    scene = Scene(
        steps_of(*({"name": f"s{n}"} for n in range(9))), script, limit=1, recorder=recorder
    )
    with pytest.raises(JournalError, match="disk full"):
        scene.run.execute()
    assert started == ["s0", "s1", "s2"]
    assert recorder.state == "running"


def test_a_mistake_of_ours_ends_the_run_instead_of_hanging_it():
    def script(job):
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError):
        Scene(steps_of({"name": "a"}), script).run.execute()


class Imagined:
    """A random recipe and what its attempts will do, all from one seed."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        count = self.chance.randint(1, 14)
        self.steps = [self._step(place) for place in range(count)]
        self.limit = self.chance.randint(1, 4)
        self.luck = {}
        self.cancel_at = self.chance.choice([None, None, None, self.chance.uniform(0, 20)])

    def _step(self, place):
        chance = self.chance
        phase = chance.choice([MAIN, MAIN, MAIN, MAIN, ON_FAILURE, FINALLY])
        earlier = [step.name for step in getattr(self, "steps", []) if step.phase == phase]
        retry = Retry(attempts=chance.randint(1, 3), delay=chance.choice([0.0, 1.5]))
        policy = Policy(retry=retry, continue_on_error=chance.random() < 0.2)
        when = chance.choice([None, None, None, "true", "false"])
        foreach = (
            Foreach((1, 2, 3), parallel=chance.choice([0, 1])) if chance.random() < 0.15 else None
        )
        depends = tuple(chance.sample(earlier, min(len(earlier), chance.randint(0, 2))))
        return Step(
            name=f"s{place}", position=place, module="m", function="f", phase=phase,
            policy=policy, when=when, foreach=foreach, depends_on=depends,
            idx=chance.choice([None, 1, 2]),
        )  # fmt: skip

    def script(self, job):
        # The same attempt of the same step has the same luck, however often the run is resumed.
        key = (job.name, job.attempt)
        if key not in self.luck:
            good = self.chance.random() < 0.75
            self.luck[key] = (good, round(self.chance.uniform(0, 3), 3))
        good, seconds = self.luck[key]
        return (GOOD if good else BAD)._replace(seconds=seconds)


class Killed(BaseException):
    """The process is gone."""


class FragileRecorder(MemoryRecorder):
    """Dies at a given record, which is then not kept."""

    def __init__(self, lives):
        super().__init__()
        self.lives = lives

    def append(self, record, changes):
        if len(self.attempts) == self.lives:
            raise Killed
        super().append(record, changes)


def check_history(imagined, scene, final):
    recorder = scene.recorder
    assert scene.executor.most <= imagined.limit
    assert not scene.executor.running
    assert not scene.state.unfinished()
    finals = [record for record in recorder.attempts if record.final]
    assert len({record.node for record in finals}) == len(finals), "a step ended twice"
    for node in range(len(imagined.steps)):
        tried = [record for record in recorder.attempts if record.node == node and record.attempt]
        assert len(tried) <= imagined.steps[node].policy.retry.attempts
    assert recorder.state == final == scene.state.finished


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8))
def test_2000_seeded_runs_keep_every_promise(block):
    for seed in range(block * 250, block * 250 + 250):
        imagined = Imagined(seed)
        scene = Scene(imagined.steps, imagined.script, limit=imagined.limit)
        if imagined.cancel_at is not None:
            scene.clock.at(imagined.cancel_at, scene.run.cancel)
        final = scene.run.execute()
        check_history(imagined, scene, final)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(4))
def test_a_run_killed_at_any_record_goes_on_and_repeats_nothing_recorded(block):
    for seed in range(block * 50, block * 50 + 50):
        imagined = Imagined(seed)
        whole = Scene(imagined.steps, imagined.script, limit=imagined.limit)
        whole.run.execute()
        for lives in range(len(whole.recorder.attempts)):
            first = Scene(
                imagined.steps,
                imagined.script,
                limit=imagined.limit,
                recorder=FragileRecorder(lives),
            )
            with pytest.raises(Killed):
                first.run.execute()
            check_resumed(imagined, first)


def check_resumed(imagined, first):
    kept = first.recorder
    recorder = MemoryRecorder()
    recorder.started.update(kept.started)
    recorder.decisions.update(kept.decisions)
    second = Scene(imagined.steps, imagined.script, limit=imagined.limit, recorder=recorder)
    Standing(second.plan, kept.attempts, kept.decisions).apply(second.run)
    second.run.execute()
    assert not second.state.unfinished()
    held = {
        record.node
        for record in kept.attempts
        if record.final and record.state == SUCCEEDED and is_main(imagined, second, record.node)
    }
    assert held.isdisjoint(record.node for record in recorder.attempts if record.attempt)
    assert (
        recorder.decisions.items()
        >= {
            key: value for key, value in kept.decisions.items() if is_main(imagined, second, key[0])
        }.items()
    )


def is_main(imagined, scene, node):
    owner = scene.state.owner.get(node, node)
    return imagined.steps[owner].phase == MAIN


def test_an_async_target_is_seen_from_outside():
    async def later(): ...

    assert Target(later).is_async
    assert not Target(print).is_async
