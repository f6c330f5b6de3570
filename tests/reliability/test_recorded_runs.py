"""R6: what earlier versions recorded, replayed with the present code, leads to the same decisions.

A replay is a run in which nothing of the user's runs: each attempt ends as it was recorded to end, and
writes what it was recorded to write. What the present engine decides from that (what is begun, skipped,
tried again, left out, and what the run comes to) has to be what was recorded.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from framework0.artifacts import plain
from framework0.assembly import Options, recorded_recipe, resume_run
from framework0.context import Context
from framework0.errors import RefusedError
from framework0.recipe import MAIN, compile_expression
from framework0.runner import (
    SUCCEEDED,
    Journal,
    Outcome,
    Plan,
    Run,
    RunState,
    Workshop,
    moves,
)
from framework0.testing import FakeClock, FakeExecutor, MemoryRecorder
from framework0.workspace import find_workspace

RECORDED = Path(__file__).parents[1] / "fixtures" / "recorded"
VERSIONS = sorted(folder for folder in RECORDED.iterdir() if (folder / "journal.db").is_file())


class Code:
    """The user's code, of which nothing runs."""

    def target(self, module, function):
        return lambda context, **args: None


@pytest.fixture(params=VERSIONS, ids=lambda folder: folder.name)
def version(request):
    return request.param


@pytest.fixture
def space(version, tmp_path):
    """A workspace with the journal of that version and the code that it ran."""
    (tmp_path / ".framework0").mkdir(mode=0o700)
    shutil.copyfile(version / "journal.db", tmp_path / ".framework0" / "journal.db")
    shutil.copyfile(version / "steps.py", tmp_path / "steps.py")
    return find_workspace(explicit=tmp_path)


@pytest.fixture
def expected(version):
    return json.loads((version / "expected.json").read_text())


def histories(space):
    journal = Journal(space.journal)
    try:
        return [journal.read(run.run_id) for run in reversed(journal.runs())]
    finally:
        journal.close()


class Replay:
    """One recorded run, done again from its record alone."""

    def __init__(self, history, space):
        self.history = history
        header = history.header
        self.recipe = recorded_recipe(header.recipe_text, header.recipe_file, space)
        self.plan = Plan(self.recipe)
        self.recorder = MemoryRecorder()
        self.ends = {(record.node, record.attempt): record for record in history.attempts}
        asks = [
            step.position
            for step in self.recipe.steps
            if step.when is not None and compile_expression(step.when).uses_status
        ]
        state = RunState(self.plan, limit=1, asks_status=asks)
        clock = FakeClock()
        executor = FakeExecutor(clock, self.end_of)
        workshop = Workshop(
            run={"id": header.run_id, "name": "", "recipe": header.recipe_name},
            recipe=self.recipe,
            state=state,
            context=Context(),
            inputs=dict(header.inputs),
            env={},
            usercode=Code(),
            executors=lambda name: executor,
            default_executor="serial",
            nested=None,
            log_path=lambda node, attempt: "/nowhere/none.log",
            masker=None,
        )
        self.run = Run(state=state, workshop=workshop, recorder=self.recorder, clock=clock)

    def end_of(self, job):
        """Write what the attempt wrote, and return how it ended."""
        record = self.ends.get((job.node, job.attempt))
        if record is None:
            # The comparison of the stories tells.
            return Outcome(SUCCEEDED)
        written = set()
        for change in self.history.changes:
            mine = (change.step, change.attempt) == (job.name, job.attempt)
            # What is said of a key again is that it was taken back.
            if mine and change.key not in written:
                written.add(change.key)
                job.context.set(change.key, plain(change.value))
        return record.outcome

    def differences(self):
        """Return, a sentence each, where the present code decides otherwise, naming the step."""
        state = self.run.execute()
        wrong = []
        for node in range(max(len(self.plan), self.recorder.nodes)):
            before, now = story(self.history.attempts, node), story(self.recorder.attempts, node)
            if before != now:
                wrong.append(f"{self.run.state.name(node)}: recorded {before}, now {now}")
        for key in self.history.decisions.keys() | self.recorder.decisions.keys():
            before, now = self.history.decisions.get(key), self.recorder.decisions.get(key)
            if before != now:
                name = self.run.state.name(key[0])
                wrong.append(f"{name}: {key[1]} was decided as {before}, now as {now}")
        if state != self.history.summary.state:
            wrong.append(f"the run {self.history.summary.state}, now it {state}")
        return wrong


def story(attempts, node):
    return [
        (record.attempt, record.state, record.final, record.reason)
        for record in attempts
        if record.node == node
    ]


def replayed(space):
    """Return the differences of all runs that came to their end, by run."""
    return {
        history.header.run_id: Replay(history, space).differences()
        for history in histories(space)
        if history.summary.state != "interrupted"
    }


def test_the_records_are_of_many_kinds(space):
    known = histories(space)
    assert len(known) == 50
    states = [history.summary.state for history in known]
    assert min(states.count("succeeded"), states.count("failed"), states.count("interrupted")) >= 5
    kinds = {(record.state, record.final) for history in known for record in history.attempts}
    assert kinds >= {("succeeded", True), ("failed", True), ("failed", False), ("skipped", True)}
    assert {kind for history in known for _, kind in history.decisions} == {"when", "foreach"}


def test_every_finished_run_is_decided_as_it_was(space):
    found = replayed(space)
    assert len(found) >= 30
    assert {run: wrong for run, wrong in found.items() if wrong} == {}


@pytest.mark.slow
def test_every_killed_run_goes_on_to_the_same_end_and_repeats_nothing(space, expected):
    for history in histories(space):
        if history.summary.state != "interrupted":
            continue
        run_id = history.header.run_id
        result = resume_run(run_id, workspace=space, options=Options(executor="serial"))
        journal = Journal(space.journal)
        after = journal.read(run_id)
        journal.close()
        last = {record.name: record for record in after.attempts if record.final}
        came_to = {
            "state": result.state,
            "steps": {
                name: [record.state, plain(record.outcome.result)] for name, record in last.items()
            },
            "context": dict(result.context.items()),
        }
        wanted = expected[run_id]
        # A step that failed is done again by a resume, and so counts its attempts from where it was.
        shaky = {step.name for step in recipe_of(history, space) if step.policy.retry is not None}
        for name in shaky & came_to["steps"].keys():
            wanted["steps"].pop(name, None)
            came_to["steps"].pop(name)
        if not shaky:
            assert came_to == wanted, run_id
        else:
            assert came_to["steps"].keys() <= wanted["steps"].keys() | shaky
        # Clean-up comes after everything, and so again after what was left.
        clean_up = {step.position for step in recipe_of(history, space) if step.phase != MAIN}
        done = [
            record
            for record in history.attempts
            if record.state == "succeeded" and record.node not in clean_up
        ]
        for record in done:
            assert after.attempts.count(record) == 1
            again = [one for one in after.attempts if one.node == record.node]
            assert again[-1] == record, (run_id, record.name)


def recipe_of(history, space):
    header = history.header
    return recorded_recipe(header.recipe_text, header.recipe_file, space).steps


def test_code_that_has_changed_is_one_error_that_names_the_steps(space):
    path = space.root / "steps.py"
    path.write_text(path.read_text().replace("return n\n", "return n + 1\n", 1))
    told = 0
    for history in histories(space):
        if history.summary.state != "interrupted":
            continue
        done = {record.node for record in history.attempts if record.state == "succeeded"}
        touched = [
            step.name
            for step in recipe_of(history, space)
            if step.function == "value" and step.position in done
        ]
        if not touched:
            continue
        with pytest.raises(RefusedError, match=f"does not hold: {touched[0]}: changed: code"):
            resume_run(history.header.run_id, workspace=space)
        told += 1
    assert told >= 5


SABOTAGES = {
    "skips are no taint": ("_taint_reason", lambda self, node: "for fun"),
    "clean-up always runs": (
        "_open_phase",
        lambda self: [self._settle(node) for node in range(len(self.plan))],
    ),
    "failures do not count": ("_verdict", lambda self: moves.RUN_SUCCEEDED),
}


@pytest.mark.parametrize("name", SABOTAGES)
def test_an_engine_that_decides_otherwise_is_noticed(space, monkeypatch, name):
    monkeypatch.setattr(RunState, *SABOTAGES[name])
    wrong = [sentence for found in replayed(space).values() for sentence in found]
    assert len(wrong) >= 3
