"""The store that keeps everything in this process: the latest entries, and a bounded past."""

from __future__ import annotations

from collections import deque
from threading import Lock

from framework0.context.change import Change, Entry
from framework0.context.history import rebase, rewind
from framework0.context.limits import (
    CONTEXT_KEYS,
    HISTORY_BYTES,
    HISTORY_CHANGES,
)
from framework0.context.values import weigh
from framework0.errors import ContextError, HistoryTrimmed, VersionConflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from framework0.context.change import Author, Undo, Write

    Listener = Callable[[Sequence[Change]], None]

# Weighing these costs more than it tells.
_SMALL = frozenset({int, float, bool, type(None)})
# What a change weighs beside a large value: the tuple, its numbers, a short text.
_CHANGE_BYTES = 256


class MemoryStore:
    """A :class:`~framework0.context.change.Store` in memory.

    It keeps the latest ``keep_changes`` changes, fewer when their values weigh more than
    ``keep_bytes`` (estimated); the present values are always kept.
    """

    # Reading one entry is one lookup in a dict, atomic by itself: the dict's own method serves.
    get: Callable[[str], Entry | None]

    def __init__(
        self, *, keep_changes: int = HISTORY_CHANGES, keep_bytes: int = HISTORY_BYTES
    ) -> None:
        if keep_changes < 1 or keep_bytes < 1:
            raise ContextError(
                "a context keeps at least one change: keep_changes and keep_bytes ≥ 1"
            )
        self._keep_changes = keep_changes
        self._keep_bytes = keep_bytes
        self._lock = Lock()
        self._entries: dict[str, Entry] = {}
        # The latest removal of each key, as long as that change is kept.
        self._removed_at: dict[str, int] = {}
        self._log: deque[Change] = deque()
        self._bytes = 0
        self._version = 0
        self._kept_since = 0
        self._watchers: tuple[Listener, ...] = ()
        self._closed = False
        self._room = CONTEXT_KEYS
        self.get = self._entries.get

    def version(self) -> int:
        """Return the version of the latest change, 0 when there is none."""
        # Locked: within a transaction the number is already moving.
        with self._lock:
            return self._version

    def kept_since(self) -> int:
        """Return the version from which on every change is kept."""
        with self._lock:
            return self._kept_since

    def keys(self) -> list[str]:
        """Return the present keys."""
        with self._lock:
            return list(self._entries)

    def entries(self) -> dict[str, Entry]:
        """Return all present entries as one consistent picture."""
        with self._lock:
            return self._entries.copy()

    def at(self, version: int) -> dict[str, Any]:
        """Return the values as they were at ``version``: now, minus what happened since."""
        with self._lock:
            if version > self._version:
                raise ContextError(
                    f"version {version} has not happened yet: the latest is {self._version}"
                )
            later = self._after(version)
            entries = self._entries.copy()
        return rewind(entries, later)

    def apply(
        self,
        writes: Sequence[Write],
        author: Author,
        at: float,
        expected: Mapping[str, int] | None = None,
        expected_version: int | None = None,
    ) -> tuple[Change, ...]:
        """Make all ``writes``, in order, or none."""
        with self._lock:
            if self._closed:
                raise ContextError("the context is closed: write before close()")
            if expected or expected_version is not None:
                self._check_expected(expected or {}, expected_version)
            if len(self._entries) + len(writes) > self._room:
                self._check_room(writes)
            made = [
                change
                for write in writes
                if (change := self._apply_one(write, author, at)) is not None
            ]
            if len(self._log) > self._keep_changes or self._bytes > self._keep_bytes:
                self._trim()
            if made:
                for listener in self._watchers:
                    listener(made)
        return tuple(made)

    def changes(self, since: int | None = None, key: str | None = None) -> Iterator[Change]:
        """Iterate over the changes after ``since`` (left out: all kept), oldest first."""
        with self._lock:
            later = list(self._log) if since is None else self._after(since)
        return iter(later) if key is None else (change for change in later if change.key == key)

    def watch(self, listener: Listener, since: int | None = None) -> Undo:
        """Call ``listener`` with the changes to come, those after ``since`` first."""
        with self._lock:
            if since is not None and (missed := self._after(since)):
                listener(missed)
            if self._closed:
                listener(())
            else:
                self._watchers = (*self._watchers, listener)

        def unwatch() -> None:
            with self._lock:
                self._watchers = tuple(other for other in self._watchers if other is not listener)

        return unwatch

    def load(self, changes: Iterable[Change]) -> None:
        """Take over changes that already happened elsewhere, oldest first."""
        with self._lock:
            for change in changes:
                if change.version <= self._version:
                    raise ContextError(
                        f"version {change.version} of {change.key!r} cannot follow version "
                        f"{self._version}: load changes in their order, each once"
                    )
                self._version = change.version
                loaded = rebase(
                    change, self._entries.get(change.key), self._removed_at.get(change.key, 0)
                )
                self._remember(loaded)
                self._trim()
                for listener in self._watchers:
                    listener((loaded,))

    def close(self) -> None:
        """Refuse later writes, tell the watchers and forget them; reading goes on."""
        with self._lock:
            self._closed = True
            watchers, self._watchers = self._watchers, ()
            for listener in watchers:
                listener(())

    def _check_expected(self, expected: Mapping[str, int], expected_version: int | None) -> None:
        if expected_version is not None and expected_version != self._version:
            raise VersionConflict("*", expected_version, self._version)
        for key, version in expected.items():
            entry = self._entries.get(key)
            actual = 0 if entry is None else entry.version
            if actual != version:
                raise VersionConflict(key, version, actual)

    def _check_room(self, writes: Sequence[Write]) -> None:
        """Refuse writes that would lead to too many keys; called only when that is near."""
        present = set(self._entries)
        for write in writes:
            if write.removed:
                present.discard(write.key)
            else:
                present.add(write.key)
        if len(present) > self._room:
            raise ContextError(
                f"the context would hold more than {self._room:,} keys; "
                "store one value with many parts, or a file's path"
            )

    def _apply_one(self, write: Write, author: Author, at: float) -> Change | None:
        key, value, removed = write
        before = self._entries.get(key)
        if before is None:
            if removed:
                return None
            old, existed, previous = None, False, self._removed_at.get(key, 0)
        else:
            existed = True
            old, previous = before
        self._version = version = self._version + 1
        who, run, step, attempt = author
        change = Change(
            version, key, value, removed, old, existed, who, run, step, attempt, at, previous
        )
        self._remember(change)
        return change

    def _remember(self, change: Change) -> None:
        if change.removed:
            self._entries.pop(change.key, None)
            self._removed_at[change.key] = change.version
        else:
            self._entries[change.key] = Entry(change.value, change.version)
        self._log.append(change)
        self._bytes += _bytes_of(change)

    def _trim(self) -> None:
        """Forget the oldest changes beyond the bounds; the latest one always stays."""
        log = self._log
        while len(log) > self._keep_changes or (self._bytes > self._keep_bytes and len(log) > 1):
            dropped = log.popleft()
            self._bytes -= _bytes_of(dropped)
            self._kept_since = dropped.version
            if dropped.removed and self._removed_at[dropped.key] == dropped.version:
                del self._removed_at[dropped.key]

    def _after(self, since: int) -> list[Change]:
        """Return the changes after ``since``, oldest first; walks only as far back as needed."""
        if since < self._kept_since:
            raise HistoryTrimmed(since, self._kept_since)
        later: list[Change] = []
        for change in reversed(self._log):
            if change.version <= since:
                break
            later.append(change)
        later.reverse()
        return later


def _bytes_of(change: Change) -> int:
    value = change.value
    return _CHANGE_BYTES if type(value) in _SMALL else _CHANGE_BYTES + weigh(value)
