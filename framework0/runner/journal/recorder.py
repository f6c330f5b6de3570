"""The journal as one run sees it: appending is a queue, a thread of its own makes it durable."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue

from framework0.errors import JournalError
from framework0.runner.journal.entries import End
from framework0.runner.journal.values import Decision
from framework0.runner.seams import AttemptRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Final

    from framework0.context import Change
    from framework0.runner.journal.entries import Entry
    from framework0.runner.journal.marks import StartMarks
    from framework0.runner.journal.runrow import RunRow
    from framework0.runner.journal.values import RunHistory
    from framework0.runner.journal.writer import HistoryWriter
    from framework0.workspace import Lock

QUEUE_LIMIT: Final = 16_384
"""Entries not yet durable; beyond that appending waits. About a third of a second of the fastest run."""

APART: Final = 0.002
"""Seconds between the beginnings of two commits, unless somebody waits: each costs the interpreter,
and the disk, more than a hundred rows do, and whoever ends steps is slowed down by it."""


class _Wish:
    """Something the writer does besides writing: answer a flush, tell somebody, or end.

    ``then`` is called when all that was queued before is durable.
    """

    __slots__ = ("answered", "state", "stop", "then")

    def __init__(
        self,
        state: str | None = None,
        *,
        stop: bool = False,
        then: Callable[[], None] | None = None,
    ) -> None:
        self.state = state
        self.stop = stop
        self.then = then
        self.answered = threading.Lock()
        self.answered.acquire()


_Queued = tuple[AttemptRecord, "Sequence[Change]"] | Decision | _Wish


class RunRecorder:
    """Records one run; implements :class:`framework0.runner.seams.Recorder`.

    ``on_durable`` is called with the attempts of each commit, outside of any transaction;
    ``on_failure`` with the error that ended the recording. Both come from the writer's thread.
    ``history`` is what a resumed run did before, verified, and None for a new one. The run's lock
    is held from before its first row until :meth:`finish` or :meth:`close`. ``synchronous`` is
    SQLite's own word on its durability: 2 is FULL, 1 is NORMAL.
    """

    def __init__(
        self,
        run_id: str,
        writer: HistoryWriter,
        marks: StartMarks,
        lock: Lock,
        row: RunRow,
        history: RunHistory | None = None,
    ) -> None:
        self.run_id = run_id
        self.history = history
        self.synchronous = writer.synchronous
        self.on_durable: Callable[[Sequence[AttemptRecord]], None] | None = None
        self.on_failure: Callable[[Exception], None] | None = None
        self.told: Callable[[str], str] | None = None
        self.mark_started: Callable[[int], int] = marks.add
        self._writer = writer
        self._marks = marks
        self._lock = lock
        self._row = row
        self._queue: SimpleQueue[_Queued] = SimpleQueue()
        self._put = self._queue.put
        self._waiting = self._queue.qsize
        self._error: Exception | None = None
        self._closed = False
        self._ending: _Wish | None = None
        self._awaited = threading.Event()
        self._next = 0.0
        self._thread = threading.Thread(
            target=self._write_all, name=f"journal {run_id}", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError as error:
            raise JournalError(
                f"run {run_id} cannot be recorded: {error}; end other programs, or raise the limit "
                "on processes (ulimit -u)"
            ) from error

    def extend(self, nodes: int) -> None:
        """Make room for ``nodes`` nodes in all; a foreach has added some."""
        self._marks.extend(nodes)
        self._row = self._row._replace(nodes=max(nodes, self._row.nodes))
        self.mark_started = self._marks.add

    def append(self, record: AttemptRecord, changes: Sequence[Change] = ()) -> None:
        """Queue a finished attempt and the context changes that belong to it: one transaction.

        Waits only while more than ``QUEUE_LIMIT`` entries are not durable yet. Raises the error of
        an earlier commit, after which nothing is recorded any more.
        """
        if self._error is not None or self._waiting() >= QUEUE_LIMIT:
            self._wait(_Wish())
        self._put((record, changes))

    def decide(
        self, node: int, kind: str, value: Any, then: Callable[[], None] | None = None
    ) -> None:
        """Queue a decision that resume must keep, ahead of later records.

        With ``then`` it is written without delay, and that is called, from the writer's thread, once it is
        durable and before ``on_durable`` is told of what was queued after it.
        """
        if self._error is not None or self._waiting() >= QUEUE_LIMIT:
            self._wait(_Wish())
        self._put(Decision(node, kind, value))
        if then is not None:
            self._ask(_Wish(then=then))

    def flush(self) -> None:
        """Wait until everything queued is durable, or raise the error that keeps it from being."""
        self._wait(_Wish())

    def ending(self, state: str) -> None:
        """Queue the run's end behind all that is queued, so that it needs no commit of its own."""
        self._ending = _Wish(state)
        self._ask(self._ending)

    def finish(self, state: str) -> None:
        """Write the run's end, unless it is queued, wait until it is durable, and free the lock."""
        try:
            if self._ending is None:
                self.ending(state)
            self._wait(self._ending)
        finally:
            self.close()

    def close(self) -> None:
        """Make durable what is queued and let go of the run, without an end: it can be resumed.

        Never raises for a failed commit (see :meth:`flush`); a second call does nothing.
        """
        if self._closed:
            return
        self._closed = True
        self._ask(_Wish(stop=True))
        self._thread.join()
        if self._error is None:
            self._error = JournalError(f"run {self.run_id}: its recording has ended")
        self._marks.close()
        self._lock.release()

    def _ask(self, wish: _Wish) -> None:
        """Queue a wish, and have all that is queued written without delay."""
        self._put(wish)
        self._awaited.set()

    def _wait(self, wish: _Wish | None) -> None:
        """Wait until ``wish`` is answered; one that is not queued yet is queued."""
        if self._error is None and wish is not None:
            if wish is not self._ending:
                self._ask(wish)
            wish.answered.acquire()
        if self._error is not None:
            raise self._error

    def _write_all(self) -> None:
        stop = False
        while not stop:
            gathered = self._gather()
            wishes = [item for item in gathered if type(item) is _Wish]
            stop = any(wish.stop for wish in wishes)
            try:
                self._write(gathered, wishes)
            # The callbacks are the runner's; whatever goes wrong, nobody may wait for ever.
            except Exception as error:  # noqa: BLE001
                self._break(error)
            for wish in wishes:
                wish.answered.release()
        self._end()

    def _gather(self) -> list[_Queued]:
        """Wait for one entry, and for more if the last commit has just been; take all that is there."""
        gathered = [self._queue.get()]
        rest = self._next - time.monotonic()
        if rest > 0 and not self._awaited.is_set():
            self._awaited.wait(rest)
        # Before the queue is emptied: a wish that is set after this is either in it, or yet to come.
        self._awaited.clear()
        self._next = time.monotonic() + APART
        take = self._queue.get_nowait
        # Only this thread takes, so what is counted is there.
        gathered += [take() for _ in range(self._waiting())]
        return gathered

    def _write(self, gathered: list[_Queued], wishes: list[_Wish]) -> None:
        if self._error is not None:
            return
        entries: list[Entry] = []
        records: list[AttemptRecord] = []
        changes: list[Change] = []
        for item in gathered:
            if isinstance(item, Decision):
                entries.append(item)
            elif not isinstance(item, _Wish):
                record, its_changes = item
                entries.append(record)
                records.append(record)
                if its_changes:
                    changes += its_changes
        row = None
        for wish in wishes:
            if wish.state is not None:
                now = time.time()
                entries.append(End(wish.state, now))
                row = self._row._replace(state=wish.state, finished=now)
        if entries:
            self._writer.commit(entries, changes, row)
        for wish in wishes:
            if wish.then is not None:
                wish.then()
        if records and self.on_durable is not None:
            self.on_durable(records)

    def _break(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
            if self.on_failure is not None:
                self.on_failure(error)

    def _end(self) -> None:
        try:
            self._writer.close()
        except JournalError as error:
            self._break(error)
