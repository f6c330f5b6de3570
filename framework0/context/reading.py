"""The reading half of a context, shared by the context itself and by the views of steps."""

from __future__ import annotations

from framework0.context.history import compare, thawed
from framework0.context.patterns import EVERYTHING, check_key, matcher
from framework0.context.values import SCALARS, freeze, thaw
from framework0.errors import ContextError, HistoryTrimmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from framework0.context.blame import Blame
    from framework0.context.change import Change, Entry, Store
    from framework0.context.history import Diff
    from framework0.context.snapshot import Snapshot

    # What stands for a version; see framework0.context.moments.
    Moment = int | float | str | dt.datetime | dt.date | dt.time

# In get() the builtin's name is taken.
_class_of = type


class Reading:
    """Everything that can be asked of a context. Containers come back as copies."""

    __slots__ = ("_entry", "_store")

    def __init__(self, store: Store) -> None:
        self._store = store
        # Bound once: reading a key is the call that steps make most.
        self._entry = store.get

    # The word everybody looks for; the builtin is not needed in here.
    def get(
        self,
        key: str,
        default: Any = None,
        *,
        type: Any = None,  # noqa: A002
        fresh: bool = False,
    ) -> Any:
        """Return a copy of the value of ``key``, or ``default`` when the key is absent.

        What is known here may be a moment old when the context lives elsewhere, though never older
        than what was written through it; ``fresh`` asks who keeps it.

        With ``type`` (int, ``list[str]``, a dataclass, a TypedDict …; see
        :mod:`framework0.context.typed`) the value comes out as that, or
        :class:`~framework0.errors.TypeMismatch` says what is stored instead, and where.
        """
        entry = self._fresh_entry(key) if fresh else self._entry(key)
        if entry is None:
            return default
        value = entry[0]
        if type is not None:
            from framework0.context.typed import read_as

            return read_as(thaw(value), type, key)
        return value if _class_of(value) in SCALARS else thaw(value)

    def _fresh_entry(self, key: str) -> Entry | None:
        """Ask the server, or the majority of a cluster, where there is one."""
        store = self._store
        ask = getattr(store, "fresh", None)
        if ask is not None:
            entry: Entry | None = ask(key)
            return entry
        refresh = getattr(store, "refresh", None)
        if refresh is not None:
            refresh()
        return store.get(key)

    def get_at(self, key: str, moment: Moment, default: Any = None) -> Any:
        """Return a copy of what ``key`` held at ``moment`` (see :meth:`at`), or ``default``."""
        version = moment if type(moment) is int else self._version_of(moment)
        entry = self._store.get_at(key, version)
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

    def blame(self, key: str) -> Blame:
        """Return which change is responsible for the value of ``key``, and for each part inside.

        Raises KeyError when the key is absent: its history tells who removed it.
        """
        from framework0.context.blame import blame

        while True:
            entry = self._entry(check_key(key))
            if entry is None:
                raise KeyError(key)
            story = list(self._store.changes(key=key))
            # Read between two writes of somebody else, it would be blamed on the wrong one.
            if self.version_of(key) == entry.version:
                return blame(key, entry, story)

    def at(self, moment: Moment) -> Snapshot:
        """Return the context as it was at ``moment``: a version, a time, a tag or ``run:step``.

        A datetime, a date, a time (of today) or epoch seconds as a float stand for the last change
        made until then. Text is a tag, a version, an ISO 8601 time, or a run and a step: as the last
        change of that step left it. Raises HistoryTrimmed when that is no longer kept, ContextError
        when it has not happened or stands for nothing.
        """
        from framework0.context.snapshot import Snapshot

        version = self._version_of(moment)
        return Snapshot(version, self._store.at(version))

    def tags(self) -> dict[str, int]:
        """Return the names given to versions, and the versions, sorted by name."""
        return self._store.tags()

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
        self, before: Moment | Mapping[str, Any], after: Moment | Mapping[str, Any] | None = None
    ) -> Diff:
        """Return what differs between two pictures: moments (see :meth:`at`), snapshots, plain dicts.

        ``after`` left out means now.
        """
        now = self.snapshot() if after is None else after
        return compare(self._picture(before), self._picture(now))

    def wait_for(self, what: str | Callable[[Reading], Any], timeout: float | None = None) -> Any:
        """Wait until the key ``what`` is present and return a copy of its value.

        ``what`` may also be a pattern (text with a star): then wait until a key matches, and return
        a dict of those that do; or a function of this context: then wait until it returns something
        true, and return that. It is asked again after each change. Raises
        :class:`~framework0.errors.WaitTimeout` after ``timeout`` seconds; None waits for ever.
        """
        from framework0.context.waiting import wait_for

        return wait_for(self, self._store, what, timeout)

    def _picture(self, what: Moment | Mapping[str, Any]) -> Mapping[str, Any]:
        """Return frozen values for a moment, a snapshot or a plain mapping."""
        from collections.abc import Mapping

        from framework0.context.snapshot import Snapshot

        if isinstance(what, Snapshot):
            return what.frozen()
        if isinstance(what, Mapping):
            return {check_key(key): freeze(value, key=key) for key, value in what.items()}
        return self._store.at(self._version_of(what))

    def _version_of(self, moment: Any) -> int:
        from framework0.context.moments import version_of

        return version_of(self._store, moment)


def _checked_version(version: Any) -> int:
    if type(version) is not int or version < 0:
        raise ContextError(f"a version is a whole number from 0 on, not {version!r:.80}")
    return version
