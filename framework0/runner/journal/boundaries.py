"""Doing something to a process when exactly so many entries of its run are durable: for trials only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework0.runner.journal.journal import Journal
from framework0.runner.journal.writer import HistoryWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from framework0.context import Change
    from framework0.runner.journal.recorder import RunRecorder


def at_boundary(point: int, action: Callable[[], None]) -> None:
    """Call ``action`` as soon as ``point`` entries of the next run that begins are durable.

    Entries that are committed together are taken apart there, so that every boundary between two
    entries is one to act at, whatever the timing. The rest of that commit is not made. Before the
    run's first rows are durable there is no run that could be resumed, so nothing is counted.
    """
    begin = Journal.begin

    def begin_and_count(*words: Any) -> RunRecorder:
        recorder = begin(*words)
        _count(point, action)
        return recorder

    Journal.begin = begin_and_count  # type: ignore[method-assign, assignment]


def _count(point: int, action: Callable[[], None]) -> None:
    commit = HistoryWriter.commit
    left = point

    def commit_until_then(
        writer: HistoryWriter,
        entries: Sequence[Any],
        changes: Sequence[Change] = (),
        row: Any = None,
    ) -> None:
        nonlocal left
        if len(entries) <= left:
            left -= len(entries)
            commit(writer, entries, changes, row)
            return
        first = list(entries[:left])
        if first:
            owners = {(one.name, one.attempt) for one in first if hasattr(one, "attempt")}
            own = [change for change in changes if (change.step, change.attempt) in owners]
            commit(writer, first, own)
        action()

    HistoryWriter.commit = commit_until_then  # type: ignore[method-assign, assignment]
