"""The context as one attempt of a step sees it."""

from __future__ import annotations

from threading import RLock

from framework0.context.history import undoings
from framework0.context.writing import Writing
from framework0.errors import ContextError, HistoryTrimmed, VersionConflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from framework0.context.change import Author, Change, Store, Write
    from framework0.context.context import Context
    from framework0.context.history import Undoing
    from framework0.context.limits import ValueLimits
    from framework0.context.subscriptions import Subscription
    from framework0.context.values import Hold


class ContextView(Writing):
    """A context whose writes are signed by one attempt, and can be taken back as a whole.

    ``changes`` holds what this view did, in order, for the journal; its values must not be changed.
    ``left`` names the keys that :meth:`compensate` did not take back because somebody else had
    written them since.
    """

    __slots__ = (
        "_closed",
        "_compensated",
        "_context",
        "_lock",
        "_on_change",
        "author",
        "changes",
        "left",
    )

    def __init__(
        self,
        context: Context,
        store: Store,
        limits: ValueLimits,
        author: Author,
        on_change: Callable[[Change], object] | None = None,
        hold: Hold | None = None,
    ) -> None:
        super().__init__(store, limits)
        self._hold = hold
        self._context = context
        self._on_change = on_change
        # Held around each write: after close() nothing can still be on its way into ``changes``.
        # Reentrant, because on_change may write.
        self._lock = RLock()
        self._closed = False
        self._compensated = 0
        self.author = author
        self.changes: list[Change] = []
        self.left: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"ContextView({self.author}, {len(self.changes)} changes)"

    def subscribe(self, pattern: str, callback: Callable[[Change], object]) -> Subscription:
        """Call ``callback`` with matching changes; see :meth:`Context.subscribe`."""
        return self._context.subscribe(pattern, callback)

    def close(self) -> None:
        """Refuse later writes: the attempt is over, even if its thread is not."""
        with self._lock:
            self._closed = True

    def compensate(self) -> tuple[Change, ...]:
        """Take back what this view wrote, close it, and return the changes that did so.

        Each key gets what it held before; history keeps both. A key that somebody else wrote since
        is left as it is and named in ``left``. The compensating changes are signed by the same
        author and appended to ``changes``.
        """
        with self._lock:
            self._closed = True
            plan = undoings(self.changes[self._compensated :])
            left = [key for key, undoing in plan.items() if self._moved_on(key, undoing)]
            for key in left:
                del plan[key]
            made: tuple[Change, ...] = ()
            while plan:
                writes = [undoing.write for undoing in plan.values()]
                expected = {
                    key: 0 if undoing.removed else undoing.last for key, undoing in plan.items()
                }
                try:
                    made = self._commit(writes, expected, None)
                except VersionConflict as conflict:
                    # Written by somebody else between the look above and now.
                    left.append(conflict.key)
                    del plan[conflict.key]
                else:
                    break
            self._compensated = len(self.changes)
            self.left += tuple(sorted(left))
            return made

    def _moved_on(self, key: str, undoing: Undoing) -> bool:
        """Whether somebody else wrote ``key`` after this view's last change of it."""
        if not undoing.removed:
            return self.version_of(key) != undoing.last
        # An absent key has no version; only the history tells whether others came and went.
        try:
            return any(True for _ in self._store.changes(undoing.last, key))
        except HistoryTrimmed:
            return True

    def _write(
        self,
        writes: Sequence[Write],
        expected: Mapping[str, int] | None = None,
        expected_version: int | None = None,
    ) -> tuple[Change, ...]:
        with self._lock:
            if self._closed:
                raise ContextError(
                    f"step {self.author.step!r}, attempt {self.author.attempt}, is over: "
                    "it cannot write to the context any more"
                )
            return self._commit(writes, expected, expected_version)

    def _commit(
        self,
        writes: Sequence[Write],
        expected: Mapping[str, int] | None,
        expected_version: int | None,
    ) -> tuple[Change, ...]:
        changes = self._context.write_as(self.author, writes, expected, expected_version)
        self.changes.extend(changes)
        if self._on_change is not None:
            for change in changes:
                self._on_change(change)
        return changes
