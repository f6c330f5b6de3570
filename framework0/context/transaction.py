"""Several writes that happen together, provided that what they were based on still holds."""

from __future__ import annotations

from framework0.context.change import Write
from framework0.context.limits import TRANSACTION_WRITES
from framework0.context.patterns import EVERYTHING, check_key, matcher
from framework0.context.values import freeze, thaw
from framework0.errors import ContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Any, Self

    from framework0.context.change import Change, Entry, Store
    from framework0.context.limits import ValueLimits
    from framework0.context.values import Hold

    Commit = Callable[[Sequence[Write], dict[str, int], int | None], tuple[Change, ...]]


class Transaction:
    """The block that :meth:`Context.transaction` returns. For one thread; made for ``with``.

    It sees its own writes; what else it reads is remembered with its version and checked at the
    end. ``version`` is the version of its last change once it has ended well, 0 if it changed
    nothing.
    """

    def __init__(
        self,
        store: Store,
        commit: Commit,
        expected: dict[str, int],
        limits: ValueLimits,
        hold: Hold | None = None,
    ) -> None:
        self._store = store
        self._commit = commit
        self._expected = expected
        self._expected_version: int | None = None
        self._limits = limits
        self._hold = hold
        self._writes: dict[str, Write] = {}
        self._open = True
        self.version = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._require_open()
        self._open = False
        if kind is not None:
            return
        changes = self._commit(tuple(self._writes.values()), self._expected, self._expected_version)
        self.version = changes[-1].version if changes else 0

    def get(self, key: str, default: Any = None) -> Any:
        """Return what ``key`` holds for this transaction, or ``default``."""
        write = self._writes.get(key)
        if write is not None:
            return default if write.removed else thaw(write.value)
        entry = self._read(key)
        return default if entry is None else thaw(entry.value)

    def __contains__(self, key: str) -> bool:
        write = self._writes.get(key)
        return self._read(key) is not None if write is None else not write.removed

    def keys(self, pattern: str = EVERYTHING) -> list[str]:
        """Return the matching keys, sorted; from then on any change by others is a conflict."""
        self._require_open()
        version = self._store.version()
        if self._expected_version is None:
            self._expected_version = version
        present = set(self._store.keys())
        for write in self._writes.values():
            if write.removed:
                present.discard(write.key)
            else:
                present.add(write.key)
        return sorted(filter(matcher(pattern), present))

    def set(self, key: str, value: Any, *, ttl: float | None = None) -> None:
        """Set ``key`` to a copy of ``value`` when the block ends; see :meth:`Context.set`."""
        key = check_key(key)
        self._plan(Write(key, freeze(value, self._limits, key, self._hold), False, ttl))

    def delete(self, key: str) -> bool:
        """Remove ``key`` when the block ends; False when this transaction sees no such key."""
        present = key in self
        self._plan(Write(check_key(key), removed=True))
        return present

    def _read(self, key: str) -> Entry | None:
        self._require_open()
        entry = self._store.get(check_key(key))
        # The first reading counts: a later, different one could not be told from it.
        self._expected.setdefault(key, 0 if entry is None else entry.version)
        return entry

    def _plan(self, write: Write) -> None:
        self._require_open()
        # The latest write of a key is the one that happens, in the order of the latest writes.
        self._writes.pop(write.key, None)
        self._writes[write.key] = write
        if len(self._writes) > TRANSACTION_WRITES:
            raise ContextError(
                f"more than {TRANSACTION_WRITES:,} writes in one transaction; split it"
            )

    def _require_open(self) -> None:
        if not self._open:
            raise ContextError("this transaction has ended; open another one")
