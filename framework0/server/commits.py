"""Group commit: what gathered while the commit before was going on is one commit, in one thread.

A store in memory needs no thread: what one turn of the loop brings is one call. Answers are given
after the subscribers were told, so that whoever is answered finds the change everywhere.
"""

from __future__ import annotations

import logging
from queue import SimpleQueue
from threading import Thread

from framework0.errors import StoreUnavailable
from framework0.server.answers import committed_or_refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from framework0.context import Change, Request, Store
    from framework0.server.feed import Feed

    Outcome = tuple[Change, ...] | Exception
    Done = Callable[[Outcome], None]
    Waiting = list[tuple[Request, Done]]

_LOG = logging.getLogger("framework0.server")


class Commits:
    """The writes of one context. All calls come from the loop.

    ``store`` returns the store to write to, ``renew`` opens it anew after a failure, ``alone`` tells
    whether there is but one client.
    """

    def __init__(
        self,
        store: Callable[[], Store],
        renew: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
        feed: Feed,
        *,
        alone: Callable[[], bool],
        threaded: bool,
        name: str,
    ) -> None:
        self._store = store
        self._renew = renew
        self._alone = alone
        # After a failure nobody knows what the old descriptors hold: the store is opened anew.
        self._failed = False
        self._loop = loop
        self._feed = feed
        self._waiting: Waiting = []
        self._busy = False
        # Whether a group is to begin at the end of this turn.
        self._due = False
        self._idle: asyncio.Future[None] | None = None
        self._work: SimpleQueue[Waiting | None] = SimpleQueue()
        self._thread: Thread | None = None
        self.groups = 0
        self.requests = 0
        if threaded:
            self._thread = Thread(target=self._serve, name=f"commits of {name}", daemon=True)
            self._thread.start()

    def submit(self, request: Request, done: Done) -> None:
        """Have ``done`` called with the changes, or the error, once they are durable."""
        self._waiting.append((request, done))
        if not self._busy:
            self._busy = True
            # At the end of this turn: what other connections bring in it joins the group.
            self._begin_soon()

    def begin_alone(self) -> None:
        """Begin now what the only client has asked for: nobody else can join it."""
        if self._due and self._alone():
            self._begin()

    @property
    def waiting(self) -> int:
        """How many requests wait for the next group."""
        return len(self._waiting)

    async def drained(self) -> None:
        """Wait until nothing is waiting and nothing is being committed."""
        while self._busy:
            if self._idle is None:
                self._idle = self._loop.create_future()
            await self._idle

    def close(self) -> None:
        """End the thread; what is being committed ends first."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join()
            self._thread = None

    def _begin_soon(self) -> None:
        self._due = True
        self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        if not self._due:
            return
        self._due = False
        group, self._waiting = self._waiting, []
        self._feed.hold()
        # With one client alone nobody is held up, and to wake a thread costs as much as a commit.
        if self._thread is not None and not (len(group) == 1 and self._alone()):
            self._work.put(group)
        else:
            self._finish(group, self._apply(group))

    def _serve(self) -> None:
        while (group := self._work.get()) is not None:
            outcomes = self._apply(group)
            self._loop.call_soon_threadsafe(self._finish, group, outcomes)

    def _apply(self, group: Waiting) -> Sequence[Outcome]:
        try:
            if self._failed:
                self._renew()
                self._failed = False
            outcomes = self._store().apply_all([request for request, _ in group])
        # A full disk, a lost file: every request of the group gets it as its answer, the server stays.
        except Exception as error:  # noqa: BLE001
            # A cluster that cannot be asked leaves nothing behind that could be broken.
            self._failed = not isinstance(error, StoreUnavailable)
            _LOG.error("a commit of %d requests failed: %s", len(group), error)
            return [committed_or_refused(error)] * len(group)
        if type(outcomes[-1]) is StoreUnavailable:
            _LOG.error("a commit of %d requests failed: %s", len(group), outcomes[-1])
        return outcomes

    def _finish(self, group: Waiting, outcomes: Sequence[Outcome]) -> None:
        self.groups += 1
        self.requests += len(group)
        self._feed.flush()
        for (_, done), outcome in zip(group, outcomes, strict=True):
            done(outcome)
        if self._waiting:
            self._begin_soon()
            return
        self._busy = False
        if self._idle is not None:
            self._idle.set_result(None)
            self._idle = None


def changed(outcome: Outcome) -> tuple[Change, ...]:
    """Return the changes of an outcome, or raise its error."""
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
