"""What is in memory follows what is in the file, whoever wrote it.

Three locks, always taken in this order: ``_writing`` (one thread of this process writes, or takes in
what others wrote), the gate (one process), and ``_state`` (held for the moments in which what is in
memory changes). Readers of the present take none of them.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock, RLock
from time import monotonic, time

from framework0.context.persist.batches import Chains
from framework0.context.persist.cache import Cache
from framework0.context.persist.calls import Calls
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
from framework0.context.persist.segments import Growth
from framework0.context.persist.snapshot import Picture
from framework0.context.persist.trouble import checked
from framework0.errors import HistoryTrimmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import Final

    from framework0.context.change import Change
    from framework0.context.expiry import Expiry
    from framework0.context.persist.reading import State
    from framework0.context.persist.texts import Home
    from framework0.context.persist.watching import Lookout

    Listener = Callable[[Sequence[Change]], None]

_WARM_CHANGES: Final = 1_000
"""Changes before the latest that are read when a context is opened: who was away asks for those."""

UNKNOWN: Final = -1
"""No number of the counter: whoever compares with it looks into the file."""


class Following:
    """One context's file, and what this process knows of it."""

    def __init__(
        self,
        path: Path,
        durability: str,
        segment_changes: int,
        home: Home | None,
        expiry: Expiry,
    ) -> None:
        self.path = path
        self._home = home
        self._cache = Cache()
        self._calls = Calls()
        self._chains = Chains()
        self._growth = Growth(segment_changes)
        self._writing = RLock()
        self._state = Lock()
        self._watchers: tuple[Listener, ...] = ()
        self._lookout: Lookout | None = None
        self._expiry = expiry
        self._ends: dict[str, float] = {}
        self._closed = False
        self._troubled = False
        self._number = self._crc = self._kept_since = 0
        self._epoch = ""
        self._seen = UNKNOWN
        self._opened = Opened(path, durability)
        self._counter = self._opened.counter
        self._connection = self._opened.connection
        self._readers = Readers(path)
        try:
            self._catch_up()
        except BaseException:
            self._opened.close()
            raise

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
        self._seen = UNKNOWN if number & 1 else number
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

    def _end_later(self, key: str, seconds: float) -> None:
        self._ends[key] = monotonic() + seconds
        self._expiry.later(key, seconds)

    def _end_never(self, key: str) -> None:
        if self._ends.pop(key, None) is not None:
            self._expiry.deadlines.drop(key)


def _last_snapshot(connection: sqlite3.Connection, state: State) -> tuple[int, int]:
    row = connection.execute(
        "SELECT size FROM snapshots WHERE version = ?", (state.snapshot,)
    ).fetchone()
    return state.snapshot, row[0] if row else 0
