"""An attempt whose time is over is noted and told at once; on a fake clock, to the millisecond."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from framework0.errors import JournalError
from framework0.recipe import Policy, Retry
from framework0.runner import SUCCEEDED, TIMED_OUT, Failure, Outcome, overdue_of
from framework0.runner.overdue import note_overdue
from framework0.testing import MemoryRecorder
from tests.runner.test_simulation import GOOD, Scene, steps_of

LATE = Outcome(TIMED_OUT, None, Failure("timeout", "ran longer than it may"), seconds=2.0)
"""Its time was over after a second, and it took another one to end it."""

BEGUN = 1_700_000_000.0


class Watch:
    """An observer that keeps what it is told, in order."""

    def __init__(self):
        self.told = []

    def run_started(self, run_id, total): ...
    def step_started(self, name, attempt): ...
    def step_progress(self, name, done, total): ...
    def run_finished(self, state, seconds): ...

    def step_overdue(self, *facts):
        self.told.append(("overdue", *facts))

    def step_finished(self, records):
        self.told += [(record.state, record.name, record.attempt) for record in records]


def overdue_scene(*steps, after=1.0, watch=None, recorder=None):
    """A run whose step ``late`` runs in another process, which tells ``after`` seconds that its time is over."""

    def script(job):
        if job.step.name != "late":
            return GOOD._replace(seconds=10.0)
        scene.clock.at(scene.clock.seconds + after, job.tell_overdue)
        return LATE

    scene = Scene(steps_of(*steps), script, recorder=recorder)
    scene.run.observer = watch
    if watch is not None:
        scene.recorder.on_durable = watch.step_finished
    return scene


LATE_STEP = {"name": "late", "policy": Policy(timeout=1.0)}
AGAIN = {"name": "late", "policy": Policy(timeout=1.0, retry=Retry(attempts=2, delay=5.0))}


def test_it_is_told_when_its_time_is_over_and_timed_out_when_it_is_gone():
    watch = Watch()
    scene = overdue_scene(LATE_STEP, watch=watch)
    seen = []
    scene.clock.at(1.5, lambda: seen.append((list(watch.told), list(scene.recorder.attempts))))
    assert scene.run.execute() == "failed"
    overdue = ("overdue", "late", 1, 1.0, BEGUN + 1.0)
    assert seen == [([overdue], [])]
    assert watch.told == [overdue, (TIMED_OUT, "late", 1)]
    assert scene.recorder.decisions == {(0, "overdue.1"): {"at": BEGUN + 1.0, "timeout": 1.0}}


def test_each_attempt_has_its_own():
    watch = Watch()
    scene = overdue_scene(AGAIN, watch=watch)
    scene.run.execute()
    assert overdue_of(scene.recorder.decisions) == {
        0: {
            1: {"at": BEGUN + 1.0, "timeout": 1.0},
            2: {"at": BEGUN + 8.0, "timeout": 1.0},
        }
    }
    assert [told[0] for told in watch.told] == ["overdue", TIMED_OUT, "overdue", TIMED_OUT]


def test_an_observer_that_does_not_know_of_it_is_told_all_else():
    class Older(Watch):
        step_overdue = None

    watch = Older()
    scene = overdue_scene(LATE_STEP, watch=watch)
    assert scene.run.execute() == "failed"
    assert watch.told == [(TIMED_OUT, "late", 1)]
    assert (0, "overdue.1") in scene.recorder.decisions


def test_an_attempt_that_has_been_concluded_is_not_overdue_any_more():
    watch = Watch()
    scene = overdue_scene(LATE_STEP, {"name": "long"}, after=3.0, watch=watch)
    scene.run.execute()
    assert scene.recorder.decisions == {}
    assert watch.told == [(TIMED_OUT, "late", 1), (SUCCEEDED, "long", 1)]


def test_the_attempt_before_is_not_taken_for_the_one_that_is_going_on():
    # The first is over at 2, the second begins at 7, and at 8.5 word of the first arrives.
    scene = overdue_scene(AGAIN, after=8.5)
    scene.run.execute()
    assert scene.recorder.decisions == {}


def test_a_step_without_a_timeout_carries_nothing_for_it():
    jobs = []

    def script(job):
        jobs.append(job)
        job.tell_overdue()
        return GOOD

    scene = Scene(steps_of({"name": "a", "policy": Policy(executor="process")}), script)
    assert scene.run.execute() == "succeeded"
    assert not hasattr(jobs[0], "overdue")
    assert scene.recorder.decisions == {}


def test_a_thread_is_called_timed_out_at_once_as_ever():
    # Nobody waits for a thread: it cannot be ended, so there is nothing between the two.
    watch = Watch()
    step = {"name": "a", "policy": Policy(timeout=1.0, executor="thread")}
    scene = Scene(steps_of(step), lambda job: GOOD._replace(seconds=60.0), stops=False)
    scene.run.observer, scene.recorder.on_durable = watch, watch.step_finished
    scene.run.execute()
    assert watch.told == [(TIMED_OUT, "a", 1)]
    assert scene.clock.seconds == 1.0
    assert scene.recorder.decisions == {}


def test_a_journal_that_takes_no_more_ends_the_run_with_its_reason():
    class Full(MemoryRecorder):
        def decide(self, node, kind, value, then=None):
            raise JournalError("no space left on the disk")

    scene = overdue_scene(LATE_STEP, watch=Watch(), recorder=Full())
    with pytest.raises(JournalError, match="no space left"):
        scene.run.execute()


def test_whatever_goes_wrong_never_reaches_the_thread_of_the_executor():
    failed = []

    def note(*_):
        raise RuntimeError("a bug")

    run = SimpleNamespace(
        clock=SimpleNamespace(now=lambda: 0.0), observer=None, note=note, fail=failed.append
    )
    note_overdue(run, SimpleNamespace(name="a", attempt=1, timeout=1.0))
    assert [str(error) for error in failed] == ["a bug"]


def test_other_decisions_are_none_of_its_business():
    decisions = {(0, "when"): True, (-1, "overdueness"): {}, (3, "overdue.12"): {"at": 5.0}}
    assert overdue_of(decisions) == {3: {12: {"at": 5.0}}}
