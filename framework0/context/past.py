"""What one key held at a version, found by bisecting its own changes. Pure.

Built when somebody looks back for the first time, and brought up to date when somebody looks
again: whoever only writes pays nothing for it.
"""

from __future__ import annotations

from bisect import bisect_right

from framework0.context.change import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from framework0.context.change import Change


class Past:
    """The changes of each key in their order; ``upto`` is the latest version it knows of."""

    __slots__ = ("_keys", "taken", "upto")

    def __init__(self) -> None:
        self._keys: dict[str, tuple[list[int], list[Change]]] = {}
        self.upto = 0
        self.taken = 0

    def take(self, changes: Iterable[Change]) -> None:
        """Add later changes, oldest first."""
        keys = self._keys
        for change in changes:
            own = keys.get(change[1])
            if own is None:
                own = keys[change[1]] = ([], [])
            own[0].append(change[0])
            own[1].append(change)
            self.upto = change[0]
            self.taken += 1

    def entry(self, key: str, version: int, present: Entry | None) -> Entry | None:
        """Return the entry of ``key`` at ``version``, given the ``present`` one."""
        own = self._keys.get(key)
        if own is None:
            # It has not changed since before the first change known here.
            return present
        versions, changes = own
        position = bisect_right(versions, version)
        if position:
            return entry_after(changes[position - 1])
        return entry_before(changes[0])


def entry_after(change: Change) -> Entry | None:
    """Return what the key of ``change`` held once it had happened."""
    return None if change.removed else Entry(change.value, change.version, change.expires)


def entry_before(change: Change) -> Entry | None:
    """Return what the key of ``change`` held until it happened; when that would end is not known."""
    return Entry(change.old, change.previous) if change.existed else None
