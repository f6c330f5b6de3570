"""The machinery of the store: what is in the file, what of it is in memory, and how they stay one.

Three locks, always taken in this order: ``_writing`` (one thread of this process writes, or takes in
what others wrote), the gate (one process), and ``_state`` (held for the moments in which what is in
memory changes). Readers of the present take none of them.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from itertools import islice
from threading import Lock, RLock
from time import monotonic, time

from framework0.context.persist.answers import answer_to
from framework0.context.persist.batches import PART_BITS, Batch, Chains, write_changes
from framework0.context.persist.cache import Cache
from framework0.context.persist.calls import ANSWERED, Calls, write_calls
from framework0.context.persist.commits import GroupCommit
from framework0.context.persist.database import Opened
from framework0.context.persist.missed import missed_changes
from framework0.context.persist.readers import Looking, Readers
from framework0.context.persist.reading import (
    Overlay,
    batches,
    last_of,
    picture_at,
    replay,
    snapshot_at,
    snapshot_before,
    state_of,
)
from framework0.context.persist.schema import MOVED_ON
from framework0.context.persist.segments import Growth, end_segment, forget, give_back
from framework0.context.persist.snapshot import Picture
from framework0.context.persist.staging import Staged
from framework0.context.persist.trouble import checked, explained, primary_code
from framework0.errors import ContextError, HistoryTrimmed, StoreError
from framework0.logs import get_logger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import Final

    from framework0.context.change import Change
    from framework0.context.expiry import Expiry
    from framework0.context.persist.calls import Call
    from framework0.context.persist.commits import Answer, Ticket
    from framework0.context.persist.reading import State
    from framework0.context.persist.retention import Retention
    from framework0.context.persist.texts import Home
    from framework0.context.persist.watching import Lookout

    Listener = Callable[[Sequence[Change]], None]

_INSERT: Final = "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

LOOK_SECONDS: Final = 0.25
"""How often a writer makes sure that its file is still the one at its path."""

_WARM_CHANGES: Final = 1_000
"""Changes before the latest that are read when a context is opened: who was away asks for those."""

_VACUUM_PAGES: Final = 4_096
"""Pages given back to the file system at the end of a segment, when very many are free."""

_RETRY_SECONDS: Final = 1.0
"""When the end of a value could not be written, it is tried again after so long."""

_UNKNOWN: Final = -1
"""No number of the counter: whoever compares with it looks into the file."""


class Keeping:
    """One context's file and what this process knows of it."""

    def __init__(
        self,
        path: Path,
        durability: str,
        retention: Retention,
        segment_changes: int,
        home: Home | None,
    ) -> None:
        self.path = path
        self._retention = retention
        self._home = home
        self._cache = Cache()
        self._calls = Calls()
        self._chains = Chains()
        self._growth = Growth(segment_changes)
        self._writing = RLock()
        self._state = Lock()
        self._watchers: tuple[Listener, ...] = ()
        self._lookout: Lookout | None = None
        self._expiry: Expiry | None = None
        self._ends: dict[str, float] = {}
        self._closed = False
        self._troubled = False
        self._broken: StoreError | None = None
        self._number = self._crc = self._kept_since = 0
        self._epoch = ""
        self._seen = _UNKNOWN
        self._looked = monotonic()
        self._commits = GroupCommit(self._commit, self._end_segment_if_due)
        self._opened = Opened(path, durability)
        self._counter = self._opened.counter
        self._connection = self._opened.connection
        self._readers = Readers(path)
        try:
            self._catch_up()
        except BaseException:
            self._opened.close()
            raise

    # What is in memory follows what is in the file.

    def _look(self) -> bool:
        """Take in what other processes have committed; costs next to nothing when they have not."""
        if self._counter.value() != self._seen and not self._closed:
            with self._writing:
                # Within a commit of this thread's own, or of the one just waited for, all is known.
                if self._counter.value() != self._seen and not self._closed:
                    self._catch_up()
        return not self._closed

    def _catch_up(self) -> None:
        """Take in what is in the file and not yet in memory. Called with ``_writing`` held."""
        number = self._counter.value()
        with checked(self.path), self._transaction("BEGIN") as connection:
            state = state_of(connection)
            if not self._epoch or state.kept_since > self._cache.version:
                made = self._begin(connection, state)
            else:
                made = self._follow(connection, state)
        self._number, self._crc = state.number, state.crc
        if state.kept_since != self._kept_since:
            with self._state:
                self._kept_since = state.kept_since
                self._cache.forget(state.kept_since)
        # Odd: somebody is about to commit, and nobody can know whether it has happened.
        self._seen = _UNKNOWN if number & 1 else number
        self._tell(made)

    def _begin(self, connection: sqlite3.Connection, state: State) -> list[Change]:
        """Read everything anew; return what watchers have missed."""
        start = snapshot_before(connection, max(0, state.version - _WARM_CHANGES))
        start = max(start, state.kept_since)
        picture = snapshot_at(connection, state, start, self._home)
        before = dict(self._cache.entries) if self._epoch else None
        with self._state:
            self._cache.begin(picture.entries, picture.removed, start)
        self._epoch = state.epoch
        self._growth.begin(*_last_snapshot(connection, state))
        self._calls = Calls()
        picture_before = {} if before is None else dict(picture.entries)
        made = self._read(connection, state, last_of(start), picture)
        if before is None:
            with self._state:
                for key, entry in self._cache.entries.items():
                    if entry.expires is not None:
                        self._end_later(key, entry.expires - time())
            return []
        return missed_changes(before, picture_before, start, made)

    def _follow(self, connection: sqlite3.Connection, state: State) -> list[Change]:
        if state.snapshot > self._growth.snapshot:
            self._growth.begin(*_last_snapshot(connection, state))
            self._chains.clear()
        if state.number == self._number:
            return []
        picture = Picture(Overlay(self._cache.entries), Overlay(self._cache.removed))
        return self._read(connection, state, self._number, picture)

    def _read(
        self, connection: sqlite3.Connection, state: State, after: int, picture: Picture
    ) -> list[Change]:
        changes: list[Change] = []
        since = self._cache.version
        for batch in batches(connection, state, after):
            made = list(replay((batch,), picture, self._home, since))
            changes += made
            calls = self._calls.take(batch.operations)
            if batch.version > state.snapshot:
                self._growth.add(batch, made, calls)
        self._take(changes)
        return changes

    def _take(self, changes: Sequence[Change], *, own: bool = False) -> None:
        with self._state:
            self._cache.take(changes)
            for change in changes:
                if change[12] is not None:
                    # What is written here and now lives for as long as was asked, whatever the time
                    # of day is set to; of what was written elsewhere only that is known.
                    self._end_later(change[1], change[12] - (change[10] if own else time()))
                elif self._ends:
                    self._end_never(change[1])

    def _tell(self, changes: Sequence[Change]) -> None:
        if changes:
            for listener in self._watchers:
                listener(changes)

    # Committing.

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
            over = [] if self._expiry is None else self._expiry.over()
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
        self._seen = _UNKNOWN
        self._chains.clear()
        with self._state:
            # What was over is still over.
            for key in [key for key, end in self._ends.items() if end <= monotonic()]:
                self._end_later(key, 0.0)
        if isinstance(error, sqlite3.Error) and primary_code(error) != sqlite3.SQLITE_IOERR:
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

    @contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """A transaction of the writer's connection, all or nothing."""
        connection = self._connection
        connection.execute(begin)
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

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

    def _changes_after(self, since: int) -> Iterable[Change]:
        """Return the changes after ``since``; raises HistoryTrimmed."""
        with self._state:
            later = self._cache.after(since) if since >= self._kept_since else None
        if later is not None:
            return later

        def look(connection: sqlite3.Connection, state: State) -> Iterator[Change]:
            if since < state.kept_since:
                raise HistoryTrimmed(since, state.kept_since)
            picture = picture_at(connection, state, since, self._home)
            found = batches(connection, state, last_of(since))
            return replay(found, picture, self._home, since)

        return Looking(self._readers, look)

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

    def _end_later(self, key: str, seconds: float) -> None:
        if self._expiry is None:
            from framework0.context.expiry import Expiry

            self._expiry = Expiry(self.expire)
        self._ends[key] = monotonic() + seconds
        self._expiry.later(key, seconds)

    def _end_never(self, key: str) -> None:
        if self._ends.pop(key, None) is not None and self._expiry is not None:
            self._expiry.deadlines.drop(key)

    def expire(self) -> float | None:
        """Remove what is over and tell the watchers; return the seconds until the next key ends."""
        if self._is_something_over():
            try:
                self._commit(())
            except (StoreError, ContextError):
                # What is over is not served anyway; its removal is written when that can be.
                return _RETRY_SECONDS
        with self._state:
            return None if self._expiry is None else self._expiry.pause()

    def _is_something_over(self) -> bool:
        if self._expiry is None or self._closed:
            return False
        with self._state:
            return self._expiry.pause() == 0.0


def _last_snapshot(connection: sqlite3.Connection, state: State) -> tuple[int, int]:
    row = connection.execute(
        "SELECT size FROM snapshots WHERE version = ?", (state.snapshot,)
    ).fetchone()
    return state.snapshot, row[0] if row else 0
