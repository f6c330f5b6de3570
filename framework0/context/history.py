"""Looking back and forth over changes. Pure: sequences in, pictures and plans out.

:class:`Log` is what a store in memory still knows of, the functions work on what anybody knows.
"""

from __future__ import annotations

from collections import deque

from framework0.context.change import Entry, Write
from framework0.context.values import same, thaw, weigh
from framework0.errors import HistoryTrimmed
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from framework0.context.change import Change
    from framework0.context.past import Past

# Weighing these costs more than it tells.
SMALL = frozenset({int, float, bool, type(None)})
# What a change weighs beside a large value: the tuple, its numbers, a short text.
CHANGE_BYTES = 256


class Diff(NamedTuple):
    """What differs between two pictures; keys sorted. ``changed`` maps to (before, after)."""

    added: dict[str, Any]
    removed: dict[str, Any]
    changed: dict[str, tuple[Any, Any]]

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.removed or self.changed)


class Undoing(NamedTuple):
    """How to take one key back: it must still be at ``last`` for ``write`` to be right."""

    write: Write
    last: int
    removed: bool


def replay(changes: Iterable[Change]) -> dict[str, Entry]:
    """Return the entries that ``changes``, oldest first, lead to from nothing."""
    entries: dict[str, Entry] = {}
    for change in changes:
        if change.removed:
            entries.pop(change.key, None)
        else:
            entries[change.key] = Entry(change.value, change.version, change.expires)
    return entries


def rewind(entries: Mapping[str, Entry], later: Iterable[Change]) -> dict[str, Entry]:
    """Return the entries before ``later`` (oldest first), given those after them.

    Of one that ``later`` replaced it is not known when it would have ended by itself.
    """
    earlier = dict(entries)
    seen: set[str] = set()
    for change in later:
        # Only the first later change of a key knows what the key held before all of them.
        if change.key in seen:
            continue
        seen.add(change.key)
        if change.existed:
            earlier[change.key] = Entry(change.old, change.previous)
        else:
            earlier.pop(change.key, None)
    return earlier


def rebase(change: Change, before: Entry | None, removed_at: int = 0) -> Change:
    """Return ``change`` with what preceded it replaced.

    That is the entry ``before``, or nothing since the removal at version ``removed_at``.
    """
    if before is None:
        return change._replace(old=None, existed=False, previous=removed_at)
    return change._replace(old=before.value, existed=True, previous=before.version)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Diff:
    """Return what must happen to ``before`` to become ``after``. Values are frozen; copies come out."""
    added = {key: thaw(after[key]) for key in sorted(after.keys() - before.keys())}
    removed = {key: thaw(before[key]) for key in sorted(before.keys() - after.keys())}
    changed = {
        key: (thaw(before[key]), thaw(after[key]))
        for key in sorted(before.keys() & after.keys())
        if not same(before[key], after[key])
    }
    return Diff(added, removed, changed)


def writes_towards(target: Mapping[str, Any], present: Mapping[str, Any]) -> list[Write]:
    """Return the writes that make ``present`` equal to ``target``, sorted by key. Values frozen."""
    writes = [Write(key, removed=True) for key in present.keys() - target.keys()]
    writes += [
        Write(key, value)
        for key, value in target.items()
        if key not in present or not same(present[key], value)
    ]
    return sorted(writes, key=lambda write: write.key)


def undoings(own: Sequence[Change]) -> dict[str, Undoing]:
    """Return, by key, how one author's changes (oldest first) are taken back.

    Somebody else may have written a key between two changes of this author: then what that other
    one wrote is what comes back.
    """
    first: dict[str, Change] = {}
    last: dict[str, Change] = {}
    for change in own:
        key = change.key
        latest = last.get(key)
        if latest is None or change.previous != latest.version:
            first[key] = change
        last[key] = change
    return {
        key: Undoing(Write(key, start.old, removed=not start.existed), end.version, end.removed)
        for key, start in first.items()
        for end in (last[key],)
    }


def thawed(change: Change) -> Change:
    """Return ``change`` with copies of its values, for receivers that may change them."""
    value, old = thaw(change.value), thaw(change.old)
    if value is change.value and old is change.old:
        return change
    return change._replace(value=value, old=old)


class Log:
    """The latest ``keep_changes`` changes, fewer when they weigh more than ``keep_bytes``.

    For one thread at a time: the store's lock is held around each call.
    """

    __slots__ = (
        "_keep_bytes",
        "_past",
        "changes",
        "keep_changes",
        "kept_since",
        "kept_since_time",
        "removed_at",
        "weight",
    )

    def __init__(self, keep_changes: int, keep_bytes: int) -> None:
        self.keep_changes = keep_changes
        self._keep_bytes = keep_bytes
        self.changes: deque[Change] = deque()
        # The latest removal of each key, as long as that change is kept.
        self.removed_at: dict[str, int] = {}
        self.weight = 0
        self.kept_since = 0
        self.kept_since_time = 0.0
        self._past: Past | None = None

    def add(self, change: Change) -> None:
        """Take the latest change; the quick path of the store does the same by itself."""
        self.changes.append(change)
        self.weight += weight_of(change)
        if change.removed:
            self.removed_at[change.key] = change.version

    def trim(self) -> None:
        """Forget the oldest changes beyond the bounds; the latest one always stays."""
        changes = self.changes
        weight = self.weight
        surplus = len(changes) - self.keep_changes
        while surplus > 0 or (weight > self._keep_bytes and len(changes) > 1):
            surplus -= 1
            dropped = changes.popleft()
            value = dropped[2]
            weight -= CHANGE_BYTES if type(value) in SMALL else CHANGE_BYTES + weigh(value)
            if dropped[3] and self.removed_at[dropped[1]] == dropped[0]:
                del self.removed_at[dropped[1]]
            self.kept_since, self.kept_since_time = dropped[0], dropped[10]
        self.weight = weight

    def after(self, since: int) -> list[Change]:
        """Return the changes after ``since``, oldest first; walks only as far back as needed."""
        if since < self.kept_since:
            raise HistoryTrimmed(since, self.kept_since)
        later: list[Change] = []
        for change in reversed(self.changes):
            if change.version <= since:
                break
            later.append(change)
        later.reverse()
        return later

    def version_at(self, time: float) -> int:
        """Return the version of the last change made at or before ``time``."""
        for change in reversed(self.changes):
            if change.at <= time:
                version: int = change.version
                return version
        if self.kept_since and time < self.kept_since_time:
            raise HistoryTrimmed(float(time), self.kept_since)
        return self.kept_since

    def past(self) -> Past:
        """Return the changes of each key, up to the latest one."""
        from framework0.context.past import Past

        past = self._past
        # One that holds mostly what was dropped here is made anew.
        if past is None or past.upto < self.kept_since or past.taken > 2 * self.keep_changes:
            past = self._past = Past()
            past.take(self.changes)
        elif self.changes and past.upto < self.changes[-1].version:
            past.take(self.after(past.upto))
        return past


def weight_of(change: Change) -> int:
    """Return about how many bytes ``change`` and its value take."""
    value = change.value
    return CHANGE_BYTES if type(value) in SMALL else CHANGE_BYTES + weigh(value)
