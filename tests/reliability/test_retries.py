"""R11: retries are bounded, recorded and safe. 500 runs of random failures on a fake clock.

Each seed makes a recipe of independent branches with retry policies of all kinds, and the luck of
every attempt; the expected delays are computed here, from what the reference says of ``retry``.
"""

from __future__ import annotations

import random
from itertools import pairwise
from math import fsum

import pytest

import framework0.runner.run as run_module
from framework0.assembly import load_recipe, start_run
from framework0.recipe import Policy, Retry, Step
from framework0.runner import FAILED, SKIPPED, SUCCEEDED, TIMED_OUT, Failure, Outcome
from framework0.workspace import find_workspace
from tests.runner.test_simulation import Scene

RUNS = 500
BLOCK = 100
TOLERANCE = 0.05

POISON = "poison"
FAILURES = (
    Outcome(FAILED, None, Failure("ValueError", "no", bases=("Exception",))),
    Outcome(FAILED, None, Failure("pkg.Lost", "gone", bases=("OSError", "Exception"))),
    Outcome(TIMED_OUT, None, Failure("timeout", "late")),
)


class Branches:
    """A random recipe: branches of one to three steps, one of which may be poisoned."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.steps = []
        self.luck = {}
        self.seen = {}
        for branch in range(self.chance.randint(2, 6)):
            before = ()
            for link in range(self.chance.randint(1, 3)):
                name = f"b{branch}.{link}"
                self.steps.append(
                    Step(
                        name,
                        len(self.steps),
                        module="m",
                        function="f",
                        depends_on=before,
                        policy=Policy(retry=self._retry()),
                    )
                )
                before = (name,)
        self.poisoned = self.chance.choice(self.steps).name if seed % 2 else None

    def _retry(self):
        chance = self.chance
        return Retry(
            attempts=chance.randint(1, 6),
            delay=chance.choice([0.0, 0.5, 2.0, 30.0]),
            backoff=chance.choice([1.0, 1.5, 2.0, 10.0]),
            jitter=chance.choice([0.0, 0.0, 0.3]),
            max_delay=chance.choice([40.0, 3600.0]),
            on=chance.choice([(), (), ("OSError",), ("timeout", "ValueError")]),
        )

    def script(self, job):
        """Do one attempt: seconds and outcome are luck, except for poison."""
        self.seen.setdefault(job.name, []).append(job.attempt)
        seconds = self.chance.uniform(0.01, 3.0)
        bad = job.name == self.poisoned or self.chance.random() < 0.45
        outcome = self.chance.choice(FAILURES) if bad else Outcome(SUCCEEDED)
        return outcome._replace(seconds=seconds)


def may_retry(retry, outcome):
    """Say, in the words of the reference, whether ``on`` covers the failure."""
    if not retry.on:
        return True
    if outcome.state == TIMED_OUT:
        return "timeout" in retry.on
    return bool({outcome.failure.kind, *outcome.failure.bases} & set(retry.on))


def check_step(step, seen, records, spread):
    """Hold one step's attempts against its policy; add how far its jittered delays spread."""
    retry = step.policy.retry
    attempts = [record for record in records if record.attempt]
    assert len(attempts) <= retry.attempts
    # Recorded one by one, and each told the step its own number.
    numbers = list(range(1, len(attempts) + 1))
    assert [record.attempt for record in attempts] == numbers
    assert seen == numbers
    assert [record.final for record in attempts[:-1]] == [False] * (len(attempts) - 1)
    for number, (failed, following) in enumerate(pairwise(attempts), 1):
        assert failed.state != SUCCEEDED
        assert may_retry(retry, failed.outcome)
        waited = following.at - (failed.at + failed.outcome.seconds)
        base = min(retry.delay * retry.backoff ** (number - 1), retry.max_delay)
        allowed = retry.jitter + TOLERANCE
        assert base * (1 - allowed) - 1e-3 <= waited <= base * (1 + allowed) + 1e-3
        if retry.jitter and base:
            spread.append(waited / base)
    if attempts and attempts[-1].state != SUCCEEDED:
        assert len(attempts) == retry.attempts or not may_retry(retry, attempts[-1].outcome)


def check_run(seed, spread):
    """Play one seed and hold it against every promise."""
    imagined = Branches(seed)
    scene = Scene(
        imagined.steps,
        imagined.script,
        limit=len(imagined.steps),
        chance=random.Random(seed).random,
    )
    scene.run.execute()
    records = {step.name: [] for step in imagined.steps}
    for record in scene.recorder.attempts:
        records[record.name].append(record)
    for step in imagined.steps:
        check_step(step, imagined.seen.get(step.name, []), records[step.name], spread)
        # A step is kept from running by a failure of its own branch only, never by another's.
        before = [records[name][-1].state for name in step.depends_on]
        kept_back = any(state != SUCCEEDED for state in before)
        assert (records[step.name][-1].state == SKIPPED) == kept_back
    if imagined.poisoned and records[imagined.poisoned][-1].attempt:
        assert records[imagined.poisoned][-1].state != SUCCEEDED


def check_runs(seeds, spread):
    for seed in seeds:
        try:
            check_run(seed, spread)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.parametrize("first", range(0, RUNS, BLOCK))
def test_random_failures_are_retried_as_the_policy_says(first):
    spread = []
    check_runs(range(first, first + BLOCK), spread)
    # The jitter goes to both sides alike, so the delays are right on the whole too.
    assert len(spread) > 50
    assert fsum(spread) / len(spread) == pytest.approx(1.0, abs=TOLERANCE)


SABOTAGE = {
    "a tenth too long": lambda delay, retry, failures: delay * 1.1 + 0.01,
    "no delay at all": lambda delay, retry, failures: 0.0,
    "no growth": lambda delay, retry, failures: min(retry.delay, retry.max_delay),
}


@pytest.mark.parametrize("sabotage", SABOTAGE)
def test_a_wrong_delay_is_noticed(monkeypatch, sabotage):
    right = run_module.next_delay

    def wrong(retry, failures, outcome, chance):
        delay = right(retry, failures, outcome, chance)
        return None if delay is None else SABOTAGE[sabotage](delay, retry, failures)

    monkeypatch.setattr(run_module, "next_delay", wrong)
    with pytest.raises(AssertionError, match="seed"):
        check_runs(range(30), [])


def test_one_attempt_too_many_is_noticed(monkeypatch):
    right = run_module.next_delay

    def wrong(retry, failures, outcome, chance):
        return right(retry._replace(attempts=retry.attempts + 1), failures, outcome, chance)

    monkeypatch.setattr(run_module, "next_delay", wrong)
    with pytest.raises(AssertionError, match="seed"):
        check_runs(range(30), [])


STEPS = """
from scriptlets.framework import BaseScriptlet

class Stubborn(BaseScriptlet):
    def run(self, context, params):
        context.set(f"seen.{self.attempt}", True)
        if self.attempt < 3:
            raise OSError(f"attempt {self.attempt}")
        return {"attempt": self.attempt, "keys": context.keys("seen.*")}

def poison():
    raise ValueError("always")

def beside(context):
    return "well"
"""

RECIPE = """\
metadata: {{name: retried}}
order: graph
defaults: {{executor: {executor}}}
steps:
  - {{name: poison, module: retried, function: poison, retry: {{attempts: 4, delay: 1ms}}}}
  - {{name: stubborn, module: retried, function: Stubborn, retry: 3}}
  - {{name: beside, module: retried, function: beside}}
  - {{name: after, module: retried, function: beside, depends_on: [stubborn, beside]}}
  - {{name: behind, module: retried, function: beside, depends_on: [poison]}}
"""


@pytest.mark.parametrize("executor", ["thread", "serial", "process"])
def test_a_real_step_sees_its_number_and_poison_blocks_nobody_else(tmp_path, executor):
    (tmp_path / "retried.py").write_text(STEPS)
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(executor=executor))
    space = find_workspace(explicit=tmp_path)
    result = start_run(load_recipe(tmp_path / "recipe.yaml", workspace=space), workspace=space)
    told = {name: (step.state, step.attempts) for name, step in result.steps.items()}
    assert told == {
        "poison": (FAILED, 4),
        "stubborn": (SUCCEEDED, 3),
        "beside": (SUCCEEDED, 1),
        "after": (SUCCEEDED, 1),
        "behind": (SKIPPED, 0),
    }
    # What the failed attempts had written was taken back: the third began where the first did.
    assert result.steps["stubborn"].result == {"attempt": 3, "keys": ["seen.3"]}
