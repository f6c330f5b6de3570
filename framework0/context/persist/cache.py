"""What a store has in memory: the present, and the latest changes, from which the near past follows.

Reading the present is one lookup in a dict. Only changes that are durable get here. Each change knows
what it replaced and at which version that was set, so what a key held is found by walking from its
present entry back along its own changes.
"""

from __future__ import annotations

from bisect import bisect_right

from framework0.context.change import Entry
from framework0.context.history import rewind
from framework0.context.limits import HISTORY_BYTES
from framework0.context.values import weigh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from framework0.context.change import Change

RECENT_CHANGES: Final = 16_384
"""Changes held in memory at least, if they are not too heavy: what a client misses in a minute away."""

_CHANGE_BYTES: Final = 256
_SMALL: Final = frozenset({int, float, bool, type(None)})


class Cache:
    """The present and the latest changes of one store; its owner sees to the locking."""

    def __init__(self, keep: int = RECENT_CHANGES, keep_bytes: int = HISTORY_BYTES) -> None:
        self._keep = keep
        self._keep_bytes = keep_bytes
        self.entries: dict[str, Entry] = {}
        # The latest removal of each key that is absent.
        self.removed: dict[str, int] = {}
        self.version = 0
        # All changes after this version are in ``recent``, oldest first.
        self.since = 0
        self.recent: list[Change] = []
        self._bytes = 0

    def begin(self, entries: dict[str, Entry], removed: dict[str, int], version: int) -> None:
        """Begin anew with the picture at ``version`` and no changes."""
        # The same dict goes on to be read by those who have it.
        self.entries.clear()
        self.entries.update(entries)
        self.removed = removed
        self.version = self.since = version
        self.recent = []
        self._bytes = 0

    def take(self, changes: Iterable[Change]) -> None:
        """Take in what has happened."""
        entries, removed, recent = self.entries, self.removed, self.recent
        new, weight = tuple.__new__, self._bytes
        for change in changes:
            version, key, value, gone = change[:4]
            if gone:
                entries.pop(key, None)
                removed[key] = version
            else:
                if removed:
                    removed.pop(key, None)
                entries[key] = new(Entry, (value, version, change[12]))
            recent.append(change)
            weight += _CHANGE_BYTES if type(value) in _SMALL else _CHANGE_BYTES + weigh(value)
        self._bytes = weight
        if recent:
            # At the end, and at once: whoever asks without a lock must not be told the middle of a commit.
            self.version = recent[-1][0]
        if len(recent) > 2 * self._keep or weight > 2 * self._keep_bytes:
            self._drop()

    def forget(self, kept_since: int) -> None:
        """Forget removals that are no longer kept."""
        if self.removed:
            self.removed = {key: at for key, at in self.removed.items() if at > kept_since}

    def after(self, since: int) -> list[Change] | None:
        """Return the changes after ``since``, None when some of them are not here any more."""
        if since < self.since:
            return None
        return self.recent[self._position(since) :]

    def at(self, version: int) -> dict[str, Entry] | None:
        """Return the entries at ``version``, None when that is too long ago to be known here."""
        later = self.after(version)
        if later is None:
            return None
        return rewind(self.entries, later) if later else self.entries.copy()

    def entry_at(self, key: str, version: int) -> Entry | None:
        """Return the entry of ``key`` at ``version``, which must not be before ``since``."""
        entry = self.entries.get(key)
        latest = self.removed.get(key, 0) if entry is None else entry[1]
        while latest > version:
            change = self.recent[self._position(latest) - 1]
            latest = change[11]
            entry = Entry(change[4], latest) if change[5] else None
        if entry is not None and latest > self.since:
            # Only the change itself knows when what it set would have ended.
            entry = entry._replace(expires=self.recent[self._position(latest) - 1][12])
        return entry

    def latest_until(self, time: float, kept_since: int) -> int | None:
        """Return the last version made at or before ``time``, None when it is not after both ends."""
        for number in range(len(self.recent) - 1, -1, -1):
            version, at = self.recent[number].version, self.recent[number].at
            if version <= kept_since:
                return None
            if at <= time:
                return version
        return None

    def _position(self, version: int) -> int:
        """Return how many of the changes are up to ``version``."""
        recent = self.recent
        guess = version - self.since
        if guess <= 0:
            return 0
        # Versions follow one another, but for those that were loaded from elsewhere.
        if guess <= len(recent) and recent[guess - 1][0] == version:
            return guess
        return bisect_right(recent, version, key=lambda change: change[0])

    def _drop(self) -> None:
        """Drop the oldest half, or more if what is left is too heavy."""
        recent = self.recent
        start = max(0, len(recent) - self._keep)
        weight = sum(map(_weight, recent[start:]))
        while weight > self._keep_bytes and start < len(recent) - 1:
            weight -= _weight(recent[start])
            start += 1
        self.since = recent[start - 1][0] if start else self.since
        self.recent = recent[start:]
        self._bytes = weight


def _weight(change: Change) -> int:
    value = change[2]
    return _CHANGE_BYTES if type(value) in _SMALL else _CHANGE_BYTES + weigh(value)
