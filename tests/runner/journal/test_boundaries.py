"""A trial can act at every boundary between two entries, however they are committed together."""

from __future__ import annotations

import pytest

from framework0.context import Context
from framework0.context.change import Author
from framework0.runner import AttemptRecord, Journal, Outcome, RunHeader, at_boundary
from framework0.runner.journal.writer import HistoryWriter


class Acted(Exception):
    """What was to happen has happened."""


@pytest.fixture
def restored(monkeypatch):
    monkeypatch.setattr(Journal, "begin", Journal.begin)
    monkeypatch.setattr(HistoryWriter, "commit", HistoryWriter.commit)


def raise_it():
    raise Acted


@pytest.mark.parametrize("point", [0, 1, 2, 3])
def test_exactly_so_many_entries_are_durable_with_the_changes_that_belong_to_them(
    tmp_path, restored, point
):
    journal = Journal(tmp_path / ".framework0" / "journal.db")
    at_boundary(point, raise_it)
    recorder = journal.begin(RunHeader("20260101-000000-aa", created_at=1.0), 3)
    view = Context().view(Author("s0", "20260101-000000-aa", "s0", 1))
    view.set("a", 1)
    recorder.decide(0, "when", value=True)
    for node in range(2):
        record = AttemptRecord(node, f"s{node}", 1, "succeeded", True, 1.0, Outcome("succeeded"))
        recorder.append(record, view.changes if node == 0 else ())
    if point < 3:
        with pytest.raises(Acted):
            recorder.flush()
    else:
        recorder.flush()
    recorder.close()
    history = journal.read("20260101-000000-aa")
    journal.close()
    assert len(history.decisions) == min(point, 1)
    assert [record.name for record in history.attempts] == ["s0", "s1"][: max(0, point - 1)]
    assert [change.key for change in history.changes] == (["a"] if point > 1 else [])
