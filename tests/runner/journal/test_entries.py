from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.runner.journal import Journal, Session, entries
from framework0.runner.journal.entries import End, read_entry, write_batches
from framework0.runner.journal.values import Decision
from framework0.runner.seams import AttemptRecord, Failure, Outcome

text = st.text(max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers()
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
failures = st.none() | st.builds(
    Failure, text, text, text, text, st.lists(text, max_size=2).map(tuple)
)
outcomes = st.builds(
    Outcome,
    st.sampled_from(["succeeded", "failed"]),
    json_values,
    failures,
    numbers,
    numbers,
    st.integers(0),
    st.integers(0),
    st.integers(0),
)
attempts = st.builds(
    AttemptRecord,
    st.integers(0),
    text,
    st.integers(0),
    st.just("failed"),
    st.booleans(),
    numbers,
    outcomes,
    text,
).map(lambda record: record._replace(state=record.outcome.state))
anything = (
    attempts
    | st.builds(Decision, st.integers(-1), text, json_values)
    | st.builds(Session, numbers, st.integers(0), text)
    | st.builds(End, text, numbers)
)


@settings(deadline=None, max_examples=200)
@given(st.lists(anything, max_size=8))
def test_what_is_written_reads_back_the_same_in_order(given_entries):
    batches = list(write_batches(given_entries, 10**9))
    read = []
    for batch in batches:
        items = json.loads(batch.text)
        assert len(items) == batch.size
        assert batch.text.isascii()
        read += [read_entry(item, {}) for item in items]
    assert read == given_entries


def test_nothing_to_write_is_nothing():
    assert list(write_batches([], 10)) == []


def test_a_result_over_the_limit_is_left_out_and_the_record_says_so(path, header, record):
    journal = Journal(path, result_bytes=20)
    recorder = journal.begin(header(), 3)
    recorder.append(record(0, result="x" * 18), ())
    recorder.append(record(1, result="x" * 19), ())
    recorder.append(record(2, result=["x" * 30], reason="kept"), ())
    recorder.finish("succeeded")
    history = journal.read("run-1")
    assert history.attempts[0] == record(0, result="x" * 18)
    assert history.attempts[1].outcome.result is None
    assert history.attempts[1].reason == "result not kept, its 21 bytes are over the limit of 20"
    assert history.attempts[2].reason.startswith("kept; result not kept, its 34 bytes")
    assert history.unkept == {(1, 1): 21, (2, 1): 34}
    journal.close()


def _deep():
    value = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [{1, 2}, float("nan"), float("inf"), object(), {(1,): 2}, _deep()],
    ids=lambda v: type(v).__name__,
)
def test_a_result_that_is_not_json_loses_only_itself(journal, header, record, value):
    recorder = journal.begin(header(), 2)
    recorder.append(record(0), ())
    recorder.append(record(1, result=value), ())
    recorder.append(record(2), ())
    recorder.finish("succeeded")
    first, odd, last = journal.read("run-1").attempts
    assert (first, last) == (record(0), record(2))
    assert odd.outcome.result is None
    assert odd.reason.startswith("result not kept, it is not JSON: ")
    assert journal.read("run-1").unkept == {(1, 1): 0}


def test_text_that_is_no_unicode_comes_back_as_it_was(journal, header, record):
    odd = "a\ud800b\x00\x1b"
    recorder = journal.begin(header(name=odd), 1)
    recorder.append(record(name=odd, result=odd, reason=odd), ())
    recorder.finish("succeeded")
    history = journal.read("run-1")
    assert history.header.name == odd
    assert history.attempts == (record(name=odd, result=odd, reason=odd),)


def test_large_results_are_split_over_several_rows_of_one_commit(
    journal, header, record, monkeypatch
):
    monkeypatch.setattr(entries, "MAX_BATCH_BYTES", 1_000)
    sent = [record(node, result="x" * 300) for node in range(10)]
    batches = list(write_batches(sent, 10_000))
    assert [batch.size for batch in batches] == [3, 3, 3, 1]
    recorder = journal.begin(header(), 10)
    for one in sent:
        recorder.append(one, ())
    recorder.finish("succeeded")
    assert journal.read("run-1").attempts == tuple(sent)


def test_bytes_that_went_through_devices_are_kept_where_there_were_any(journal, header, record):
    sent = [record(0, read_bytes=4096), record(1, written_bytes=2**45, reason="why"), record(2)]
    (batch,) = write_batches(sent, 10_000)
    assert batch.text.count('"io"') == 2
    recorder = journal.begin(header(), 3)
    for one in sent:
        recorder.append(one, ())
    recorder.finish("succeeded")
    assert journal.read("run-1").attempts == tuple(sent)


def test_what_a_later_version_says_beside_an_attempt_is_passed_over(record):
    (batch,) = write_batches([record(0, result=[1])], 10_000)
    (item,) = json.loads(batch.text)
    item[9]["from the future"] = {"more": 1}
    assert read_entry(item, {}) == record(0, result=[1])


def test_a_usual_record_takes_less_than_120_bytes(record):
    usual = [
        record(node, seconds=0.000123456, cpu_seconds=0.000101, peak_memory=1_048_576)
        for node in range(1000, 1100)
    ]
    (batch,) = write_batches(usual, 0)
    assert len(batch.text) / 100 <= 90
