"""What happens in one context, told to everybody who follows it, once a turn of the loop.

Changes come from the store in whichever thread made them. Sockets are handed each batch; streams of
events are woken and read the log themselves. Nothing is kept here for anybody: whoever is slow asks
the store's log, which keeps everything it promises to.
"""

from __future__ import annotations

from collections import deque

from framework0.context.wire import Batch

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence
    from typing import Protocol

    from framework0.context import Change, Store
else:
    Protocol = object


class Follower(Protocol):
    """A connection that is handed changes; called from the loop."""

    def changes(self, batch: Batch) -> int:
        """Take a batch, or leave it out; return how many changes were sent."""

    def left_out(self, version: int) -> None:
        """Take note that what happened up to ``version`` was not told."""


class Feed:
    """The changes of one store on their way to those who follow it. All calls come from the loop."""

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        self._loop = loop
        self._resuming = False
        self._arrived: deque[Sequence[Change]] = deque()
        self._armed = False
        self._waiting: list[asyncio.Future[None]] = []
        self.followers: set[Follower] = set()
        self.delivered = 0
        self.latest: Batch | None = None
        self.version = self._heard = store.version()
        self._unwatch = store.watch(self._hear, self.version)

    def follow(self, store: Store) -> None:
        """Follow another opening of the same store from where the one before was left."""
        self._unwatch()
        self._store = store
        self._unwatch = store.watch(self._hear, self._heard)

    def close(self) -> None:
        """Tell nobody any more; those who wait are woken."""
        self._unwatch()
        self.followers.clear()
        self._wake()

    def hold(self) -> None:
        """Wait for :meth:`flush` with what arrives from now on: the end of a commit calls it."""
        self._armed = True

    def flush(self) -> None:
        """Tell everybody what has arrived."""
        self._armed = False
        if not self._arrived:
            return
        changes = self._arrived.popleft()
        if self._arrived:
            changes = list(changes)
            while self._arrived:
                changes += self._arrived.popleft()
        self.latest = batch = Batch(changes)
        self.version = batch.last
        sent = 0
        for follower in tuple(self.followers):
            sent += follower.changes(batch)
        self.delivered += sent
        self._wake()

    async def news(self) -> None:
        """Wait until something has happened, or the feed is closed."""
        future = self._loop.create_future()
        self._waiting.append(future)
        await future

    def _resume(self) -> None:
        """Go on from what the store holds now; everybody asks the log, and hears what is lost."""
        self._resuming = True
        self._unwatch = self._store.watch(self._hear)
        self._resuming = False
        self.latest = None
        self.version = self._heard = max(self.version, self._store.version())
        for follower in tuple(self.followers):
            follower.left_out(self.version)
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _hear(self, changes: Sequence[Change]) -> None:
        """Take changes from the store, in whichever thread made them."""
        if not changes:
            # The store has jumped over changes that nobody can tell any more, or it has ended.
            if not self._resuming:
                self._loop.call_soon_threadsafe(self._resume)
            return
        self._heard = changes[-1].version
        self._arrived.append(changes)
        if not self._armed:
            self._armed = True
            self._loop.call_soon_threadsafe(self.flush)
