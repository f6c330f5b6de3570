"""The journal against a list, through any sequence of records, decisions, ends, kills and resumes (R24).

A kill is what it is for the files: they are taken as they are at that moment, in the middle of
whatever the writer was doing, to a place where no lock is held; the old ones are never used again.
Together with the machines of the context and of the run's state: more than 500 examples of 50 steps.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from framework0.context import Change
from framework0.errors import LockHeld
from framework0.runner import AttemptRecord, Failure, Journal, Outcome, RunHeader, RunRecorder

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where there is a file system in memory: a kill loses no page of a file, so no disk need be waited for."""

NODES = 5
RUN = "run-1"

nodes = st.integers(0, NODES - 1)
results = st.none() | st.booleans() | st.integers(-3, 3) | st.lists(st.text(max_size=3), max_size=2)
states = st.sampled_from(["succeeded", "failed", "timed_out", "cancelled"])


class JournalMachine(RuleBasedStateMachine):
    """``entries`` is all that was queued, in order; ``kept`` how much of it must be there.

    An entry is (record, its changes) or (node, kind, value) of a decision.
    """

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp(prefix="journal-model-", dir=MEMORY))
        self.home = 0
        self.journal = Journal(self.path, durability="normal")
        header = RunHeader(RUN, recipe_text="steps: []\n", recipe_digest="d", created_at=1.0)
        self.recorder = self.journal.begin(header, NODES)
        self.entries = []
        self.told = 0
        self.kept = 0
        self.started = {}
        self.version = 0
        self.sessions = 1
        self.end = None
        self.listen()

    @property
    def path(self):
        return self.folder / str(self.home) / "journal.db"

    def listen(self):
        self.recorder.on_durable = self.hear
        self.told = sum(isinstance(entry[0], AttemptRecord) for entry in self.entries)

    def hear(self, records):
        queued = [entry[0] for entry in self.entries if isinstance(entry[0], AttemptRecord)]
        expected = queued[self.told : self.told + len(records)]
        # In the writer's thread; what is wrong here is looked at below.
        self.told = self.told + len(records) if list(records) == expected else -10_000

    @property
    def is_open(self):
        return self.end is None

    @precondition(lambda self: self.is_open)
    @rule(node=nodes, state=states, result=results, final=st.booleans(), writes=st.integers(0, 2))
    def append(self, node, state, result, final, writes):
        attempt = self.recorder.mark_started(node)
        self.started[node] = self.started.get(node, 0) + 1
        assert attempt == self.started[node]
        failure = None if state == "succeeded" else Failure("ValueError", "no", "a.py:1")
        outcome = Outcome(state, result if state == "succeeded" else None, failure, 0.5)
        record = AttemptRecord(node, f"s{node}", attempt, state, final, 1.5, outcome)
        changes = []
        for _ in range(writes):
            self.version += 1
            key = f"k{self.version % 3}"
            changes.append(
                Change(self.version, key, result, False, None, False, "s", RUN, "s", attempt, 2.5)
            )
        # Noted first: the writer may be faster than this thread.
        self.entries.append((record, changes))
        self.recorder.append(record, changes)

    @precondition(lambda self: self.is_open)
    @rule(node=nodes, kind=st.sampled_from(["when", "foreach"]), value=results)
    def decide(self, node, kind, value):
        self.entries.append((node, kind, value))
        self.recorder.decide(node, kind, value)

    @precondition(lambda self: self.is_open)
    @rule(node=nodes)
    def begin_an_attempt_that_never_ends(self, node):
        assert self.recorder.mark_started(node) == self.started.get(node, 0) + 1
        self.started[node] = self.started.get(node, 0) + 1

    @precondition(lambda self: self.is_open)
    @rule()
    def flush(self):
        self.recorder.flush()
        self.kept = len(self.entries)

    @precondition(lambda self: self.is_open)
    @rule(state=st.sampled_from(["succeeded", "failed", "cancelled"]))
    def finish(self, state):
        self.recorder.finish(state)
        self.kept = len(self.entries)
        self.end = state

    @rule()
    def kill_and_resume(self):
        self.kill()
        self.resume()

    @precondition(lambda self: not self.is_open)
    @rule()
    def resume_after_the_end(self):
        self.resume()

    @precondition(lambda self: self.is_open)
    @rule()
    def close_and_resume(self):
        self.recorder.close()
        self.kept = len(self.entries)
        assert self.journal.read(RUN).summary.state == "interrupted"
        self.resume()

    def kill(self):
        certain = self.told
        before = self.path.parent
        self.home += 1
        after = self.path.parent
        # The log first and the marks last: nothing moves in this thread, so the marks stand still.
        (after / "runs" / RUN).mkdir(parents=True, mode=0o700)
        for name in ("journal.db-wal", "journal.db"):
            if (before / name).exists():
                shutil.copyfile(before / name, after / name)
        shutil.copyfile(before / "runs" / RUN / "started", after / "runs" / RUN / "started")
        self.recorder.close()
        self.journal.close()
        shutil.rmtree(before)
        self.journal = Journal(self.path, durability="normal")
        # Everything acknowledged is there; of the rest, a beginning.
        history = self.journal.read(RUN)
        assert history.summary.state == (self.end or "interrupted")
        self.kept = max(self.kept, self.entries_of(certain))
        self.entries = self.entries[: self.found_in(history)]
        self.kept = len(self.entries)

    def resume(self):
        self.end = None
        self.recorder = self.journal.resume(RUN, NODES)
        assert isinstance(self.recorder, RunRecorder)
        self.sessions += 1
        self.kept = len(self.entries)
        assert self.found_in(self.recorder.history) == len(self.entries)
        self.listen()
        with pytest.raises(LockHeld):
            Journal(self.path).resume(RUN, NODES)

    def entries_of(self, records):
        """Return how many entries there are up to and with the given number of records."""
        seen = 0
        for place, entry in enumerate(self.entries):
            if seen == records:
                return place
            seen += isinstance(entry[0], AttemptRecord)
        return len(self.entries)

    def found_in(self, history):
        """Return how many entries from the first on are what the history holds: one number must be."""
        for count in range(len(self.entries), self.kept - 1, -1):
            if self.is_history_of(history, self.entries[:count]):
                return count
        raise AssertionError(
            f"{history} is no beginning of {self.entries} with at least {self.kept}"
        )

    def is_history_of(self, history, entries):
        records = [entry for entry in entries if isinstance(entry[0], AttemptRecord)]
        decisions = {
            (entry[0], entry[1]): entry[2]
            for entry in entries
            if not isinstance(entry[0], AttemptRecord)
        }
        changes = [
            (change.version, change.key, change.value) for _, made in records for change in made
        ]
        told = [(change.version, change.key, change.value) for change in history.changes]
        return (
            list(history.attempts) == [record for record, _ in records]
            and dict(history.decisions) == decisions
            and told == changes
        )

    @rule()
    def a_reader_sees_a_beginning_that_holds_all_that_was_promised(self):
        reader = Journal(self.path)
        try:
            history = reader.read(RUN)
            (summary,) = reader.runs()
        finally:
            reader.close()
        self.found_in(history)
        assert history.summary.state == summary.state == (self.end or "running")
        assert len(history.sessions) == self.sessions
        assert {n: count for n, count in enumerate(history.started) if count} == self.started

    @invariant()
    def what_was_told_is_what_was_queued(self):
        assert getattr(self, "told", 0) >= 0

    def teardown(self):
        if hasattr(self, "folder"):
            self.recorder.close()
            self.journal.close()
            shutil.rmtree(self.folder)


@pytest.mark.slow
def test_a_journal_behaves_like_a_list_whatever_happens_to_its_process():
    run_state_machine_as_test(
        JournalMachine,
        settings=settings(
            max_examples=60,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
def test_the_machine_notices_a_journal_that_acknowledges_what_it_has_not_kept(monkeypatch):
    def tell_early(recorder, record, changes=()):
        if recorder.on_durable is not None:
            recorder.on_durable([record])

    monkeypatch.setattr(RunRecorder, "append", tell_early)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            JournalMachine,
            settings=settings(
                max_examples=20,
                # The same examples each time: among them are some that find it.
                derandomize=True,
                deadline=None,
                database=None,
                print_blob=False,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
