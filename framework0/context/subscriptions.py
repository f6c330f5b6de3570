"""One subscriber: which changes it wants, which wait for it, and how it is called."""

from __future__ import annotations

from framework0.context.history import thawed
from framework0.context.patterns import matcher
from framework0.context.queues import make_queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence

    from framework0.context.change import Change, Undo

# Remembered answers of one pattern; when there are more keys, they are matched again.
_REMEMBERED_KEYS = 10_000


class Subscription:
    """What ``subscribe`` returns: call it to end the subscription; calling it again is harmless.

    ``missed`` counts the changes that were given up because the callback was too slow (see
    :mod:`framework0.context.queues`). The other methods belong to the dispatcher, which holds its
    lock around ``put`` and ``take``.
    """

    def __init__(
        self, pattern: str, callback: Callable[[Change], object], overflow: str, limit: int
    ) -> None:
        self.pattern = pattern
        self.active = True
        self.missed = 0
        self.offered = 0
        self.done = 0
        self.queued = False
        self._matches = matcher(pattern)
        self._wanted: dict[str, bool] = {}
        self._callback = callback
        self._queue = make_queue(overflow, limit)
        self._missed_told = False
        self._at_end: tuple[Undo, ...] = ()

    def __call__(self) -> None:
        """End the subscription: no call begins after this; one may still be going on."""
        self.active = False
        endings, self._at_end = self._at_end, ()
        for end in endings:
            end()

    def __repr__(self) -> str:
        state = "active" if self.active else "ended"
        return f"Subscription({self.pattern!r}, {state}, missed={self.missed})"

    def at_end(self, *undo: Undo) -> None:
        """Remember what to undo when the subscription ends."""
        self._at_end += undo

    def matching(self, changes: Sequence[Change]) -> list[Change]:
        """Return the changes this subscriber wants."""
        return [change for change in changes if self._wants(change.key)]

    def put(self, changes: Sequence[Change]) -> None:
        """Let changes wait for delivery."""
        for change in changes:
            self.missed += self._queue.put(change)
        self.offered = changes[-1].version

    def take(self, count: int) -> list[Change]:
        """Return the next changes to deliver."""
        return self._queue.take(count)

    def waiting(self) -> int:
        """Return how many changes wait."""
        return len(self._queue)

    def full(self) -> bool:
        """Whether writers must wait for this subscriber."""
        return self.active and self._queue.full()

    def deliver(self, changes: Sequence[Change]) -> None:
        """Call the callback with each change, in the dispatcher's thread."""
        if self.missed and not self._missed_told:
            self._missed_told = True
            _log().warning(
                "the subscriber of %r is slower than the writers: changes were given up "
                "(its policy: see overflow); .missed counts them",
                self.pattern,
            )
        for change in changes:
            if not self.active:
                return
            try:
                self._callback(thawed(change))
            # The user's code: whatever it raises, even SystemExit, must not end the dispatcher.
            except BaseException:  # noqa: BLE001
                _log().exception(
                    "a subscriber of %r failed on %r at version %d; the others are not affected",
                    self.pattern,
                    change.key,
                    change.version,
                )

    def _wants(self, key: str) -> bool:
        wanted = self._wanted.get(key)
        if wanted is None:
            if len(self._wanted) >= _REMEMBERED_KEYS:
                self._wanted.clear()
            wanted = self._wanted[key] = self._matches(key)
        return wanted


def _log() -> logging.Logger:
    # Imported only when something went wrong: it costs more than the rest of this room.
    import logging

    return logging.getLogger("framework0.context")
