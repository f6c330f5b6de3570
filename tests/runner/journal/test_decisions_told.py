"""Whoever is to be told of a decision is told once it is durable, and before what follows it."""

from __future__ import annotations

from threading import Event

import pytest

from framework0.errors import JournalError
from framework0.runner.journal import Journal

PATIENCE = 60


def test_it_is_told_when_it_can_be_read_and_before_what_was_queued_behind_it(
    journal, path, header, record
):
    recorder = journal.begin(header(), 2)
    told = []

    def then():
        other = Journal(path)
        told.append(dict(other.read("run-1").decisions))
        other.close()

    recorder.on_durable = lambda records: told.extend(one.name for one in records)
    recorder.decide(0, "overdue.1", {"at": 1.0}, then)
    recorder.append(record(0), ())
    recorder.finish("failed")
    assert told == [{(0, "overdue.1"): {"at": 1.0}}, "step-0"]


def test_it_waits_for_nothing_else(journal, header):
    recorder = journal.begin(header(), 1)
    told = Event()
    recorder.decide(0, "overdue.1", {"at": 1.0}, told.set)
    assert told.wait(PATIENCE)
    recorder.close()


def test_nobody_is_told_of_what_could_not_be_written(journal, header):
    recorder = journal.begin(header(), 1)
    told, broken = [], Event()
    recorder.on_failure = lambda error: broken.set()
    recorder.decide(0, "overdue.1", {"at": float("nan")}, lambda: told.append("it"))
    assert broken.wait(PATIENCE)
    with pytest.raises(JournalError, match="not JSON"):
        recorder.flush()
    recorder.close()
    assert told == []


def test_what_goes_wrong_in_being_told_is_not_swallowed(journal, header):
    recorder = journal.begin(header(), 1)
    failed = []
    recorder.on_failure = failed.append

    def then():
        raise RuntimeError("out of order")

    recorder.decide(0, "overdue.1", {"at": 1.0}, then)
    with pytest.raises(RuntimeError, match="out of order"):
        recorder.flush()
    recorder.close()
    assert [str(error) for error in failed] == ["out of order"]
    assert journal.read("run-1").decisions == {(0, "overdue.1"): {"at": 1.0}}
