"""Every kind of process whose time is over: told while its journal says so, and timed out after that."""

from __future__ import annotations

import os
import subprocess
import sys
from threading import Event

import pytest

from framework0 import run_recipe
from framework0.assembly import resume_run
from framework0.cli.reasons import explain
from framework0.cli.show import in_flight, step_facts
from framework0.cli.story import RunStory
from framework0.errors import RefusedError
from framework0.runner import Job, Journal
from tests.runner.sandbox.conftest import has_all
from tests.stepengine.libraries import node_text, write_instance, write_library

__all__ = ["has_all"]

pytestmark = pytest.mark.slow

PATIENCE = 60

STUCK = """
import time

def stay():
    time.sleep(600)

def work():
    return 1
"""

STEPS = {
    "pool": "module: stuck, function: stay",
    "alone": "module: stuck, function: stay, memory: 500MB",
    "shell": 'type: shell, command: [sleep, "600"]',
    "step_engine": "type: step_engine, instance: press",
    "sandbox": "module: stuck, function: stay",
}


class Watch:
    """Keeps what it is told, and what the journal said of overdue attempts by then."""

    def __init__(self, journal):
        self.told = []
        self.overdue = Event()
        self._journal = journal
        self._run = ""

    def run_started(self, run_id, total):
        self._run = run_id

    def step_started(self, name, attempt): ...
    def step_progress(self, name, done, total): ...
    def run_finished(self, state, seconds): ...

    def step_overdue(self, name, attempt, timeout, at):
        journal = Journal(self._journal)
        kept = journal.read(self._run).decisions
        journal.close()
        self.told.append(("overdue", name, attempt, timeout, kept[0, f"overdue.{attempt}"]))
        assert kept[0, f"overdue.{attempt}"] == {"at": at, "timeout": timeout}
        self.overdue.set()

    def step_finished(self, records):
        self.told += [(record.state, record.name, record.attempt) for record in records]


def write_stuck(space, kind, more="timeout: 0.2"):
    (space.root / "stuck.py").write_text(STUCK)
    if kind == "step_engine":
        stay = "import time; time.sleep(600)"
        write_library(
            space.root / "nodes", node_text("press", first_node_step_bool=1, execute=stay)
        )
        write_instance(space.root / "press", "../nodes")
    recipe = space.root / "stuck.yaml"
    recipe.write_text(f"steps:\n  - {{name: stuck, {STEPS[kind]}, {more}}}\n")
    return recipe


@pytest.mark.parametrize("kind", STEPS)
def test_it_is_told_once_it_is_durable_and_timed_out_once_it_is_gone(space, kind, has_all):
    recipe = write_stuck(space, kind)
    watch = Watch(space.journal)
    untrusted = "strict" if kind == "sandbox" else None
    if untrusted and not has_all:
        with pytest.raises(RefusedError):
            run_recipe(recipe, observer=watch, untrusted=untrusted)
        return
    result = run_recipe(recipe, observer=watch, untrusted=untrusted)
    assert result.steps["stuck"].state == "timed_out"
    assert result.steps["stuck"].failure.message == "ran longer than its timeout of 0.2 s"
    assert [told[:3] for told in watch.told] == [
        ("overdue", "stuck", 1),
        ("timed_out", "stuck", 1),
    ]


@pytest.mark.parametrize("kind", ["pool", "alone", "shell"])
def test_what_ends_in_time_or_is_cancelled_is_never_overdue(space, kind, history):
    recipe = write_stuck(space, kind, "timeout: 10m")
    stays = recipe.read_text()
    recipe.write_text(stays.replace("stay", "work").replace('"600"', '"0"'))
    watch = Watch(space.journal)
    result = run_recipe(recipe, observer=watch)
    recipe.write_text(stays)
    cancelled = run_recipe(recipe, observer=watch, deadline=0.2)
    assert watch.told == [("succeeded", "stuck", 1), ("cancelled", "stuck", 1)]
    for run in (result, cancelled):
        assert not any(kind.startswith("overdue") for _, kind in history(run.id).decisions)


@pytest.fixture
def while_overdue(monkeypatch):
    """Have ``look()`` called while an attempt is overdue; it cannot end before that returns."""

    def attach(watch, look):
        tell = Job.tell_overdue

        def tell_and_look(job):
            tell(job)
            # In the thread by which the end of the attempt is reported.
            assert watch.overdue.wait(PATIENCE)
            look(job)

        monkeypatch.setattr(Job, "tell_overdue", tell_and_look)

    return attach


@pytest.mark.parametrize("kind", ["pool", "alone"])
def test_a_run_that_is_going_on_shows_which_step_is_being_ended(
    space, kind, history, while_overdue
):
    recipe = write_stuck(space, kind)
    watch = Watch(space.journal)
    seen = []

    def look(job):
        story = RunStory(history(job.run_id))
        step = story.named("stuck")
        facts = step_facts(step)
        seen.append((story.state, step.state, in_flight(step), facts["overdue"]["timeout"]))
        seen.append((facts["overdue"]["attempt"], facts["attempts"]))
        explained = explain(story, step)
        seen.append((explained.verdict, explained.reasons[-1].partition(" 20")[0]))
        command = [sys.executable, "-m", "framework0", "show", job.run_id]
        shown = subprocess.run(
            command, cwd=space.root, capture_output=True, text=True, check=True, timeout=PATIENCE
        )
        seen.append([line for line in shown.stdout.splitlines() if line.startswith("stuck ")])

    while_overdue(watch, look)
    assert run_recipe(recipe, observer=watch).state == "failed"
    doing = "attempt 1 timed out after 0.2 s, being ended"
    assert seen[:3] == [
        ("running", "running", doing, 0.2),
        (1, []),
        ("is running", f"{doing}; its time was over"),
    ]
    ((line,),) = seen[3:]
    assert line.split() == ["stuck", "running", "1", *doing.split()]


KILLED = """
import os, sys
from threading import Event
from framework0 import run_recipe
from framework0.cli.watching import Quiet
from framework0.runner import Job

tell = Job.tell_overdue

def tell_and_wait(job):
    tell(job)
    # So that its end cannot be reported before the kill.
    Event().wait()

class Killed(Quiet):
    def step_overdue(self, *facts):
        os.kill(os.getpid(), 9)

Job.tell_overdue = tell_and_wait
run_recipe(sys.argv[1], observer=Killed())
"""


@pytest.mark.parametrize("kind", ["pool", "alone"])
def test_a_run_killed_while_it_ends_a_step_still_says_so_and_is_resumed(space, kind):
    recipe = write_stuck(space, kind)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-c", KILLED, str(recipe)]
    ended = subprocess.run(command, cwd=space.root, env=plain, timeout=PATIENCE, check=False)
    assert ended.returncode == -9
    journal = Journal(space.journal)
    story = RunStory(journal.read(journal.find()))
    step = story.named("stuck")
    assert step.state == "interrupted"
    assert (
        in_flight(step)
        == "attempt 1 timed out after 0.2 s, and was in flight when the process ended"
    )
    result = resume_run(story.header.run_id, workspace=space)
    assert result.steps["stuck"].state == "timed_out"
    told = RunStory(journal.read(story.header.run_id)).named("stuck")
    assert (set(told.overdue), in_flight(told)) == ({1, 2}, "")
    journal.close()
