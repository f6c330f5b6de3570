"""What is known here of a context on a server: the entries, and the latest changes.

It only follows: changes come in the server's order, and after a gap the whole picture. Watchers are
told of both; of a picture, what differs, as if each key had been written once.
"""

from __future__ import annotations

from threading import Condition, Lock
from time import monotonic

from framework0.context.change import Change, Entry
from framework0.context.history import Log, rebase
from framework0.context.limits import HISTORY_BYTES, HISTORY_CHANGES
from framework0.context.wire.codec import Malformed
from framework0.context.wire.patching import Patch, patched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from framework0.context.change import Undo

    Listener = Callable[[Sequence[Change]], None]

RESYNC = "resync"
"""Who signs, for watchers, what a picture brought: whoever wrote it is not known here."""


class Replica:
    """Entries and changes, safe for any thread; values past their time are not served."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._moved = Condition(self._lock)
        self._entries: dict[str, Entry] = {}
        self._log = Log(HISTORY_CHANGES, HISTORY_BYTES)
        self._watchers: tuple[Listener, ...] = ()
        # When, by the clock of this machine that is never set back, each key with an end ends.
        self._ends: dict[str, float] = {}
        self._clock_offset = 0.0
        self._known = False
        self._closed = False
        self.version = 0
        self.epoch: str | None = None

    @property
    def known(self) -> bool:
        """Whether the server has ever told what there is."""
        return self._known

    def get(self, key: str) -> Entry | None:
        """Return the entry of ``key``, or None."""
        entry = self._entries.get(key)
        if entry is None or entry[2] is None or monotonic() < self._ends.get(key, 0.0):
            return entry
        return None

    def entries(self) -> dict[str, Entry]:
        """Return all entries as one consistent picture."""
        with self._lock:
            return self._present()

    def picture(self) -> tuple[int, dict[str, Entry]]:
        """Return the version, and the entries there."""
        with self._lock:
            return self.version, self._present()

    def made(self, version: int, count: int) -> list[Change] | None:
        """Return the ``count`` changes up to ``version``, None when they are not known here."""
        with self._lock:
            if version - count < self._log.kept_since or version > self.version:
                return None
            later = self._log.after(version - count)
        return later[:count]

    def watch(self, listener: Listener, missed: Sequence[Change], since: int | None) -> int | None:
        """Begin to tell ``listener``: ``missed`` first, then what is known after them.

        None when that is done; else the version from which on everything is known here: what lies
        between must be fetched first.
        """
        with self._lock:
            if since is not None:
                since = missed[-1].version if missed else since
                if since < self._log.kept_since:
                    return self._log.kept_since
                found = [*missed, *self._log.after(since)]
                if found:
                    listener(found)
            if self._closed:
                listener(())
            else:
                self._watchers = (*self._watchers, listener)
            return None

    def unwatcher(self, listener: Listener) -> Undo:
        """Return what ends a watch."""

        def unwatch() -> None:
            with self._lock:
                self._watchers = tuple(other for other in self._watchers if other is not listener)

        return unwatch

    def close(self) -> None:
        """Tell the watchers that nothing will come any more."""
        with self._lock:
            self._closed = True
            watchers, self._watchers = self._watchers, ()
            for listener in watchers:
                listener(())
            self._moved.notify_all()

    def wait_known(self, seconds: float) -> bool:
        """Wait until the server has told what there is; False if time ran out or it closed."""
        with self._lock:
            self._moved.wait_for(lambda: self._known or self._closed, seconds)
            return self._known

    # What follows is called by the thread that hears the server.

    def set_clock(self, server_now: float, since: float) -> None:
        """Take note of the server's clock, read after our monotonic clock showed ``since``."""
        self._clock_offset = server_now - since

    def take(self, changes: Sequence[Change]) -> None:
        """Let happen here what happened there.

        Raises :class:`~framework0.context.wire.codec.Malformed` when a patch fits nothing known.
        """
        with self._lock:
            happened = [self._take(change) for change in changes if change.version > self.version]
            self._log.trim()
            if happened:
                for listener in self._watchers:
                    listener(happened)

    def resume(self) -> None:
        """Take note that the server goes on where this replica is."""
        with self._lock:
            self._known = True
            self._moved.notify_all()

    def replace(self, version: int, epoch: str, entries: Mapping[str, Entry]) -> None:
        """Put a picture in the place of everything known."""
        with self._lock:
            differs = self._difference(version, epoch, entries) if self._known else []
            self._entries = dict(entries)
            self._ends = {}
            for key, entry in entries.items():
                self._note_end(key, entry.expires)
            self.version, self.epoch = version, epoch
            self._log = Log(HISTORY_CHANGES, HISTORY_BYTES)
            self._log.kept_since = version
            self._known = True
            self._moved.notify_all()
            if differs:
                for listener in self._watchers:
                    listener(differs)

    def _take(self, change: Change) -> Change:
        key = change.key
        before = self._entries.get(key)
        value = change.value
        if isinstance(value, Patch):
            if before is None:
                raise Malformed("malformed", f"the server sent a patch of the absent {key!a:.80}")
            change = change._replace(value=patched(before.value, value.edits))
        change = rebase(change, before, self._log.removed_at.get(key, 0))
        if change.removed:
            self._entries.pop(key, None)
            self._ends.pop(key, None)
        else:
            self._note_end(key, change.expires)
            self._entries[key] = Entry(change.value, change.version, change.expires)
        self._log.add(change)
        self.version = change.version
        return change

    def _note_end(self, key: str, expires: float | None) -> None:
        if expires is not None:
            self._ends[key] = expires - self._clock_offset
        else:
            self._ends.pop(key, None)

    def _present(self) -> dict[str, Entry]:
        if not self._ends:
            return self._entries.copy()
        now = monotonic()
        over = {key for key, end in self._ends.items() if end <= now}
        return {key: entry for key, entry in self._entries.items() if key not in over}

    def _difference(self, version: int, epoch: str, entries: Mapping[str, Entry]) -> list[Change]:
        """Return what leads from what is known to a picture, each key once, in version order."""
        other = epoch != self.epoch
        changes = [
            self._resync(key, entry.version, entry.value, entry.expires)
            for key, entry in entries.items()
            if other or self._entries.get(key) is None or self._entries[key][1] != entry.version
        ]
        changes.sort(key=lambda change: change.version)
        gone: Iterable[str] = self._entries.keys() - entries.keys()
        return changes + [
            self._resync(key, version, None, None, removed=True) for key in sorted(gone)
        ]

    def _resync(
        self,
        key: str,
        version: int,
        value: object,
        expires: float | None,
        *,
        removed: bool = False,
    ) -> Change:
        change = Change(
            version, key, value, removed, None, False, RESYNC, None, None, None, 0.0, 0, expires
        )
        return rebase(change, self._entries.get(key))
