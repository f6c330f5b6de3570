"""A new context that begins where another one is, or was."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

from framework0.context.change import Author
from framework0.context.context import Context
from framework0.context.memory import MemoryStore
from framework0.context.snapshot import Snapshot
from framework0.context.versions import story_until
from framework0.errors import ContextError, HistoryTrimmed

if TYPE_CHECKING:
    from framework0.context.change import Entry, Store
    from framework0.context.limits import ValueLimits

# A history that is trimmed while it is read is read again, as often as this.
_TRIES = 100


def forked(
    source: Store, version: int, store: Store | None, who: str, limits: ValueLimits
) -> Context:
    """Return a context in ``store`` that holds what ``source`` held at ``version``.

    Raises ContextError when the store is not empty, and what :meth:`Store.at` raises.
    """
    target = MemoryStore() if store is None else store
    if target.version():
        raise ContextError("a fork needs an empty store of its own; this one has changes already")
    for _ in range(_TRIES):
        try:
            picture = source.at(version)
            since = source.kept_since()
            beginning = _entries_at(source, min(since, version))
            changes = list(source.changes(since))
        except HistoryTrimmed:
            if version < source.kept_since() and version not in source.tags().values():
                raise
            continue
        author = Author(who)
        target.load(story_until(version, since, beginning, changes, author, time()))
        fork = Context(target, who=who, limits=limits)
        fork.origin = Snapshot(version, picture)
        return fork
    raise ContextError("the history was trimmed again and again while it was read; try later")


def _entries_at(source: Store, version: int) -> dict[str, Entry]:
    """Return the entries, with their versions, at ``version``."""
    entries = {key: source.get_at(key, version) for key in source.at(version)}
    return {key: entry for key, entry in entries.items() if entry is not None}
