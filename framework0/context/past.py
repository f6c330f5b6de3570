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
        self._keys: dict[str, tuple[list[int], list[Entry | None]]] = {}
        self.upto = 0
        self.taken = 0

    def take(self, changes: Iterable[Change]) -> None:
        """Add later changes, oldest first."""
        keys = self._keys
        for change in changes:
            own = keys.get(change.key)
            if own is None:
                # What was there before the first change that is known, at any version before it.
                own = keys[change.key] = ([-1], [entry_before(change)])
            own[0].append(change.version)
            own[1].append(entry_after(change))
            self.upto = change.version
            self.taken += 1

    def entry(self, key: str, version: int, present: Entry | None) -> Entry | None:
        """Return the entry of ``key`` at ``version``, given the ``present`` one."""
        own = self._keys.get(key)
        # Without a change known here it has been what it is for all the time.
        return present if own is None else own[1][bisect_right(own[0], version) - 1]


def entry_after(change: Change) -> Entry | None:
    """Return what the key of ``change`` held once it had happened."""
    return None if change.removed else Entry(change.value, change.version, change.expires)


def entry_before(change: Change) -> Entry | None:
    """Return what the key of ``change`` held until it happened; when that would end is not known."""
    return Entry(change.old, change.previous) if change.existed else None
