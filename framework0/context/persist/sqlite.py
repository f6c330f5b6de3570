"""The store in a file: durable, shared by processes, with a past that is looked up and not replayed."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from time import monotonic

from framework0.context.change import Request
from framework0.context.persist import lookback
from framework0.context.persist.keeping import Keeping
from framework0.context.persist.loading import in_a_row, rebase_all
from framework0.context.persist.readers import Looking
from framework0.context.persist.reading import check_version, state_of, values_at
from framework0.context.persist.retention import KEEP_BYTES, KEEP_CHANGES, Retention
from framework0.context.persist.segments import SEGMENT_CHANGES, forget_untagged
from framework0.context.persist.trouble import explained
from framework0.context.persist.upkeep import copy_to, verify
from framework0.errors import ContextError, HistoryTrimmed, StoreError
from framework0.logs import get_logger

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any, Final

    from framework0.context.change import Author, Change, Entry, Undo, Write
    from framework0.context.persist.following import Listener
    from framework0.context.persist.reading import State
    from framework0.context.persist.texts import Home

_LOADED_AT_ONCE: Final = 10_000
"""Changes from elsewhere that become durable together."""

_TOLD_AT_ONCE: Final = 1_000
"""Old changes handed to a new watcher in one call."""


class SQLiteStore(Keeping):
    """A :class:`~framework0.context.change.Store` in the file at ``path``; created when missing.

    Any number of processes may have it open at once: each sees its own writes at once, and what
    others have committed with its next read. ``durability`` is ``full`` (what is acknowledged survives
    a power cut) or ``normal`` (it survives any kill, not a power cut).

    Of the past at least ``keep_changes`` changes are kept, fewer when they are older than
    ``keep_seconds`` or weigh more than ``keep_bytes`` on the disk; None is no bound. The past ends at a
    snapshot, and one is made about every ``segment_changes`` changes. ``home`` returns where references
    to artifacts load their values.

    Every call may raise :class:`~framework0.errors.StoreError` or one of its kinds; nothing is
    overwritten then.
    """

    def __init__(
        self,
        path: Path,
        *,
        durability: str = "full",
        keep_changes: int | None = KEEP_CHANGES,
        keep_seconds: float | None = None,
        keep_bytes: int | None = KEEP_BYTES,
        segment_changes: int = SEGMENT_CHANGES,
        home: Home | None = None,
    ) -> None:
        retention = Retention(keep_changes, keep_seconds, keep_bytes).check()
        super().__init__(path, durability, retention, segment_changes, home)

    def version(self) -> int:
        """Return the version of the latest change, 0 when there is none."""
        self._present()
        return self._cache.version

    def kept_since(self) -> int:
        """Return the version from which on every change is kept."""
        self._look()
        return self._kept_since

    def get(self, key: str, /) -> Entry | None:
        """Return the latest entry of ``key``, or None."""
        if self._counter.value() != self._seen:
            self._look()
        entry = self._cache.entries.get(key)
        if entry is None or entry[2] is None:
            return entry
        end = self._ends.get(key)
        if end is not None and end <= monotonic():
            self.expire()
            present = self._cache.entries.get(key)
            return None if present is entry else present
        return entry

    def keys(self) -> list[str]:
        """Return the present keys."""
        self._present()
        with self._state:
            keys = [*self._cache.entries]
            over = self._over()
        return [key for key in keys if key not in over] if over else keys

    def entries(self) -> dict[str, Entry]:
        """Return all present entries as one consistent picture."""
        self._present()
        with self._state:
            entries = self._cache.entries.copy()
            for key in self._over():
                entries.pop(key, None)
            return entries

    def at(self, version: int) -> dict[str, Any]:
        """Return the values as they were at ``version``."""
        self._look()
        with self._state:
            self._check_happened(version)
            entries = self._cache.at(version) if version >= self._kept_since else None
        if entries is not None:
            return {key: entry[0] for key, entry in entries.items()}
        with self._readers.look() as (connection, state):
            check_version(connection, state, version)
            return values_at(connection, state, version, self._home)

    def get_at(self, key: str, version: int) -> Entry | None:
        """Return the entry of ``key`` as it was at ``version``, or None."""
        self._look()
        with self._state:
            self._check_happened(version)
            if version >= max(self._cache.since, self._kept_since):
                return self._cache.entry_at(key, version)
        with self._readers.look() as (connection, state):
            return lookback.entry_at(connection, state, key, version, self._home)

    def version_at(self, time: float) -> int:
        """Return the version of the last change made at or before ``time`` (epoch seconds)."""
        self._present()
        with self._state:
            version = self._cache.latest_until(time, self._kept_since)
        if version is not None:
            return version
        with self._readers.look() as (connection, state):
            return lookback.version_at(connection, state, time)

    def apply(
        self,
        writes: Sequence[Write],
        author: Author,
        at: float,
        expected: Mapping[str, int] | None = None,
        expected_version: int | None = None,
        operation: str | None = None,
    ) -> tuple[Change, ...]:
        """Make all ``writes``, in order, or none; durable, together with what others ask meanwhile."""
        request = Request(writes, author, at, expected, expected_version, operation)
        (answer,) = self._commits.submit((request,))
        if isinstance(answer, ContextError):
            raise answer
        return answer

    def apply_all(self, requests: Sequence[Request]) -> list[tuple[Change, ...] | ContextError]:
        """Do what each request asks, in order, each wholly or not at all, in one durable commit."""
        return self._commits.submit(requests)

    def tag(self, name: str, version: int, *, move: bool = False) -> None:
        """Name ``version``; its picture is then always kept."""
        from framework0.context.tags import check_new_tag

        with self._changing() as (connection, state):
            check_new_tag(_tags(connection), name, version, move=move)
            check_version(connection, state, version)
            connection.execute("INSERT OR REPLACE INTO tags VALUES (?, ?)", (name, version))
            forget_untagged(connection, state.kept_since)

    def untag(self, name: str) -> bool:
        """Forget the name; False when there is none such."""
        with self._changing() as (connection, state):
            found = connection.execute("DELETE FROM tags WHERE name = ?", (name,)).rowcount
            forget_untagged(connection, state.kept_since)
        return bool(found)

    def tags(self) -> dict[str, int]:
        """Return the names and the versions they stand for, sorted by name."""
        with self._readers.look() as (connection, _):
            return _tags(connection)

    def epoch(self) -> str:
        """Return the random name of this history."""
        return self._epoch

    def changes(self, since: int | None = None, key: str | None = None) -> Iterator[Change]:
        """Iterate over the changes after ``since`` (left out: all kept), oldest first.

        What is iterated over is what had happened when this was called, also while old changes are
        being removed.
        """
        self._present()
        start = self._kept_since if since is None else since
        if key is None:
            return iter(self._changes_after(start))
        with self._state:
            later = self._cache.after(start) if start >= self._kept_since else None
        if later is not None:
            return (change for change in later if change[1] == key)

        def look(connection: sqlite3.Connection, state: State) -> Iterator[Change]:
            if start < state.kept_since:
                raise HistoryTrimmed(start, state.kept_since)
            return lookback.changes_of(connection, state, key, start, self._home)

        return Looking(self._readers, look)

    def watch(self, listener: Listener, since: int | None = None) -> Undo:
        """Call ``listener`` with the changes to come, those after ``since`` first.

        What other processes commit is noticed within some hundredths of a second.
        """
        with self._writing:
            self._look()
            if since is not None:
                missed: list[Change] = []
                for change in self._changes_after(since):
                    missed.append(change)
                    if len(missed) == _TOLD_AT_ONCE:
                        listener(missed)
                        missed = []
                if missed:
                    listener(missed)
            if self._closed:
                listener(())
                return partial(self._unwatch, listener)
            self._watchers = (*self._watchers, listener)
            if self._lookout is None:
                from framework0.context.persist.watching import Lookout

                self._lookout = Lookout(self._look_out)
        return partial(self._unwatch, listener)

    def load(self, changes: Iterable[Change]) -> None:
        """Take over changes that already happened elsewhere, oldest first."""
        with self._writing:
            self._require_open()
            waiting: list[Change] = []
            for change in changes:
                waiting.append(change)
                if len(waiting) == _LOADED_AT_ONCE:
                    self._load(waiting)
                    waiting = []
            if waiting:
                self._load(waiting)

    def close(self) -> None:
        """Refuse later writes, tell the watchers and forget them; reading goes on."""
        with self._writing:
            if self._closed:
                return
            self._closed = True
            self._expiry.stop()
            watchers, self._watchers = self._watchers, ()
            for listener in watchers:
                listener(())
            self._readers.close()
            with explained(self.path, "close"):
                self._opened.close()
            self._counter.close()

    def compact(
        self,
        *,
        keep_changes: int | None = None,
        keep_seconds: float | None = None,
        keep_bytes: int | None = None,
    ) -> int:
        """Forget what is beyond these bounds now, and give the space back; return how many changes.

        Without bounds, those of the store hold. Readers in the middle of their reading go on seeing
        what they began with.
        """
        asked = Retention(keep_changes, keep_seconds, keep_bytes).check()
        own = all(bound is None for bound in asked)
        return self._end_segment(self._retention if own else asked, whole=True)

    def verify(self) -> int:
        """Check every row against its checksum, and everything that is kept twice against itself.

        Returns the number of changes; raises :class:`~framework0.errors.StoreCorrupt` naming the place.
        """
        with self._readers.look() as (connection, state):
            return verify(connection, state)

    def backup(self, target: Path) -> int:
        """Write a copy of the file as it is now to ``target``, which must not exist.

        It holds the same history, tags and ids of calls, under an epoch of its own.
        Writers are not kept from writing. Returns the version that is in the copy.
        """
        with self._readers.look() as (connection, state), explained(target, "write"):
            copy_to(connection, target)
            return state.version

    # What the calls above are made of.

    def _present(self) -> None:
        """Make what is in memory the present: others' commits, and the end of what is over."""
        if self._counter.value() != self._seen:
            self._look()
        if self._ends and self._is_something_over():
            self.expire()

    def _over(self) -> Collection[str]:
        """Return the keys whose time is over, but whose removal is just being written, or cannot be."""
        if not self._ends:
            return ()
        now = monotonic()
        return {key for key, end in self._ends.items() if end <= now}

    def _check_happened(self, version: int) -> None:
        if version > self._cache.version:
            raise ContextError(
                f"version {version} has not happened yet: the latest is {self._cache.version}"
            )

    @contextmanager
    def _changing(self) -> Iterator[tuple[sqlite3.Connection, State]]:
        """A transaction for what is no change of a key."""
        with self._writing:
            self._require_open()
            with (
                explained(self.path, "write"),
                self._passing(),
                self._transaction() as connection,
            ):
                yield connection, state_of(connection)

    def _look_out(self) -> bool:
        """Take in what others did, for the watchers; False when nobody watches any more."""
        if self._counter.value() == self._seen and self._watchers and not self._closed:
            # Nobody else has written: no writer of ours has to be waited for to know that.
            return True
        with self._writing:
            if self._closed or not self._watchers:
                self._lookout = None
                return False
        try:
            self._look()
        except StoreError as error:
            if not self._troubled:
                get_logger(__name__).warning("%s cannot be watched now: %s", self.path, error)
            self._troubled = True
        else:
            self._troubled = False
        return True

    def _unwatch(self, listener: Listener) -> None:
        with self._writing:
            self._watchers = tuple(other for other in self._watchers if other is not listener)

    def _load(self, changes: Sequence[Change]) -> None:
        """Make what happened elsewhere durable here, in one transaction."""
        with explained(self.path, "write"), self._passing():
            if self._counter.value() != self._seen:
                self._catch_up()
            rebased = rebase_all(changes, self._cache)
            groups = in_a_row(rebased)
            self._write_all(groups)
        self._tell(rebased)
        self._end_segment_if_due()


def _tags(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT name, version FROM tags ORDER BY name"))
