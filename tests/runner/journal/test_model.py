"""A journal with several runs against a model of it (R24): begin, record, finish, kill, resume, prune,
list, reopen and read, in any order.

A kill here loses what was queued and not yet written, of which nobody was told that it is kept; all
else must come back exactly, in order, and every run's state must be the truth. One run whose files are
taken away in the middle of a write is the matter of ``tests/reliability/test_journal_model.py``.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from framework0.context import Change
from framework0.errors import LockHeld, RunNotFound
from framework0.runner.journal import INTERRUPTED, RUNNING, Journal, RunHeader
from framework0.runner.seams import AttemptRecord, Failure, Outcome

# Syncing the disk is tested elsewhere; a thousand journals a minute would measure nothing else.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

EXAMPLES = 60
STEPS = 50

# A few of each kind: what every value becomes on its way is tested with the entries.
values = st.sampled_from(
    [None, True, 0, -1, 2**70, 0.5, "", "é\n", [], [1, [None]], {}, {"k": {"": 2}}]
)
failures = st.sampled_from(
    [None, Failure("ValueError", "no"), Failure("timeout", "", "a.py:1", "trace", ("Exception",))]
)
ends = st.sampled_from(["succeeded", "failed", "cancelled"])


class Model:
    """What one run should be."""

    def __init__(self, header, nodes):
        self.header = header
        self.nodes = nodes
        self.state = RUNNING
        self.sessions = 1
        self.attempts = []
        self.decisions = {}
        self.changes = []
        self.started = {}
        self.recorder = None


class JournalMachine(RuleBasedStateMachine):
    """Any life of a journal with a few runs in it."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY)
        self.path = Path(self.folder.name) / "state" / "journal.db"
        self.journal = Journal(self.path, durability="normal")
        self.runs = {}
        self.made = 0
        self.version = 0

    def living(self):
        return [name for name, run in self.runs.items() if run.recorder is not None]

    def dead(self):
        return [name for name, run in self.runs.items() if run.recorder is None]

    def pick(self, data, names):
        return data.draw(st.sampled_from(names))

    @precondition(lambda self: len(self.runs) < 5)
    @rule(nodes=st.integers(1, 6), recipe=st.sampled_from(["one", "other"]))
    def begin(self, nodes, recipe):
        self.made += 1
        header = RunHeader(
            f"run-{self.made:03}", "", recipe, f"{recipe}.yaml", "steps: []\n", f"digest-{recipe}",
            {"n": nodes}, {}, None, 1e9 + self.made, {"a": "b"},
        )  # fmt: skip
        run = self.runs[header.run_id] = Model(header, nodes)
        run.recorder = self.journal.begin(header, nodes)
        assert run.recorder.history is None

    @precondition(lambda self: self.living())
    @rule(data=st.data())
    def attempt_begins(self, data):
        run = self.runs[self.pick(data, self.living())]
        node = data.draw(st.integers(0, run.nodes - 1))
        run.started[node] = run.started.get(node, 0) + 1
        assert run.recorder.mark_started(node) == run.started[node]

    @precondition(lambda self: self.living())
    @rule(data=st.data(), more=st.sampled_from([1, 3000]))
    def extend(self, data, more):
        run = self.runs[self.pick(data, self.living())]
        run.nodes += more
        run.recorder.extend(run.nodes)

    def some_record(self, data, run):
        node = data.draw(st.integers(0, run.nodes - 1))
        state = data.draw(st.sampled_from(["succeeded", "failed", "timed_out", "skipped"]))
        outcome = Outcome(state, data.draw(values), data.draw(failures), 0.25, 0.5, 7)
        return AttemptRecord(
            node, f"step {node}", run.started.get(node, 0), state, data.draw(st.booleans()),
            1e9, outcome, data.draw(st.sampled_from(["", "why"])),
        )  # fmt: skip

    def some_changes(self, data, run):
        changes = []
        for _ in range(data.draw(st.integers(0, 2))):
            self.version += 1
            key, removed = data.draw(st.sampled_from("km")), data.draw(st.booleans())
            before = [change for change in [*run.changes, *changes] if change.key == key]
            there = bool(before) and not before[-1].removed
            changes.append(
                Change(
                    self.version, key, None if removed else data.draw(values), removed,
                    before[-1].value if there else None, there, "user", run.header.run_id, "s", 1, 2.5,
                    before[-1].version if before else 0,
                )
            )  # fmt: skip
        return changes

    @precondition(lambda self: self.living())
    @rule(data=st.data())
    def attempt_ends(self, data):
        run = self.runs[self.pick(data, self.living())]
        record, changes = self.some_record(data, run), self.some_changes(data, run)
        run.recorder.append(record, changes)
        run.attempts.append(record)
        run.changes += changes

    @precondition(lambda self: self.living())
    @rule(data=st.data(), kind=st.sampled_from(["when", "foreach"]), value=values)
    def decide(self, data, kind, value):
        run = self.runs[self.pick(data, self.living())]
        node = data.draw(st.integers(0, run.nodes - 1))
        run.recorder.decide(node, kind, value)
        run.decisions[node, kind] = value

    @precondition(lambda self: self.living())
    @rule(data=st.data(), state=ends, announced=st.booleans())
    def finish(self, data, state, announced):
        run = self.runs[self.pick(data, self.living())]
        if announced:
            run.recorder.ending(state)
        run.recorder.finish(state)
        run.recorder.close()
        run.recorder, run.state = None, state

    @precondition(lambda self: self.living())
    @rule(data=st.data(), lost=st.integers(0, 3))
    def kill(self, data, lost):
        run = self.runs[self.pick(data, self.living())]
        last = [(self.some_record(data, run), self.some_changes(data, run)) for _ in range(lost)]
        put, run.recorder._put = run.recorder._put, lambda _item: None
        for record, changes in last:
            run.recorder.append(record, changes)
        run.recorder._put = put
        run.recorder.close()
        run.recorder, run.state = None, INTERRUPTED

    @precondition(lambda self: self.dead())
    @rule(data=st.data())
    def resume(self, data):
        name = self.pick(data, self.dead())
        run = self.runs[name]
        run.recorder = self.journal.resume(name, run.nodes)
        run.state = RUNNING
        for record in filter(lambda record: record.attempt, run.attempts):
            # Never behind what is recorded, or a number would be given twice.
            run.started[record.node] = max(run.started.get(record.node, 0), record.attempt)
        self.same(run, run.recorder.history)
        run.sessions += 1

    @precondition(lambda self: self.living())
    @rule(data=st.data())
    def resume_what_lives(self, data):
        name = self.pick(data, self.living())
        with pytest.raises(LockHeld):
            self.journal.resume(name, 1)

    @rule()
    def reopen(self):
        self.journal.close()
        self.journal = Journal(self.path, durability="normal")

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def read(self, data):
        name = self.pick(data, sorted(self.runs))
        run = self.runs[name]
        if run.recorder is not None:
            run.recorder.flush()
        history = self.journal.read(name)
        self.same(run, history)
        assert history.summary.state == run.state
        assert (history.summary.finished_at is None) == (run.state in {RUNNING, INTERRUPTED})

    def same(self, run, history):
        assert history.header == run.header
        assert list(history.attempts) == run.attempts
        assert history.decisions == run.decisions
        assert list(history.changes) == run.changes
        assert len(history.sessions) == run.sessions
        counted = {node: count for node, count in enumerate(history.started) if count}
        assert counted == run.started

    @rule(keep=st.integers(0, 4))
    def prune(self, keep):
        newest = sorted(self.runs, reverse=True)
        expected = [name for name in newest[keep:] if self.runs[name].recorder is None]
        assert sorted(self.journal.prune(keep=keep), reverse=True) == expected
        for name in expected:
            del self.runs[name]
            with pytest.raises(RunNotFound):
                self.journal.read(name)

    @rule()
    def the_list_tells_the_truth(self):
        told = [(run.run_id, run.recipe_name, run.state) for run in self.journal.runs()]
        assert told == [
            (name, run.header.recipe_name, run.state)
            for name, run in sorted(self.runs.items(), reverse=True)
        ]

    def teardown(self):
        for name in self.living():
            self.runs[name].recorder.close()
        self.journal.close()
        self.folder.cleanup()


@pytest.mark.slow
def test_a_journal_behaves_like_its_model():
    run_state_machine_as_test(
        JournalMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # Shrinking would take minutes of real files; the failing life is printed as it was.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        ),
    )
