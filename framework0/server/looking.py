"""Questions about a store that both interfaces ask, each bounded by count and by bytes."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from itertools import islice

from framework0.context import matcher
from framework0.errors import HistoryTrimmed
from framework0.server.values import weight

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from framework0.context import Change, Entry, Store
    from framework0.context.wire import Missed

CHUNK_BYTES: Final = 128 * 1024
"""Changes read at a time for one client: about so many bytes of them, but always one."""

WALKED: Final = 20_000
"""Changes looked through for those of many keys: about a tenth of a second."""


def some_changes(store: Store, since: int | None, key: str | None, most: int) -> list[Change]:
    """Return changes after ``since``, oldest first: at most ``most``, fewer when they are large."""
    found = []
    room = CHUNK_BYTES
    for change in islice(store.changes(since, key), most):
        found.append(change)
        room -= weight(change)
        if room <= 0:
            break
    return found


def missed_changes(store: Store, effect: Missed) -> list[Change]:
    """Return the next changes that a subscription wants and has missed; none: there are no more."""
    matches = matcher(effect.pattern)
    since = effect.since
    while True:
        some = some_changes(store, since, None, effect.limit)
        wanted = [
            change for change in some if matches(change.key) and change.version <= effect.upto
        ]
        if wanted or not some or some[-1].version >= effect.upto:
            return wanted
        since = some[-1].version


def newest_changes(store: Store, key: str, most: int) -> list[Change]:
    """Return the latest kept changes of a key, newest first: at most ``most``, fewer when large."""
    latest: deque[Change] = deque(maxlen=most)
    for change in store.changes(None, key):
        latest.append(change)
    found = []
    room = CHUNK_BYTES
    while latest and room > 0:
        found.append(latest.pop())
        room -= weight(found[-1])
    return found


def changes_that_set(store: Store, entries: Mapping[str, Entry]) -> dict[str, Change]:
    """Return, by key, the changes that made these entries what they are; without those not kept.

    Recent ones are found by one walk, older ones each by its key, which a file has an index for.
    """
    from framework0.context.persist import SQLiteStore

    kept = store.kept_since()
    wanted = {entry.version for entry in entries.values() if entry.version > kept}
    if not wanted:
        return {}
    oldest = min(wanted) - 1
    # In memory a key's changes are found by the same walk; only a file has an index of them.
    if isinstance(store, SQLiteStore):
        oldest = max(oldest, store.version() - WALKED)
    with suppress(HistoryTrimmed):
        found = {c.key: c for c in store.changes(oldest) if c.version in wanted}
        for key, entry in entries.items():
            if kept < entry.version <= oldest:
                found[key] = next(store.changes(entry.version - 1, key))
        return found
    # Kept changes were dropped meanwhile.
    return changes_that_set(store, entries)


def picture(store: Store) -> tuple[int, Mapping[str, Entry]]:
    """Return a version and all entries as they were exactly then, whoever writes meanwhile."""
    version = store.version()
    entries = store.entries()
    later = {change.key for change in store.changes(version)}
    if later:
        entries = dict(entries)
        for key in later:
            entry = store.get_at(key, version)
            if entry is None:
                entries.pop(key, None)
            else:
                entries[key] = entry
    return version, entries
