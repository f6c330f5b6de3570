"""R11: retries are bounded, on time, numbered, and no business of the other branches. 500 seeded runs.

On the fake clock each run takes milliseconds, however long its delays; a failing seed is in the
message and makes the same run again.
"""

from __future__ import annotations

import os
import random

import pytest

import framework0.runner.run as run_module
from framework0.assembly import run_recipe
from framework0.recipe import Policy, Retry, Step
from framework0.runner.retry import next_delay
from framework0.testing import FakeClock
from tests.runner.test_simulation import BAD, GOOD, Scene

BLOCKS = 10
RUNS_A_BLOCK = 50
TOLERANCE = 0.05

POISON = "poison"
POISON_DELAY = 50.0
"""Seconds, doubled each time: longer than anything else in these runs."""


class Fate:
    """A recipe with retries of every kind, and how many attempts of each step fail; from one seed."""

    def __init__(self, seed, jitter=0.25):
        chance = random.Random(f"retries {seed}")
        self.chance = chance
        self.jitter = jitter
        self.steps = []
        self.failing = {}
        for place in range(chance.randint(2, 10)):
            self._add(f"s{place}", self._retry(), chance.choice([0, 0, 1, 2, 3, 99]))
        # A step that fails for ever and waits for ages in between; nobody waits for it.
        self._add(POISON, Retry(attempts=6, delay=POISON_DELAY, backoff=2.0), 99, alone=True)

    def _retry(self):
        chance = self.chance
        return Retry(
            attempts=chance.randint(1, 6),
            delay=chance.choice([0.0, 0.1, 1.0, 7.5]),
            backoff=chance.choice([1.0, 1.5, 2.0, 3.0]),
            max_delay=chance.choice([3600.0, 20.0]),
            jitter=chance.choice([0.0, 0.0, self.jitter]),
        )

    def _add(self, name, retry, failing, *, alone=False):
        names = [step.name for step in self.steps]
        count = 0 if alone else min(len(names), self.chance.randint(0, 2))
        self.failing[name] = failing
        self.steps.append(
            Step(
                name=name,
                position=len(self.steps),
                module="m",
                function="f",
                policy=Policy(retry=retry),
                depends_on=tuple(self.chance.sample(names, count)),
            )
        )

    def without_poison(self):
        return [step for step in self.steps if step.name != POISON]

    def take_place(self, steps, limit=64):
        """Run the steps; return the scene and the attempts as the steps saw them: (name, number, at)."""
        seen = []

        def script(job):
            seen.append((job.name, job.attempt, scene.clock.monotonic()))
            return BAD if job.attempt <= self.failing[job.name] else GOOD

        luck = random.Random(f"jitter {len(steps)}")
        scene = Scene(steps, script, limit=limit, chance=luck.random)
        scene.run.execute()
        return scene, seen


def expected_attempts(step, failing):
    return min(step.policy.retry.attempts, failing + 1)


def expected_delay(retry, failures):
    """Say what the documentation of Retry promises, in its own words, not by the code under test."""
    return min(retry.delay * retry.backoff ** (failures - 1), retry.max_delay)


def wrong_with(fate, scene, seen, *, on_time):
    """Return every broken promise of one run as a sentence."""
    wrong = []
    records = scene.recorder.attempts
    for step in fate.steps:
        if all(record.name != step.name for record in records):
            continue
        retry = step.policy.retry
        mine = [record for record in records if record.name == step.name and record.attempt]
        starts = [(number, at) for name, number, at in seen if name == step.name]
        if [number for number, _ in starts] != list(range(1, len(starts) + 1)):
            wrong.append(f"{step.name} saw the attempts {starts}")
        if [record.attempt for record in mine] != [number for number, _ in starts]:
            wrong.append(f"{step.name} ran {len(starts)} times and {len(mine)} are recorded")
        if starts and len(starts) != expected_attempts(step, fate.failing[step.name]):
            wrong.append(f"{step.name} had {len(starts)} attempts of {retry}")
        if [record.final for record in mine] != [False] * (len(mine) - 1) + [True] * bool(mine):
            wrong.append(f"{step.name} is final at the wrong attempt")
        for number, at in starts[1:]:
            waited = at - (starts[number - 2][1] + BAD.seconds)
            wanted = expected_delay(retry, number - 1)
            least = wanted * (1 - retry.jitter) * (1 - TOLERANCE)
            most = wanted * (1 + retry.jitter) * (1 + TOLERANCE)
            if waited < least - 1e-9 or (on_time and waited > most + 1e-9):
                wrong.append(f"{step.name} waited {waited} s before attempt {number}, not {wanted}")
    return wrong


def ends_of(scene, seen):
    """Return when each step but the poisoned one began its last attempt, and how it ended."""
    last = {name: at for name, _, at in seen if name != POISON}
    states = {
        record.name: record.state
        for record in scene.recorder.attempts
        if record.final and record.name != POISON
    }
    return last, states


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_500_runs_with_random_failures_keep_their_promises(block):
    retried = 0
    for seed in range(block * RUNS_A_BLOCK, (block + 1) * RUNS_A_BLOCK):
        fate = Fate(seed)
        scene, seen = fate.take_place(fate.steps)
        assert wrong_with(fate, scene, seen, on_time=True) == [], f"seed {seed}"
        retried += len(seen) - len(fate.steps)

        # One worker: later is allowed then, too early or too often never is.
        scene, seen = fate.take_place(fate.steps, limit=1)
        assert wrong_with(fate, scene, seen, on_time=False) == [], f"seed {seed}, one worker"
    assert retried > RUNS_A_BLOCK, "too little was retried to prove anything"


@pytest.mark.slow
def test_a_poisoned_step_changes_nothing_for_the_branches_beside_it():
    for seed in range(100):
        # Without jitter, which the others would draw in another order.
        fate = Fate(seed, jitter=0.0)
        alone, seen_alone = fate.take_place(fate.without_poison())
        beside, seen_beside = fate.take_place(fate.steps)
        assert ends_of(beside, seen_beside) == ends_of(alone, seen_alone), f"seed {seed}"
        # It did run, to its very end, long after all the others.
        assert beside.clock.seconds >= POISON_DELAY * (2**5 - 1)
        assert [name for name, _, _ in seen_beside].count(POISON) == 6


SABOTAGE = {
    "a tenth too long": lambda delay, retry: delay * 1.1 + 0.01,
    "no delay at all": lambda delay, retry: 0.0,
    "no growth": lambda delay, retry: min(retry.delay, retry.max_delay),
}


@pytest.mark.parametrize("sabotage", SABOTAGE)
def test_a_wrong_delay_is_noticed(monkeypatch, sabotage):
    right = run_module.next_delay

    def wrong(retry, failures, outcome, chance):
        delay = right(retry, failures, outcome, chance)
        return None if delay is None else SABOTAGE[sabotage](delay, retry)

    monkeypatch.setattr(run_module, "next_delay", wrong)
    assert any_wrong(seeds=20)


def test_one_attempt_too_many_is_noticed(monkeypatch):
    right = run_module.next_delay

    def wrong(retry, failures, outcome, chance):
        return right(retry._replace(attempts=retry.attempts + 1), failures, outcome, chance)

    monkeypatch.setattr(run_module, "next_delay", wrong)
    assert any_wrong(seeds=20)


def any_wrong(seeds):
    fates = [Fate(seed, jitter=0.0) for seed in range(seeds)]
    return [
        sentence
        for fate in fates
        for sentence in wrong_with(fate, *fate.take_place(fate.steps), on_time=True)
    ]


def test_without_sabotage_nothing_is_noticed():
    assert any_wrong(seeds=20) == []


def test_a_poisoned_step_holds_no_worker_while_it_waits():
    fate = Fate(0)
    fate.failing = dict.fromkeys(fate.failing, 0) | {POISON: 99}
    scene, seen = fate.take_place(fate.steps, limit=1)
    others = [at for name, _, at in seen if name != POISON]
    # One worker for all: one second each, and at most the first attempt of the poisoned in between.
    assert max(others) <= len(fate.steps) * GOOD.seconds
    assert isinstance(scene.clock, FakeClock)


def test_a_real_step_sees_the_number_of_its_attempt(tmp_path):
    (tmp_path / "flaky.py").write_text(
        "from scriptlets.framework import BaseScriptlet\n"
        "class Flaky(BaseScriptlet):\n"
        "    def run(self, context, params):\n"
        "        with open(params['ledger'], 'a') as ledger:\n"
        "            ledger.write(f'{self.attempt} {self.idempotency_key}\\n')\n"
        "        if self.attempt < 3: raise OSError('not yet')\n"
        "        return 0\n"
    )
    ledger = tmp_path / "ledger"
    for executor in ("thread", "serial", "process"):
        (tmp_path / "recipe.yaml").write_text(
            f"steps:\n  - name: flaky\n    module: flaky\n    function: Flaky\n    retry: 5\n"
            f"    executor: {executor}\n    args: {{ledger: {ledger}}}\n"
        )
        result = run_recipe(tmp_path / "recipe.yaml", workspace=tmp_path)
        assert result.state == "succeeded"
        assert result.steps["flaky"].attempts == 3
        told = [line.split() for line in ledger.read_text().splitlines()]
        assert [number for number, _ in told] == ["1", "2", "3"]
        # The same for every attempt of this step in this run, and for no other run.
        assert len({key for _, key in told}) == 1
        assert result.id in told[0][1]
        os.unlink(ledger)


@pytest.mark.parametrize(
    "sabotaged",
    [
        lambda retry, failures, *rest: _times(next_delay(retry, failures, *rest), 1.35),
        lambda retry, failures, *rest: _times(next_delay(retry, failures, *rest), 0.7),
        lambda retry, failures, *rest: next_delay(retry, failures - 1, *rest),
        lambda retry, failures, *rest: None,
    ],
    ids=["too late", "too early", "once too often", "never"],
)
def test_a_runner_that_breaks_a_promise_is_noticed(sabotaged, monkeypatch):
    monkeypatch.setattr("framework0.runner.run.next_delay", sabotaged)
    found = []
    for seed in range(10):
        fate = Fate(seed)
        found += wrong_with(fate, *fate.take_place(fate.steps), on_time=True)
    assert found


def _times(delay, factor):
    return None if delay is None else delay * factor
