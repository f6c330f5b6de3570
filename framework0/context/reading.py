"""The reading half of a context, shared by the context itself and by the views of steps."""

from __future__ import annotations

from threading import Event
from time import monotonic

from framework0.context.history import compare, thawed
from framework0.context.patterns import EVERYTHING, check_key, matcher
from framework0.context.values import SCALARS, freeze, thaw
from framework0.errors import ContextError, HistoryTrimmed, WaitTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from framework0.context.change import Change, Store
    from framework0.context.history import Diff
    from framework0.context.snapshot import Snapshot


class Reading:
    """Everything that can be asked of a context. Containers come back as copies."""

    __slots__ = ("_entry", "_store")

    def __init__(self, store: Store) -> None:
        self._store = store
        # Bound once: reading a key is the call that steps make most.
        self._entry = store.get

    def get(self, key: str, default: Any = None) -> Any:
        """Return a copy of the value of ``key``, or ``default`` when the key is absent."""
        entry = self._entry(key)
        if entry is None:
            return default
        value = entry[0]
        return value if type(value) in SCALARS else thaw(value)

    def __getitem__(self, key: str) -> Any:
        entry = self._entry(key)
        if entry is None:
            raise KeyError(key)
        return thaw(entry[0])

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._entry(key) is not None

    def __bool__(self) -> bool:
        # A context is a place, not a heap: an empty one is as good as a full one, and code such as
        # `context or Context()` must not lose it.
        return True

    def __len__(self) -> int:
        return len(self._store.keys())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    @property
    def version(self) -> int:
        """The version of the latest change, 0 before the first."""
        return self._store.version()

    @property
    def kept_since(self) -> int:
        """The oldest version that can still be read; 0 while nothing was forgotten."""
        return self._store.kept_since()

    def version_of(self, key: str) -> int:
        """Return the version that set ``key``, 0 when it is absent."""
        entry = self._entry(key)
        return 0 if entry is None else entry[1]

    def kept(self, key: str) -> Any:
        """Return a copy of the value of ``key`` as a journal keeps it: JSON, artifacts as references.

        None when the key is absent. Nothing is loaded.
        """
        entry = self._entry(key)
        if entry is None or type(entry[0]) in SCALARS:
            return None if entry is None else entry[0]
        from framework0.artifacts import plain

        return plain(entry[0])

    def keys(self, pattern: str = EVERYTHING) -> list[str]:
        """Return the present keys that match, sorted; see :mod:`framework0.context.patterns`."""
        return sorted(filter(matcher(pattern), self._store.keys()))

    def items(self, pattern: str = EVERYTHING) -> list[tuple[str, Any]]:
        """Return the matching keys with copies of their values: one consistent picture, sorted."""
        entries = self._store.entries()
        return [(key, thaw(entries[key][0])) for key in sorted(filter(matcher(pattern), entries))]

    def history(self, key: str) -> list[Change]:
        """Return the kept changes of ``key``, oldest first.

        When older ones were forgotten, the first one kept has ``existed`` true. The time it takes
        grows with the number of changes kept.
        """
        return [thawed(change) for change in self._store.changes(key=check_key(key))]

    def changes_since(self, version: int = 0) -> Iterator[Change]:
        """Iterate over all changes after ``version``, oldest first.

        Raises :class:`~framework0.errors.HistoryTrimmed` when some of them are no longer kept.
        """
        return map(thawed, self._store.changes(_checked_version(version)))

    def at(self, version: int) -> Snapshot:
        """Return the context as it was when ``version`` was the latest change.

        Raises HistoryTrimmed when that is no longer kept, ContextError when it has not happened.
        """
        from framework0.context.snapshot import Snapshot

        return Snapshot(version, self._store.at(_checked_version(version)))

    def snapshot(self) -> Snapshot:
        """Return the context as it is now, unmoved by what happens later."""
        from framework0.context.snapshot import Snapshot

        while True:
            version = self._store.version()
            try:
                return Snapshot(version, self._store.at(version))
            except HistoryTrimmed:
                # So many changes since the line above that this one is forgotten: look again.
                continue

    def diff(
        self, before: int | Mapping[str, Any], after: int | Mapping[str, Any] | None = None
    ) -> Diff:
        """Return what differs between two pictures: versions, snapshots or plain dicts.

        ``after`` left out means now.
        """
        now = self.snapshot() if after is None else after
        return compare(self._picture(before), self._picture(now))

    def wait_for(self, what: str | Callable[[Reading], Any], timeout: float | None = None) -> Any:
        """Wait until the key ``what`` is present and return a copy of its value.

        ``what`` may also be a function of this context: then wait until it returns something true,
        and return that. It is asked again after each change. Raises
        :class:`~framework0.errors.WaitTimeout` after ``timeout`` seconds; None waits for ever.
        """
        key = None if callable(what) else check_key(what)
        waiter = _Waiter(key)
        end = None if timeout is None else monotonic() + timeout
        unwatch = self._store.watch(waiter.listen)
        try:
            while True:
                waiter.changed.clear()
                if callable(what):
                    if answer := what(self):
                        return answer
                elif (entry := self._entry(what)) is not None:
                    return thaw(entry[0])
                if waiter.closed:
                    raise ContextError(f"the context was closed while waiting for {waiter}")
                if not waiter.changed.wait(None if end is None else max(0.0, end - monotonic())):
                    raise WaitTimeout(f"{waiter} did not come within {timeout:g} seconds")
        finally:
            unwatch()

    def _picture(self, what: int | Mapping[str, Any]) -> Mapping[str, Any]:
        """Return frozen values for a version, a snapshot or a plain mapping."""
        from framework0.context.snapshot import Snapshot

        if isinstance(what, Snapshot):
            return what.frozen()
        if isinstance(what, int):
            return self._store.at(_checked_version(what))
        return {check_key(key): freeze(value, key=key) for key, value in what.items()}


class _Waiter:
    """Listens for changes of one key, or of any, and for the end of the store."""

    __slots__ = ("changed", "closed", "key")

    def __init__(self, key: str | None) -> None:
        self.key = key
        self.changed = Event()
        self.closed = False

    def __str__(self) -> str:
        return "the condition" if self.key is None else f"the context key {self.key!r}"

    def listen(self, changes: Sequence[Change]) -> None:
        if not changes:
            self.closed = True
        elif self.key is not None and all(change.key != self.key for change in changes):
            return
        self.changed.set()


def _checked_version(version: Any) -> int:
    if type(version) is not int or version < 0:
        raise ContextError(f"a version is a whole number from 0 on, not {version!r:.80}")
    return version
