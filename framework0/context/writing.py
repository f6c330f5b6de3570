"""The writing half of a context, shared by the context itself and by the views of steps."""

from __future__ import annotations

from abc import ABC, abstractmethod

from framework0.context.change import Write
from framework0.context.history import writes_towards
from framework0.context.limits import (
    CONFLICT_RETRIES,
    KEY_CHARACTERS,
    TRANSACTION_WRITES,
    VALUE_LIMITS,
)
from framework0.context.patterns import EVERYTHING, check_key, matcher
from framework0.context.reading import Reading
from framework0.context.values import freeze, thaw
from framework0.errors import ContextError, VersionConflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from framework0.context.change import Author, Change, Store
    from framework0.context.limits import ValueLimits
    from framework0.context.reading import Moment
    from framework0.context.transaction import Transaction
    from framework0.context.values import Hold
    from framework0.context.versions import Conflict, Merged, Strategy

# Making a write this way saves the call of its constructor.
_new = tuple.__new__
# Integers below it are right whatever the limits are.
_PLAIN = 2**63


class Writing(Reading, ABC):
    """Everything that can be done to a context. Each call is one atomic change, or none."""

    __slots__ = ("_author", "_hold", "_limits", "_put")

    _author: Author

    def __init__(self, store: Store, limits: ValueLimits = VALUE_LIMITS) -> None:
        super().__init__(store)
        self._limits = limits
        # Asked for a reference to what is not JSON; a context of a run has it.
        self._hold: Hold | None = None
        # The short way of a store in memory, as long as nobody has to be waited for behind a write.
        self._put: Callable[[str, Any, Author], int] | None = None

    def set(self, key: str, value: Any, *, ttl: float | None = None) -> int:
        """Set ``key`` to a copy of ``value`` and return the version of the change.

        After ``ttl`` seconds the key removes itself, which is a change like any other, made by
        ``expiry``. The next writing of the key, or its removal, ends the waiting. A context that is
        private to a run offers no ``ttl`` (ContextError).
        In a run, arrays, tables and bytes are kept as artifacts; reading them gives memory that cannot
        be changed. Raises :class:`~framework0.errors.ValueRefused` for what else is not JSON.
        """
        # What most keys and values are is seen here: two calls less for what programs do most.
        if type(key) is not str or not 0 < len(key) <= KEY_CHARACTERS or not key.isprintable():
            key = check_key(key)
        kind = type(value)
        if kind is not int or not -_PLAIN < value < _PLAIN:
            value = freeze(value, self._limits, key, self._hold)
        put = self._put
        if put is not None and ttl is None:
            return put(key, value, self._author)
        return self._write((_new(Write, (key, value, False, ttl)),))[0][0]

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def delete(self, key: str) -> bool:
        """Remove ``key``; False, and no change, when it was not there."""
        return bool(self._write((Write(check_key(key), removed=True),)))

    def __delitem__(self, key: str) -> None:
        if not self.delete(key):
            raise KeyError(key)

    def modify(self, key: str, function: Callable[[Any], Any], default: Any = None) -> Any:
        """Set ``key`` to ``function(value)`` so that no write of anybody gets lost; return that.

        ``function`` gets a copy of the present value, or ``default``; it is called again when
        somebody else wrote the key meanwhile, so it should do nothing else.
        """
        key = check_key(key)
        for _ in range(CONFLICT_RETRIES):
            entry = self._store.get(key)
            value = function(default if entry is None else thaw(entry.value))
            frozen = freeze(value, self._limits, key, self._hold)
            try:
                self._write((Write(key, frozen),), {key: 0 if entry is None else entry.version})
            except VersionConflict:
                continue
            return value
        raise ContextError(
            f"{key!r} was written by others {CONFLICT_RETRIES} times while it was being modified; "
            "give each writer a key of its own"
        )

    def transaction(self, expected_versions: Mapping[str, int] | None = None) -> Transaction:
        """Return a block whose writes happen together at its end, or not at all.

            with context.transaction() as together:
                together.set("total", together.get("total", 0) + 1)

        Everything read through the block must still be as it was, and the keys of
        ``expected_versions`` at the version given (0: absent), else VersionConflict is raised at
        its end. An exception in the block gives its writes up.
        """
        from framework0.context.transaction import Transaction

        expected = {check_key(key): version for key, version in (expected_versions or {}).items()}
        return Transaction(self._store, self._write, expected, self._limits, self._hold)

    def restore(self, picture: Moment | Mapping[str, Any], pattern: str = EVERYTHING) -> int:
        """Make the context hold exactly ``picture`` (a moment, a snapshot, a dict) in one step.

        Only keys that match ``pattern`` and differ are written, history keeps everything, and values
        that ended by themselves come back to stay. Returns the version afterward.
        """
        matches = matcher(pattern)
        target = {key: item for key, item in self._picture(picture).items() if matches(key)}

        def plan(now: Mapping[str, Any]) -> Sequence[Write]:
            present = {key: value for key, value in now.items() if matches(key)}
            return writes_towards(target, present)

        return self._write_planned(plan, "being restored")

    def rollback(self, to: Moment, pattern: str = EVERYTHING) -> int:
        """Bring back what the context held at ``to`` (see :meth:`at`); returns the version afterward.

        Nothing is undone in the past: the way back is one more step, which can be taken back too.
        """
        return self.restore(self._version_of(to), pattern)

    def merge(
        self,
        other: Reading | Mapping[str, Any],
        base: Moment | Mapping[str, Any] | None = None,
        strategy: Strategy = "refuse",
    ) -> Merged:
        """Bring in what ``other`` (a context, a picture) changed since ``base``, in one step.

        ``base`` is what both sides come from: a moment of this context, or a picture. It may be left
        out for a fork, which knows it. A key that only one side changed is as that side has it. One that
        both changed, each in its way, is a conflict: ``strategy`` ``"refuse"`` raises
        :class:`~framework0.errors.MergeConflict` with all of them and changes nothing, ``"ours"`` and
        ``"theirs"`` decide for one side, a function is given each Conflict and returns the value to
        keep (``versions.ABSENT`` for no such key).
        """
        from framework0.context.versions import Merged, merging

        origin = getattr(other, "origin", None) if base is None else base
        if origin is None:
            raise ContextError(
                "what both sides come from is not known: give merge() a base, a version of this "
                "context or a picture"
            )
        common = self._picture(origin)
        theirs = self._picture(other.snapshot() if isinstance(other, Reading) else other)
        conflicts: tuple[Conflict, ...] = ()
        taken: tuple[str, ...] = ()

        def plan(now: Mapping[str, Any]) -> Sequence[Write]:
            nonlocal conflicts, taken
            writes, conflicts = merging(common, now, theirs, strategy, self._freeze)
            taken = tuple(write.key for write in writes)
            return writes

        version = self._write_planned(plan, "being merged")
        return Merged(version, taken, conflicts)

    def _freeze(self, key: str, value: Any) -> Any:
        return freeze(value, self._limits, key, self._hold)

    def _write_planned(
        self, plan: Callable[[Mapping[str, Any]], Sequence[Write]], doing: str
    ) -> int:
        """Make the writes that ``plan`` returns for what is present, as long as that is so."""
        for _ in range(CONFLICT_RETRIES):
            before = self.snapshot()
            writes = plan(before.frozen())
            if not writes:
                return before.version
            if len(writes) > TRANSACTION_WRITES:
                raise ContextError(
                    f"{len(writes):,} keys would be written, more than one transaction's "
                    f"{TRANSACTION_WRITES:,}; choose fewer with a pattern"
                )
            try:
                return self._write(writes, None, before.version)[-1].version
            except VersionConflict:
                continue
        raise ContextError(
            f"others wrote {CONFLICT_RETRIES} times while the context was {doing}; "
            "stop the writers first"
        )

    @abstractmethod
    def _write(
        self,
        writes: Sequence[Write],
        expected: Mapping[str, int] | None = None,
        expected_version: int | None = None,
    ) -> tuple[Change, ...]:
        """Make the writes, signed by whoever this is."""
