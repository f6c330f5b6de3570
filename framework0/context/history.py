"""Looking back and forth over changes. Pure: sequences in, pictures and plans out."""

from __future__ import annotations

from framework0.context.change import Entry, Write
from framework0.context.values import same, thaw
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from framework0.context.change import Change


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
            entries[change.key] = Entry(change.value, change.version)
    return entries


def rewind(entries: Mapping[str, Entry], later: Iterable[Change]) -> dict[str, Any]:
    """Return the values before ``later`` (oldest first), given the entries after them."""
    values: dict[str, Any] = {key: entry.value for key, entry in entries.items()}
    seen: set[str] = set()
    for change in later:
        # Only the first later change of a key knows what the key held before all of them.
        if change.key in seen:
            continue
        seen.add(change.key)
        if change.existed:
            values[change.key] = change.old
        else:
            values.pop(change.key, None)
    return values


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
