"""What one subscription of an asynchronous client has shown, and what it must still show. Pure.

After a cut it goes on behind the last change it has. When its reader is so slow that too much would
wait, nothing more is kept: the rest is asked for again, from the server's log, once it has read on.
"""

from __future__ import annotations

from collections import deque

from framework0.context.change import Change
from framework0.context.patterns import matcher
from framework0.context.remote.replica import RESYNC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.context.change import Entry
    from framework0.context.wire.client import Answer, Happened, Part

# Changes that wait for one reader; what is more is asked for again later.
MOST_WAITING = 10_000


class Watched:
    """The state of one subscription: ``since`` and ``epoch`` are where it goes on after a cut."""

    def __init__(self, pattern: str, since: int | None, epoch: str | None) -> None:
        self.pattern = pattern
        self.since = since
        self.epoch = epoch
        # The id under which it stands on the present connection, None while it does not.
        self.id: int | None = None
        self.lagging = False
        self.waiting: deque[Change] = deque()
        self._matches = matcher(pattern)
        self._begun = False
        self._versions: dict[str, int] = {}
        self._parts: dict[str, Entry] = {}

    def fields(self) -> dict[str, object]:
        """Return what to ask the server for."""
        known = self.since is not None and self.epoch is not None
        return {
            "pattern": self.pattern,
            "since": self.since if known else None,
            "epoch": self.epoch if known else None,
        }

    def begin(self, answer: Answer) -> None:
        """Take the answer to ``subscribe``."""
        self._begun = True
        self.lagging = False
        self._parts = {}
        if answer.fields.get("resume") == "live":
            self.epoch = answer.fields.get("epoch")
            self.since = answer.fields.get("version")

    def cut(self) -> None:
        """Take note that the connection is gone."""
        self._begun = False
        self.id = None

    def happened(self, event: Happened) -> None:
        """Take changes, those of all subscriptions or of this one."""
        if not self._begun or self.lagging or event.subscription not in {None, self.id}:
            return
        for change in event.changes:
            if self.since is not None and change.version <= self.since:
                continue
            if event.subscription is None and not self._matches(change.key):
                continue
            if len(self.waiting) >= MOST_WAITING:
                self.lagging = True
                return
            self._put(change)

    def pictured(self, part: Part) -> None:
        """Take a part of a snapshot: what differs comes as changes by ``resync``."""
        if part.subscription != self.id or self.id is None:
            return
        self._parts.update(part.entries)
        if part.more:
            return
        parts, self._parts = self._parts, {}
        differs = [
            _resync(entry.version, key, entry)
            for key, entry in parts.items()
            if part.epoch != self.epoch or self._versions.get(key) != entry.version
        ]
        gone = [_resync(part.version, key, None) for key in self._versions if key not in parts]
        # A picture comes at once or not at all, however much waits: it bounds what comes after it.
        for change in sorted(differs + gone, key=lambda change: change.version):
            self._put(change)
        self.since, self.epoch = part.version, part.epoch

    def _put(self, change: Change) -> None:
        self.waiting.append(change)
        self.since = change.version
        if change.removed:
            self._versions.pop(change.key, None)
        else:
            self._versions[change.key] = change.version


def _resync(version: int, key: str, entry: Entry | None) -> Change:
    value, expires = (None, None) if entry is None else (entry.value, entry.expires)
    return Change(
        version, key, value, entry is None, None, False, RESYNC, None, None, None, 0.0, 0, expires
    )
