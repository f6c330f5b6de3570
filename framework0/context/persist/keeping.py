"""Writing: commits, segments, and values that end by themselves."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from itertools import islice
from time import monotonic, time

from framework0.context.expiry import Expiry
from framework0.context.persist.answers import answer_to
from framework0.context.persist.batches import PART_BITS, Batch, write_changes
from framework0.context.persist.calls import ANSWERED, write_calls
from framework0.context.persist.commits import GroupCommit
from framework0.context.persist.following import UNKNOWN, Following
from framework0.context.persist.reading import (
    state_of,
)
from framework0.context.persist.schema import MOVED_ON
from framework0.context.persist.segments import end_segment, forget, give_back
from framework0.context.persist.staging import Staged
from framework0.context.persist.trouble import explained
from framework0.errors import ContextError, HistoryTrimmed, StoreError
from framework0.logs import get_logger
from framework0.workspace import sqlite_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import Final

    from framework0.context.change import Change
    from framework0.context.persist.calls import Call
    from framework0.context.persist.commits import Answer, Ticket
    from framework0.context.persist.retention import Retention
    from framework0.context.persist.texts import Home

    Listener = Callable[[Sequence[Change]], None]

_INSERT: Final = "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

LOOK_SECONDS: Final = 0.25
"""How often a writer makes sure that its file is still the one at its path."""

_VACUUM_PAGES: Final = 4_096
"""Pages given back to the file system at the end of a segment, when very many are free."""

_RETRY_SECONDS: Final = 1.0
"""When the end of a value could not be written, it is tried again after so long."""


class Keeping(Following):
    """One context's file, and how it is written."""

    def __init__(
        self,
        path: Path,
        durability: str,
        retention: Retention,
        segment_changes: int,
        home: Home | None,
    ) -> None:
        self._retention = retention
        self._broken: StoreError | None = None
        self._looked = monotonic()
        self._commits = GroupCommit(self._commit, self._end_segment_if_due)
        super().__init__(path, durability, segment_changes, home, Expiry(self.expire))

    def _commit(self, tickets: Sequence[Ticket]) -> None:
        """Do what all tickets ask for in one commit, and put the answers on them."""
        with self._writing:
            self._require_open()
            with explained(self.path, "write"), self._passing():
                staged, answers = self._stage(tickets)
                if staged.changes or staged.named:
                    self._write(staged.changes, staged.named)
            self._tell(staged.changes)
        for ticket, answer in zip(tickets, answers, strict=True):
            ticket.answers = answer

    def _stage(self, tickets: Sequence[Ticket]) -> tuple[Staged, list[list[Answer]]]:
        if self._counter.value() != self._seen:
            self._catch_up()
        staged = Staged(self._cache, self._calls, time(), self._made_before)
        with self._state:
            over = self._expiry.over()
        staged.expire(over)
        answers: list[list[Answer]] = []
        for ticket in tickets:
            mine: list[Answer] = []
            answers.append(mine)
            for request in ticket.requests:
                if request[5] is not None and not self._calls.read:
                    self._calls.read_all(self._connection, time())
                try:
                    mine.append(staged.answer(request))
                except ContextError as error:
                    mine.append(error)
        return staged, answers

    def _write(self, changes: Sequence[Change], named: Sequence[tuple[str, Call]]) -> None:
        """Make one batch durable, then true in memory. Called within the gate."""
        now = time()
        batch = self._batch(changes, write_calls(named, now))
        self._seen = self._counter.unsettle()
        try:
            self._connection.execute(_INSERT, batch)
        except BaseException as error:
            self._failed(error)
            raise
        if self._calls.read:
            self._calls.add(named, now)
        self._written(batch, changes, len(named), own=True)
        self._seen = self._counter.settle()

    def _write_all(self, groups: Sequence[Sequence[Change]]) -> None:
        """Make several batches durable together, then true in memory. Called within the gate."""
        before = self._number, self._crc
        self._seen = self._counter.unsettle()
        written = []
        try:
            with self._transaction() as connection:
                for changes in groups:
                    batch = self._batch(changes, None)
                    connection.execute(_INSERT, batch)
                    self._number, self._crc = batch.number, batch.crc
                    written.append((batch, changes))
        except BaseException as error:
            self._number, self._crc = before
            self._failed(error)
            raise
        for batch, changes in written:
            self._written(batch, changes, 0, own=False)
        self._seen = self._counter.settle()

    def _batch(self, changes: Sequence[Change], operations: str | None) -> Batch:
        text, large = write_changes(changes, self._chains)
        number = changes[-1].version << PART_BITS if changes else self._number + 1
        moments = [change[10] for change in changes] or [time()]
        batch = Batch(
            number,
            self._number,
            len(changes),
            float(min(moments)),
            float(moments[-1]),
            operations,
            text,
            large,
            0,
        )
        return batch._replace(crc=batch.checksum(self._crc))

    def _written(self, batch: Batch, changes: Sequence[Change], calls: int, *, own: bool) -> None:
        self._number, self._crc = batch.number, batch.crc
        self._growth.add(batch, changes, calls)
        self._take(changes, own=own)

    def _failed(self, error: BaseException) -> None:
        """Find out from the file what is true, now or when it can be read again."""
        self._seen = UNKNOWN
        self._chains.clear()
        with self._state:
            # What was over is still over.
            for key in [key for key, end in self._ends.items() if end <= monotonic()]:
                self._end_later(key, 0.0)
        if isinstance(error, sqlite3.Error) and sqlite_code(error) != sqlite3.SQLITE_IOERR:
            # It is known not to have happened.
            self._counter.settle()
        elif isinstance(error, sqlite3.Error):
            # After a failed sync nobody knows what is on the disk; asking again would lie.
            self._broken = StoreError(
                f"{self.path} could not be written before ({error}), and whether the last commit is "
                "on the disk is not known: open the context again"
            )

    @contextmanager
    def _passing(self) -> Iterator[None]:
        """Pass the gate; what another writer did without it is noticed and taken in."""
        now = monotonic()
        if now - self._looked > LOOK_SECONDS:
            self._looked = now
            self._opened.check_identity()
        try:
            with self._opened.gate:
                yield
        except sqlite3.IntegrityError as error:
            if MOVED_ON not in str(error):
                raise
            raise StoreError(
                f"somebody wrote to {self.path} without passing {self._opened.gate.path}: was that "
                "file removed? Nothing was written; try again"
            ) from error
        except OSError as error:
            raise StoreError(
                f"cannot lock {self._opened.gate.path}: {error.strerror} (errno {error.errno}); open "
                "the context again"
            ) from error

    def _require_open(self) -> None:
        if self._closed:
            raise ContextError("the context is closed: write before close()")
        if self._broken is not None:
            raise self._broken

    def _made_before(self, operation: str, call: Call) -> tuple[Change, ...]:
        """Return the changes of a call that is repeated."""
        if call.since != ANSWERED and call.since >= self._kept_since:
            return tuple(islice(self._changes_after(call.since), call.made))
        answer = answer_to(self._connection, operation, self._home)
        if answer is None:
            raise HistoryTrimmed(call.since, self._kept_since)
        return answer

    # Segments.

    def _end_segment_if_due(self) -> None:
        """End the segment when it is long enough; a failure is told to the log and tried later."""
        if not self._growth.due() or self._closed:
            return
        try:
            self._end_segment(self._retention)
        except (StoreError, ContextError) as error:
            self._growth.postpone()
            get_logger(__name__).warning("no snapshot of %s was written: %s", self.path, error)

    def _end_segment(self, retention: Retention, *, whole: bool = False) -> int:
        """Write a snapshot and forget what is not kept; return how many changes were forgotten."""
        with self._writing:
            self._require_open()
            with explained(self.path, "write"), self._passing():
                if self._counter.value() != self._seen:
                    self._catch_up()
                self._seen = self._counter.unsettle()
                with self._transaction() as connection:
                    forgotten = self._snapshot(connection, retention)
                    kept_since = state_of(connection).kept_since
                with self._state:
                    self._kept_since = kept_since
                    self._cache.forget(kept_since)
                self._seen = self._counter.settle()
                give_back(self._connection, None if whole else _VACUUM_PAGES)
        return forgotten

    def _snapshot(self, connection: sqlite3.Connection, retention: Retention) -> int:
        state = state_of(connection)
        if state.number != self._number:
            raise sqlite3.IntegrityError(MOVED_ON)
        if state.version > state.snapshot:
            cache = self._cache
            size = end_segment(connection, state, self._growth, cache.entries, cache.removed)
            self._growth.begin(state.version, size)
            self._chains.clear()
        return forget(connection, state, retention, time())

    # Values that end by themselves.

    def expire(self) -> float | None:
        """Remove what is over and tell the watchers; return the seconds until the next key ends."""
        if self._is_something_over():
            try:
                self._commit(())
            except (StoreError, ContextError):
                # What is over is not served anyway; its removal is written when that can be.
                return _RETRY_SECONDS
        with self._state:
            return self._expiry.pause()

    def _is_something_over(self) -> bool:
        if self._closed or not self._ends:
            return False
        with self._state:
            return self._expiry.pause() == 0.0
