"""One contract, both recorders: the journal on disk, and the one that remembers as long as it lives."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from framework0.context import Change
from framework0.errors import JournalError
from framework0.runner import AttemptRecord, Failure, Journal, Outcome, RunHeader
from framework0.testing import MemoryRecorder

NODES = 8


class Kept(NamedTuple):
    """What a recorder has kept, asked of the place that keeps it."""

    state: str
    attempts: list[AttemptRecord]
    decisions: dict[tuple[int, str], Any]
    changes: list[Change]
    started: dict[int, int]


class OnDisk:
    """A run of a journal; what it has kept is read from the file by another reader."""

    def __init__(self, folder):
        self.path = folder / "state" / "journal.db"
        header = RunHeader(
            "run-1",
            name="",
            recipe_name="r",
            recipe_file="r.yaml",
            recipe_text="steps: []\n",
            recipe_digest="d",
            inputs={},
            options={},
            created_at=1_795_500_000.0,
        )
        self.recorder = Journal(self.path).begin(header, NODES)

    def kept(self):
        self.recorder.flush()
        return self.kept_after_the_end()

    def kept_after_the_end(self):
        journal = Journal(self.path)
        try:
            history = journal.read("run-1")
        finally:
            journal.close()
        started = {node: count for node, count in enumerate(history.started) if count}
        return Kept(
            history.summary.state,
            list(history.attempts),
            dict(history.decisions),
            list(history.changes),
            started,
        )

    def close(self):
        self.recorder.close()


class InMemory:
    """The fake; it keeps what it keeps in its attributes."""

    def __init__(self, folder):
        del folder
        self.recorder = MemoryRecorder()

    def kept(self):
        self.recorder.flush()
        return self.kept_after_the_end()

    def kept_after_the_end(self):
        recorder = self.recorder
        return Kept(
            recorder.state,
            recorder.attempts,
            recorder.decisions,
            recorder.changes,
            recorder.started,
        )

    def close(self):
        """Nothing is open."""


@pytest.fixture(params=[OnDisk, InMemory])
def run(request, tmp_path):
    made = request.param(tmp_path)
    yield made
    made.close()


def record(node, attempt=1, state="succeeded", *, final=True, **outcome):
    return AttemptRecord(
        node, f"s{node}", attempt, state, final, 1_795_500_001.5, Outcome(state, **outcome)
    )


def change(version, key="total"):
    return Change(version, key, version, False, None, False, "s", "run-1", "s", 1, 2.5)


def test_attempts_are_kept_as_they_were_and_in_their_order(run):
    failure = Failure("ValueError", "no\n\u2028 luck", "a.py:3", "trace", ("Exception",))
    records = [
        record(0, 1, "failed", final=False, failure=failure, seconds=0.25),
        record(2, result={"rows": [1, None, "é"]}, cpu_seconds=0.125, peak_memory=7),
        record(0, 2, result=False),
        record(1, 0, "skipped")._replace(reason="when is false: no"),
    ]
    for each in records:
        run.recorder.append(each, ())
    assert run.kept().attempts == records


def test_what_was_told_is_what_is_kept_once_and_in_order(run):
    told = []
    run.recorder.on_durable = told.extend
    records = [record(node) for node in range(NODES)]
    for each in records:
        run.recorder.append(each, ())
    run.recorder.flush()
    assert told == records
    run.recorder.flush()
    assert told == records


def test_nothing_is_told_before_it_is_kept(run):
    missing = []
    run.recorder.on_durable = lambda records: missing.extend(
        each for each in records if each not in run.kept_after_the_end().attempts
    )
    for node in range(NODES):
        run.recorder.append(record(node), ())
    run.recorder.flush()
    assert missing == []


def test_the_changes_of_attempts_are_kept_in_order(run):
    run.recorder.append(record(0), [change(1), change(2, "rows")])
    run.recorder.append(record(1), [])
    run.recorder.append(record(2), [change(3)])
    kept = run.kept().changes
    assert [(each.version, each.key, each.value) for each in kept] == [
        (1, "total", 1),
        (2, "rows", 2),
        (3, "total", 3),
    ]


def test_starts_are_counted_for_each_node(run):
    assert [run.recorder.mark_started(3) for _ in range(3)] == [1, 2, 3]
    assert run.recorder.mark_started(0) == 1
    assert run.kept().started == {0: 1, 3: 3}


def test_there_is_room_for_nodes_that_a_foreach_adds(run):
    run.recorder.mark_started(1)
    run.recorder.extend(NODES + 5_000)
    assert run.recorder.mark_started(NODES + 4_999) == 1
    assert run.recorder.mark_started(1) == 2
    run.recorder.append(record(NODES + 4_999), ())
    kept = run.kept()
    assert kept.started == {1: 2, NODES + 4_999: 1}
    assert kept.attempts == [record(NODES + 4_999)]


def test_the_last_word_on_a_decision_counts(run):
    run.recorder.decide(1, "when", False)
    run.recorder.decide(2, "foreach", {"first": 8, "items": [1, "two", None]})
    run.recorder.decide(1, "when", True)
    assert run.kept().decisions == {
        (1, "when"): True,
        (2, "foreach"): {"first": 8, "items": [1, "two", None]},
    }


def test_a_run_is_running_until_it_is_finished(run):
    run.recorder.append(record(0), ())
    assert run.kept().state == "running"
    run.recorder.finish("failed")
    kept = run.kept_after_the_end()
    assert (kept.state, kept.attempts) == ("failed", [record(0)])


def test_finishing_keeps_what_was_still_queued(run):
    told = []
    run.recorder.on_durable = told.extend
    for node in range(NODES):
        run.recorder.append(record(node), ())
    run.recorder.finish("succeeded")
    assert len(run.kept_after_the_end().attempts) == len(told) == NODES


def test_the_fake_can_refuse_as_a_full_disk_does():
    told = []
    recorder = MemoryRecorder(JournalError("disk full"), refuse_after=1)
    recorder.on_durable = told.extend
    recorder.append(record(0), ())
    with pytest.raises(JournalError, match="disk full"):
        recorder.append(record(1), ())
    assert recorder.attempts == told == [record(0)]
