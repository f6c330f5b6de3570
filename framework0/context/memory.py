"""The store that keeps everything in this process: the latest entries, and a bounded past."""

from __future__ import annotations

from threading import Lock
from time import monotonic, time

from framework0.context.change import EXPIRY, Author, Change, Entry, Request, Write
from framework0.context.history import CHANGE_BYTES, SMALL, Log, rebase, rewind
from framework0.context.limits import CONTEXT_KEYS, HISTORY_BYTES, HISTORY_CHANGES
from framework0.context.values import weigh
from framework0.errors import ContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from framework0.context.change import Undo
    from framework0.context.expiry import Expiry
    from framework0.context.operations import Operations
    from framework0.context.past import Past
    from framework0.context.tags import Tags

    Listener = Callable[[Sequence[Change]], None]
    Tell = Callable[[Sequence[Change]], None]

# Making a change this way saves the call of its constructor, a tenth of a write.
_new = tuple.__new__


class MemoryStore:
    """A :class:`~framework0.context.change.Store` in memory.

    It keeps the latest ``keep_changes`` changes, fewer when their values weigh more than
    ``keep_bytes`` (estimated); the present values and what tags name are always kept. Without
    ``ttl`` no value can end by itself, and reading is quicker. ``clock`` gives seconds that are never
    set back.
    """

    def __init__(
        self,
        *,
        keep_changes: int = HISTORY_CHANGES,
        keep_bytes: int = HISTORY_BYTES,
        ttl: bool = True,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        if keep_changes < 1 or keep_bytes < 1:
            raise ContextError(
                "a context keeps at least one change: keep_changes and keep_bytes ≥ 1"
            )
        self._ttl = ttl
        self._clock = clock
        self._keep_bytes = keep_bytes
        self._lock = Lock()
        self._entries: dict[str, Entry] = {}
        self._log = Log(keep_changes, keep_bytes)
        self._version = 0
        self._watchers: tuple[Listener, ...] = ()
        self._closed = False
        self._room = CONTEXT_KEYS
        # What most contexts never need is made when it is.
        self._expiry: Expiry | None = None
        self._operations: Operations | None = None
        self._past: Past | None = None
        self._tags: Tags | None = None
        self._epoch = ""
        if not ttl:
            # Reading an entry is then one lookup in a dict, atomic by itself: its own method serves.
            self.get = self._entries.get  # type: ignore[method-assign]

    def version(self) -> int:
        """Return the version of the latest change, 0 when there is none."""
        # Locked: within a transaction the number is already moving.
        with self._lock:
            self._end_what_is_over()
            return self._version

    def kept_since(self) -> int:
        """Return the version from which on every change is kept."""
        with self._lock:
            return self._log.kept_since

    def get(self, key: str, /) -> Entry | None:
        """Return the latest entry of ``key``, or None."""
        entry = self._entries.get(key)
        if entry is None or entry[2] is None:
            return entry
        with self._lock:
            self._end_what_is_over()
            return self._entries.get(key)

    def keys(self) -> list[str]:
        """Return the present keys."""
        with self._lock:
            self._end_what_is_over()
            return list(self._entries)

    def entries(self) -> dict[str, Entry]:
        """Return all present entries as one consistent picture."""
        with self._lock:
            self._end_what_is_over()
            return self._entries.copy()

    def at(self, version: int) -> dict[str, Any]:
        """Return the values as they were at ``version``: now, minus what happened since."""
        with self._lock:
            entries = self._picture(version)
        return {key: entry[0] for key, entry in entries.items()}

    def get_at(self, key: str, version: int) -> Entry | None:
        """Return the entry of ``key`` as it was at ``version``, or None."""
        with self._lock:
            if version < self._log.kept_since or version > self._version:
                return self._picture(version).get(key)
            entry = self._entries.get(key)
            if entry is not None and entry[1] <= version:
                return entry
            past = self._past
            if past is None or past.upto != self._version:
                past = self._past = self._log.past()
            return past.entry(key, version, entry)

    def version_at(self, time: float) -> int:
        """Return the version of the last change made at or before ``time`` (epoch seconds)."""
        with self._lock:
            self._end_what_is_over()
            return self._log.version_at(time)

    def apply(
        self,
        writes: Sequence[Write],
        author: Author,
        at: float,
        expected: Mapping[str, int] | None = None,
        expected_version: int | None = None,
        operation: str | None = None,
    ) -> tuple[Change, ...]:
        """Make all ``writes``, in order, or none."""
        with self._lock:
            if operation is not None:
                request = Request(writes, author, at, expected, expected_version, operation)
                return self._apply_once(request, self._tell)
            made = self._make(writes, author, at, expected, expected_version)
            if made:
                for listener in self._watchers:
                    listener(made)
        return made

    def put(self, key: str, value: Any, author: Author) -> int:
        """Set one key, as :meth:`apply` does, and return the version: what programs do most."""
        with self._lock:
            if self._closed or self._expiry is not None or len(self._entries) >= self._room:
                self._check((Write(key, value),), None, None)
            made = self._change(key, value, False, None, author, time())
            log = self._log
            if len(log.changes) > log.keep_changes or log.weight > self._keep_bytes:
                log.trim()
            for listener in self._watchers:
                listener(made)
            return self._version

    def apply_all(self, requests: Sequence[Request]) -> list[tuple[Change, ...] | ContextError]:
        """Do what each request asks, in order, each wholly or not at all; watchers are told once."""
        answers: list[tuple[Change, ...] | ContextError] = []
        together: list[Change] = []
        with self._lock:
            for request in requests:
                try:
                    if request.operation is None:
                        made = self._make(*request[:5])
                        together += made
                    else:
                        made = self._apply_once(request, together.extend)
                    answers.append(made)
                except ContextError as error:
                    answers.append(error)
            if together:
                self._tell(together)
        return answers

    def tag(self, name: str, version: int, *, move: bool = False) -> None:
        """Name ``version``; its picture is then always kept."""
        with self._lock:
            tags = self._known_tags()
            tags.check(name, version, move=move)
            tags.put(name, version, self._picture(version))

    def untag(self, name: str) -> bool:
        """Forget the name; False when there is none such."""
        with self._lock:
            return self._known_tags().remove(name)

    def tags(self) -> dict[str, int]:
        """Return the names and the versions they stand for, sorted by name."""
        with self._lock:
            return {} if self._tags is None else self._tags.versions()

    def epoch(self) -> str:
        """Return the random name of this history."""
        from os import urandom

        with self._lock:
            self._epoch = self._epoch or urandom(16).hex()
            return self._epoch

    def changes(self, since: int | None = None, key: str | None = None) -> Iterator[Change]:
        """Iterate over the changes after ``since`` (left out: all kept), oldest first."""
        with self._lock:
            self._end_what_is_over()
            later = list(self._log.changes) if since is None else self._log.after(since)
        return iter(later) if key is None else (change for change in later if change.key == key)

    def watch(self, listener: Listener, since: int | None = None) -> Undo:
        """Call ``listener`` with the changes to come, those after ``since`` first."""
        with self._lock:
            if since is not None and (missed := self._log.after(since)):
                listener(missed)
            if self._closed:
                listener(())
            else:
                self._watchers = (*self._watchers, listener)

        def unwatch() -> None:
            with self._lock:
                self._watchers = tuple(other for other in self._watchers if other is not listener)

        return unwatch

    def load(self, changes: Iterable[Change]) -> None:
        """Take over changes that already happened elsewhere, oldest first."""
        from framework0.context.admission import check_order

        with self._lock:
            for change in changes:
                check_order(change, self._version)
                if change.expires is not None:
                    self._end_later(change.key, change.expires - time())
                elif self._expiry is not None:
                    self._expiry.deadlines.drop(change.key)
                before = self._entries.get(change.key)
                loaded = rebase(change, before, self._log.removed_at.get(change.key, 0))
                self._remember(loaded)
                self._log.trim()
                self._tell((loaded,))

    def close(self) -> None:
        """Refuse later writes, tell the watchers and forget them; reading goes on."""
        with self._lock:
            self._closed = True
            if self._expiry is not None:
                self._expiry.stop()
            watchers, self._watchers = self._watchers, ()
            for listener in watchers:
                listener(())

    # What follows is called with the lock held.

    def _make(
        self,
        writes: Sequence[Write],
        author: Author,
        at: float,
        expected: Mapping[str, int] | None,
        expected_version: int | None,
    ) -> tuple[Change, ...]:
        """Check everything, then make the changes; whoever calls tells the watchers."""
        # One plain write, the usual case, is not looked at any closer.
        if (
            expected
            or expected_version is not None
            or len(writes) != 1
            or writes[0][3] is not None
            or self._closed
            or self._expiry is not None
            or len(self._entries) >= self._room
        ):
            self._check(writes, expected, expected_version)
        if len(writes) == 1:
            key, value, removed, ttl = writes[0]
            made = self._change(key, value, removed, ttl, author, at)
        else:
            several: list[Change] = []
            for key, value, removed, ttl in writes:
                several += self._change(key, value, removed, ttl, author, at)
            made = tuple(several)
        log = self._log
        if len(log.changes) > log.keep_changes or log.weight > self._keep_bytes:
            log.trim()
        return made

    def _check(
        self,
        writes: Sequence[Write],
        expected: Mapping[str, int] | None,
        expected_version: int | None,
    ) -> None:
        """Raise what speaks against the writes."""
        from framework0.context.admission import check_expected, check_room

        if self._closed:
            raise ContextError("the context is closed: write before close()")
        self._end_what_is_over()
        check_expected(self._entries, self._version, expected, expected_version)
        check_room(self._entries, writes, self._room)
        self._check_times(writes)

    def _change(
        self, key: str, value: Any, removed: bool, ttl: float | None, author: Author, at: float
    ) -> tuple[Change, ...]:
        """Make one change, or none: all that a writer waits for, without further calls."""
        entries, log = self._entries, self._log
        before = entries.get(key)
        if before is not None:
            existed = True
            old, previous, ends = before
            if ends is not None and self._expiry is not None:
                self._expiry.deadlines.drop(key)
        elif removed:
            return ()
        else:
            old, existed, previous = None, False, log.removed_at.get(key, 0)
        self._version = version = self._version + 1
        expires = None
        if removed:
            del entries[key]
            log.removed_at[key] = version
        else:
            if ttl is not None:
                expires = at + ttl
                self._end_later(key, ttl)
            entries[key] = _new(Entry, (value, version, expires))
        who, run, step, attempt = author
        # fmt: off
        change = _new(Change, (
            version, key, value, removed, old, existed,
            who, run, step, attempt, at, previous, expires,
        ))
        # fmt: on
        log.weight += CHANGE_BYTES if type(value) in SMALL else CHANGE_BYTES + weigh(value)
        log.changes.append(change)
        return (change,)

    def _apply_once(self, request: Request, tell: Tell) -> tuple[Change, ...]:
        """Make the changes, unless a call with this id has done so: then return what it made."""
        from framework0.context.operations import Operations, check_operation, fingerprint

        if self._operations is None:
            self._operations = Operations()
        operation = check_operation(request.operation)
        asked = fingerprint(request.writes, request.expected, request.expected_version)
        now = self._clock()
        known = self._operations.answer(operation, asked, now)
        if known is not None:
            return known
        made = self._make(*request[:5])
        self._operations.remember(operation, asked, made, now)
        if made:
            tell(made)
        return made

    def _tell(self, changes: Sequence[Change]) -> None:
        for listener in self._watchers:
            listener(changes)

    def _check_times(self, writes: Sequence[Write]) -> None:
        """Refuse a time to live that is none, or that this store does not keep."""
        from framework0.context.admission import check_times

        for write in writes:
            if write.ttl is not None:
                self._require_ttl(write.key)
        check_times(writes)

    def _require_ttl(self, key: str) -> None:
        if not self._ttl:
            raise ContextError(
                f"{key!r} was given a time to live, and this context ends with its run: leave ttl "
                "out, or write to a shared context"
            )

    def _end_later(self, key: str, seconds: float) -> None:
        """Let ``key`` end by itself in so many seconds."""
        self._require_ttl(key)
        if self._expiry is None:
            from framework0.context.expiry import Expiry

            self._expiry = Expiry(self.expire, self._clock)
        self._expiry.later(key, seconds)

    def expire(self) -> float | None:
        """Remove what is over and tell the watchers; return the seconds until the next key ends."""
        with self._lock:
            self._end_what_is_over()
            return None if self._expiry is None else self._expiry.pause()

    def _end_what_is_over(self) -> None:
        if self._expiry is None or not (keys := self._expiry.over()):
            return
        at = time()
        made = []
        for key in keys:
            value, before, _ = self._entries[key]
            # fmt: off
            change = Change(
                self._version + 1, key, None, True, value, True,
                EXPIRY, None, None, None, at, before,
            )
            # fmt: on
            self._remember(change)
            made.append(change)
        self._log.trim()
        self._tell(made)

    def _remember(self, change: Change) -> None:
        self._version = change.version
        if change.removed:
            self._entries.pop(change.key, None)
        else:
            self._entries[change.key] = Entry(change.value, change.version, change.expires)
        self._log.add(change)

    def _picture(self, version: int) -> Mapping[str, Entry]:
        """Return the entries as they were at ``version``."""
        if version > self._version:
            raise ContextError(
                f"version {version} has not happened yet: the latest is {self._version}"
            )
        if version < self._log.kept_since and self._tags is not None:
            picture = self._tags.picture(version)
            if picture is not None:
                return picture
        later = self._log.after(version)
        if not later:
            return self._entries.copy()
        return rewind(self._entries, later)

    def _known_tags(self) -> Tags:
        if self._tags is None:
            from framework0.context.tags import Tags

            self._tags = Tags()
        return self._tags
