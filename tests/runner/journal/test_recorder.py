from __future__ import annotations

import sqlite3
import threading

import pytest

from framework0.errors import JournalError, LockHeld, RunNotFound
from framework0.runner.journal import INTERRUPTED, RUNNING, Journal
from framework0.runner.journal import recorder as recorder_module
from framework0.runner.seams import Failure


def test_the_header_is_durable_when_begin_returns(journal, path, header):
    recorder = journal.begin(header(), 3)
    other = Journal(path)
    assert other.read("run-1").header == header()
    assert other.read("run-1").summary.state == RUNNING
    recorder.close()
    other.close()


def test_everything_appended_comes_back_as_it_was(journal, header, record):
    failure = Failure("ValueError", "no\n€", "a.py:3", "trace", ("Exception",))
    records = [
        record(0),
        record(1, state="failed", final=False, failure=failure),
        record(1, attempt=2, result={"rows": [1, 2.5, None, "ü", True], "big": 2**70}),
        record(2, attempt=0, state="skipped", reason="when was false"),
        record(3, result="text", reason="kept"),
        record(4, result=0),
        record(5, result=False, failure=failure),
    ]
    recorder = journal.begin(header(), 6)
    for item in records:
        recorder.append(item, ())
    recorder.decide(1, "when", True)
    recorder.decide(2, "foreach", {"items": ["a", "b"]})
    recorder.finish("succeeded")
    history = journal.read("run-1")
    assert history.attempts == tuple(records)
    assert history.decisions == {(1, "when"): True, (2, "foreach"): {"items": ["a", "b"]}}
    assert history.summary.state == "succeeded"
    assert history.summary.finished_at is not None
    assert len(history.sessions) == 1


def test_context_changes_commit_with_their_record(journal, header, record, change):
    recorder = journal.begin(header(), 2)
    recorder.append(record(0), [change(1, "a", {"x": 1}), change(2, "b", None)])
    recorder.append(record(1), [change(3, "a", 5)])
    recorder.flush()
    assert [(c.version, c.key, c.value) for c in journal.read("run-1").changes] == [
        (1, "a", {"x": 1}),
        (2, "b", None),
        (3, "a", 5),
    ]
    recorder.finish("succeeded")


def test_entries_wait_for_each_other_and_whoever_asks_waits_for_none(
    journal, header, record, monkeypatch
):
    # So long that the test would not end if anybody waited for it.
    monkeypatch.setattr(recorder_module, "APART", 3_600)
    recorder = journal.begin(header(), 30)
    committed = []
    first = threading.Event()

    def note(records):
        committed.append(len(records))
        first.set()

    recorder.on_durable = note
    recorder.append(record(0))
    assert first.wait(60)
    for node in range(1, 11):
        recorder.append(record(node))
    recorder.flush()
    for node in range(11, 30):
        recorder.append(record(node))
    recorder.finish("succeeded")
    assert committed == [1, 10, 19]


def test_what_is_acknowledged_is_already_readable(journal, path, header, record):
    acknowledged = []
    missing = []
    recorder = journal.begin(header(), 50)

    def check(records):
        acknowledged.extend(records)
        other = Journal(path)
        kept = set(other.read("run-1").attempts)
        missing.extend(one for one in records if one not in kept)
        other.close()

    recorder.on_durable = check
    sent = [record(node) for node in range(50)]
    for one in sent:
        recorder.append(one, ())
    recorder.finish("succeeded")
    assert acknowledged == sent
    assert missing == []


def test_threads_may_append_at_once_and_nothing_is_lost(journal, header, record):
    recorder = journal.begin(header(), 400)

    def work(first):
        for node in range(first, first + 100):
            recorder.append(record(node), ())

    threads = [threading.Thread(target=work, args=(n * 100,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.finish("succeeded")
    attempts = journal.read("run-1").attempts
    assert sorted(one.node for one in attempts) == list(range(400))
    for first in range(0, 400, 100):
        mine = [one.node for one in attempts if first <= one.node < first + 100]
        assert mine == sorted(mine)


def test_appending_waits_while_too_much_is_not_durable(journal, header, record, monkeypatch):
    monkeypatch.setattr(recorder_module, "QUEUE_LIMIT", 5)
    largest = []
    recorder = journal.begin(header(), 100)
    for node in range(100):
        recorder.append(record(node), ())
        largest.append(recorder._waiting())
        recorder.decide(node, "when", True)
    recorder.finish("succeeded")
    assert max(largest) <= 5
    assert len(journal.read("run-1").attempts) == 100
    assert len(journal.read("run-1").decisions) == 100


def test_a_recording_that_has_ended_takes_nothing_more(journal, header, record):
    recorder = journal.begin(header(), 1)
    recorder.finish("succeeded")
    with pytest.raises(JournalError, match="run-1: its recording has ended"):
        recorder.append(record(), ())
    with pytest.raises(JournalError, match="ended"):
        recorder.decide(0, "when", True)
    with pytest.raises(JournalError, match="ended"):
        recorder.flush()
    recorder.close()


def test_a_failed_commit_breaks_the_recording_once_and_for_all(journal, header, record):
    recorder = journal.begin(header(), 3)
    recorder.append(record(0), ())
    recorder.flush()
    failures = []
    recorder.on_failure = failures.append
    # The smallest database there is room for: SQLite then answers as on a full disk.
    recorder._writer._connection.execute("PRAGMA max_page_count = 1")
    recorder.append(record(1, result="x" * 100_000), ())
    with pytest.raises(JournalError, match=r"journal\.db: no space left .*errno 28"):
        recorder.flush()
    recorder._writer._connection.execute("PRAGMA max_page_count = 100000")
    with pytest.raises(JournalError, match="errno 28"):
        recorder.append(record(2), ())
    with pytest.raises(JournalError, match="errno 28"):
        recorder.finish("succeeded")
    assert len(failures) == 1
    history = journal.read("run-1")
    assert history.attempts == (record(0),)
    assert history.summary.state == INTERRUPTED


def test_an_error_of_the_listener_is_not_swallowed(journal, header, record):
    recorder = journal.begin(header(), 1)

    def listen(records):
        raise KeyError(len(records))

    recorder.on_durable = listen
    recorder.append(record(), ())
    with pytest.raises(KeyError):
        recorder.finish("succeeded")
    assert journal.read("run-1").attempts == (record(),)


def test_a_decision_that_is_not_json_breaks_the_run_rather_than_resume(journal, header):
    recorder = journal.begin(header(), 1)
    recorder.decide(0, "when", {1, 2})
    with pytest.raises(JournalError, match="not JSON"):
        recorder.finish("succeeded")


def test_context_versions_come_once(journal, header, record, change):
    recorder = journal.begin(header(), 2)
    recorder.append(record(0), [change(1)])
    recorder.flush()
    recorder.append(record(1), [change(1)])
    with pytest.raises(JournalError, match="UNIQUE"):
        recorder.finish("succeeded")
    assert journal.read("run-1").attempts == (record(0),)


@pytest.mark.parametrize("gone", ["removed", "replaced"])
def test_a_journal_that_was_taken_away_stops_the_run(journal, path, header, record, gone):
    recorder = journal.begin(header(), 1)
    path.rename(path.with_name("elsewhere.db"))
    if gone == "replaced":
        path.write_bytes(b"")
    recorder.append(record(), ())
    with pytest.raises(JournalError, match=r"journal\.db (is gone|was replaced)"):
        recorder.finish("succeeded")


def test_resume_goes_on_behind_the_last_entry(journal, header, record):
    first = journal.begin(header(), 2)
    first.mark_started(0)
    first.mark_started(1)
    first.append(record(0), ())
    first.close()
    assert journal.read("run-1").summary.state == INTERRUPTED
    again = journal.resume("run-1", 3)
    assert again.history.attempts == (record(0),)
    assert again.history.started[:2] == (1, 1)
    assert again.mark_started(1) == 2
    again.append(record(1, attempt=2), ())
    assert journal.read("run-1").summary.state == RUNNING
    again.finish("succeeded")
    history = journal.read("run-1")
    assert history.attempts == (record(0), record(1, attempt=2))
    assert len(history.sessions) == 2
    assert history.summary.nodes == 3


def test_a_finished_run_can_be_taken_up_again(journal, header, record):
    recorder = journal.begin(header(), 1)
    recorder.append(record(state="failed"), ())
    recorder.finish("failed")
    again = journal.resume("run-1", 1)
    assert journal.read("run-1").summary.finished_at is None
    again.append(record(attempt=2), ())
    again.finish("succeeded")
    assert journal.read("run-1").summary.state == "succeeded"


def test_a_living_run_cannot_be_resumed(journal, path, header):
    recorder = journal.begin(header(), 1)
    other = Journal(path)
    with pytest.raises(LockHeld, match=r"process \d+ on .*run run-1"):
        other.resume("run-1", 1)
    other.close()
    recorder.finish("succeeded")


@pytest.mark.parametrize("run_id", ["absent", "../up", "", "a/b"])
def test_what_was_never_begun_cannot_be_resumed(journal, header, run_id):
    with pytest.raises(RunNotFound):
        journal.resume(run_id, 1)
    journal.begin(header(), 1).finish("succeeded")
    with pytest.raises(RunNotFound):
        journal.resume(run_id, 1)
    with pytest.raises(RunNotFound):
        journal.read(run_id)


def test_an_id_is_given_once(journal, path, header):
    journal.begin(header(), 1).finish("succeeded")
    with pytest.raises(JournalError, match="already has a run run-1"):
        journal.begin(header(), 1)
    assert journal.read("run-1").summary.state == "succeeded"
    again = journal.resume("run-1", 1)
    again.finish("succeeded")


def test_counters_behind_the_history_are_lifted(journal, path, header, record):
    recorder = journal.begin(header(), 1)
    recorder.append(record(attempt=3), ())
    recorder.close()
    (path.parent / "runs" / "run-1" / "started").write_bytes(b"\x01")
    again = journal.resume("run-1", 1)
    assert again.mark_started(0) == 4
    again.close()


def test_nodes_added_by_a_foreach_are_counted_too(journal, header):
    recorder = journal.begin(header(), 1)
    recorder.extend(10_000)
    assert recorder.mark_started(9_999) == 1
    recorder.finish("succeeded")
    assert journal.read("run-1").started[9_999] == 1
    assert journal.read("run-1").summary.nodes == 10_000


@pytest.mark.parametrize(("durability", "level"), [("full", 2), ("normal", 1)])
def test_durability_is_what_sqlite_says_it_is(path, header, durability, level):
    recorder = Journal(path, durability=durability).begin(header(), 1)
    assert recorder.synchronous == level
    recorder.finish("succeeded")


def test_an_unknown_durability_is_refused(path, header):
    with pytest.raises(JournalError, match="'full' or 'normal'"):
        Journal(path, durability="maybe").begin(header(), 1)
    # Nothing is left locked by the refusal.
    Journal(path).begin(header(), 1).finish("succeeded")


def test_people_can_query_the_attempts_with_any_sqlite(journal, path, header, record):
    recorder = journal.begin(header(), 2)
    recorder.append(record(0, result={"n": 3}), ())
    recorder.append(record(1, state="failed", failure=Failure("exit", "3")), ())
    recorder.decide(1, "when", True)
    recorder.finish("failed")
    connection = sqlite3.connect(path)
    query = "SELECT run, name, state, seconds, result, failure, message FROM attempts"
    found = connection.execute(query).fetchall()
    connection.close()
    assert found == [
        ("run-1", "step-0", "succeeded", 0.5, '{"n":3}', None, None),
        ("run-1", "step-1", "failed", 0.5, None, "exit", "3"),
    ]
