"""One server's copy of a context that lives in a shared log.

Nothing happens in it by itself: it takes over what the log says, in the log's order. What a call
would do is tried out beside it (:class:`Trial`), so that nobody reads what no majority has accepted.
"""

from __future__ import annotations

from collections import deque
from time import time

from framework0.context.admission import check_expected, check_room, check_times
from framework0.context.change import EXPIRY, Author, Change, Entry, Write
from framework0.context.history import Log, rewind
from framework0.context.limits import CONTEXT_KEYS, OPERATIONS
from framework0.context.memory import MemoryStore
from framework0.context.operations import Operations, check_operation, fingerprint
from framework0.context.replicated.facts import FORMAT, Done, change_row, pack, row_change, unpack
from framework0.errors import HistoryTrimmed, OperationReused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from framework0.context.change import Request
    from framework0.context.replicated.facts import Facts


class Replica(MemoryStore):
    """A store in memory that only follows. Values past their time are not served, and stay in it."""

    def __init__(self, **bounds: Any) -> None:
        super().__init__(**bounds)
        self._done: deque[Done] = deque(maxlen=OPERATIONS)

    def get(self, key: str, /) -> Entry | None:
        """Return the entry of ``key`` unless its time is over, or None."""
        entry = self._entries.get(key)
        if entry is None or entry.expires is None or time() < entry.expires:
            return entry
        return None

    def keys(self) -> list[str]:
        """Return the keys whose time is not over."""
        return list(self.entries())

    def entries(self) -> dict[str, Entry]:
        """Return all entries whose time is not over, as one consistent picture."""
        now = time()
        return {
            key: entry
            for key, entry in super().entries().items()
            if entry.expires is None or now < entry.expires
        }

    def standing(self, key: str) -> Entry | None:
        """Return the entry of ``key`` until the log says that it ended, whatever the time."""
        return self._entries.get(key)

    def standing_all(self) -> Mapping[str, Entry]:
        """Return all entries as the log has them; to look at while nobody else changes them."""
        return self._entries

    def take_over(self, facts: Facts) -> None:
        """Let happen here what a record of the log says."""
        self.load(facts.changes)
        with self._lock:
            if facts.epoch:
                self._epoch = facts.epoch
            if facts.done:
                self._remember_done(facts.done)
        if facts.tagging is not None:
            name, version = facts.tagging
            if version is not None:
                self.tag(name, version, move=True)
            else:
                self.untag(name)

    def known(self, request: Request) -> tuple[Change, ...] | None:
        """Return what this call made when it came before; raises OperationReused."""
        if request.operation is None:
            return None
        check_operation(request.operation)
        asked = fingerprint(request.writes, request.expected, request.expected_version)
        with self._lock:
            if self._operations is None:
                return None
            return self._operations.answer(request.operation, asked, self._clock())

    def removed_at(self, key: str) -> int:
        """Return the version at which ``key`` was removed last, 0 when that is not known."""
        return self._log.removed_at.get(key, 0)

    def saved(self) -> bytes:
        """Return everything that another replica needs to go on from here."""
        with self._lock:
            tags = {} if self._tags is None else self._tags.versions()
            pictures = {
                version: _entry_rows(self._picture(version)) for version in set(tags.values())
            }
            parts = {
                "format": FORMAT,
                "epoch": self._epoch,
                "kept_since": self._log.kept_since,
                "kept_since_time": self._log.kept_since_time,
                # As they were before the changes that are kept, which then lead to the present ones.
                "entries": _entry_rows(rewind(self._entries, self._log.changes)),
                "changes": [change_row(change) for change in self._log.changes],
                "done": [[d.operation, d.asked.hex(), d.first, d.made] for d in self._done],
                "tags": tags,
                "pictures": pictures,
            }
        return pack(parts)

    def restore(self, data: bytes) -> None:
        """Become what :meth:`saved` returned; for a replica that nobody watches yet."""
        parts = unpack(data)
        with self._lock:
            self._entries = {
                key: Entry(value, version, expires)
                for key, value, version, expires in parts["entries"]
            }
            self._log = Log(self._log.keep_changes, self._keep_bytes)
            self._log.kept_since_time = parts["kept_since_time"]
            self._version = self._log.kept_since = parts["kept_since"]
            self._tags = self._operations = None
            self._epoch = parts["epoch"]
            self._done.clear()
        self.load(map(row_change, parts["changes"]))
        with self._lock:
            self._remember_done(
                Done(operation, bytes.fromhex(asked), first, made)
                for operation, asked, first, made in parts["done"]
            )
            for name, version in parts["tags"].items():
                picture = {
                    key: Entry(value, at, expires)
                    for key, value, at, expires in parts["pictures"][str(version)]
                }
                self._known_tags().put(name, version, picture)

    def jump(self, data: bytes) -> None:
        """Become what :meth:`saved` returned elsewhere, later than this.

        Watchers are told of what happened in between; when that is no longer known they are told
        that there is no more to come, as at :meth:`close`.
        """
        with self._lock:
            before, watchers, self._watchers = self._version, self._watchers, ()
        self.restore(data)
        with self._lock:
            try:
                missed = self._log.after(before)
            except HistoryTrimmed:
                missed = []
            for listener in watchers:
                listener(missed)
            if missed:
                self._watchers = watchers + self._watchers

    def _remember_done(self, done: Iterable[Done]) -> None:
        """Remember calls whose changes have just been loaded. The lock is held."""
        if self._operations is None:
            self._operations = Operations()
        now = self._clock()
        for each in done:
            # What a call made may be forgotten before the call is: it then is a new one.
            if each.made == 0 or each.first > self._log.kept_since:
                made = self._log.after(each.first - 1)[: each.made] if each.made else ()
                self._operations.remember(each.operation, each.asked, tuple(made), now)
                self._done.append(each)

    def _end_later(self, key: str, seconds: float) -> None:
        """Nothing ends here by itself: its end is a record of the log."""


class Trial:
    """What calls would make of a replica, one after another, while the replica stays as it is."""

    def __init__(self, replica: Replica, now: float) -> None:
        """Try out calls at ``now`` (epoch seconds): values whose time is over then have ended."""
        self._replica = replica
        self._now = now
        self._entries: dict[str, Entry | None] = {}
        self._removed_at: dict[str, int] = {}
        self._started: dict[str, tuple[bytes, tuple[Change, ...]]] = {}
        self._count = len(replica.standing_all())
        self.version = replica.version()
        self.changes: list[Change] = []
        self.done: list[Done] = []
        # Calls whose answers stand in the log already: whatever comes, they are so.
        self.repeated: list[Request] = []

    def make(self, request: Request) -> tuple[Change, ...]:
        """Return the changes that ``request`` leads to; raises what :meth:`Store.apply` would."""
        known = self._replica.known(request)
        if known is not None:
            self.repeated.append(request)
            return known
        known = self._known(request)
        if known is not None:
            return known
        self._check(request)
        made = []
        for write in request.writes:
            before = self.look(write.key)
            if before is not None or not write.removed:
                made.append(self._change(write, before, request.author, request.at))
        if request.operation is not None:
            asked = fingerprint(request.writes, request.expected, request.expected_version)
            first = made[0].version if made else 0
            self.done.append(Done(request.operation, asked, first, len(made)))
            self._started[request.operation] = (asked, tuple(made))
        return tuple(made)

    def _known(self, request: Request) -> tuple[Change, ...] | None:
        started = self._started.get(request.operation or "")
        if started is None:
            return None
        asked, made = started
        if asked != fingerprint(request.writes, request.expected, request.expected_version):
            raise OperationReused(str(request.operation))
        return made

    def _check(self, request: Request) -> None:
        expected = request.expected or {}
        # What has ended must not come between the changes of one call.
        for write in request.writes:
            self.look(write.key)
        found = {key: entry for key in expected if (entry := self.look(key)) is not None}
        check_expected(found, self.version, expected, request.expected_version)
        check_times(request.writes)
        if self._count + len(request.writes) > CONTEXT_KEYS:
            check_room(self._everything(), request.writes, CONTEXT_KEYS)

    def _everything(self) -> dict[str, Entry]:
        entries = {**self._replica.standing_all(), **self._entries}
        return {key: entry for key, entry in entries.items() if entry is not None}

    def look(self, key: str) -> Entry | None:
        """Return the entry of ``key``; one whose time is over is removed first, by a change of its own."""
        entry = self._entries[key] if key in self._entries else self._replica.standing(key)
        if entry is None or entry.expires is None or self._now < entry.expires:
            return entry
        self._change(Write(key, removed=True), entry, Author(EXPIRY), self._now)
        return None

    def _change(self, write: Write, before: Entry | None, author: Author, at: float) -> Change:
        key, value, removed, ttl = write
        self.version += 1
        expires = None if ttl is None or removed else at + ttl
        if before is None:
            removed_at = self._removed_at.get(key, 0) or self._replica.removed_at(key)
            past = (None, False, removed_at)
        else:
            past = (before.value, True, before.version)
        old, existed, previous = past
        who, run, step, attempt = author
        # fmt: off
        change = Change(
            self.version, key, value, removed, old, existed,
            who, run, step, attempt, at, previous, expires,
        )
        # fmt: on
        if removed:
            self._removed_at[key] = self.version
        self._entries[key] = None if removed else Entry(value, self.version, expires)
        self._count += (not removed) - (before is not None)
        self.changes.append(change)
        return change


def _entry_rows(entries: Mapping[str, Entry]) -> list[list[Any]]:
    return [[key, *entry] for key, entry in entries.items()]
