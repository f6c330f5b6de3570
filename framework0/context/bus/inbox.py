"""A subscriber that reads at its own pace: a bounded queue with threads or tasks at its end."""

from __future__ import annotations

from collections import deque
from operator import attrgetter, itemgetter
from threading import Lock

from framework0.context.bus.bells import LoopBell, ThreadBell, deadline
from framework0.context.queues import BLOCK, CONFLATE, make_queue
from framework0.errors import BusClosed, BusError, WaitTimeout
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncIterator, Callable, Hashable, Iterator
    from types import TracebackType
    from typing import Any, Final, Self

    from framework0.context.change import Undo

MESSAGES: Final = 1_000
"""Messages that wait in an inbox unless it says otherwise: a second or so of a busy topic."""

BLOCK_SECONDS: Final = 5.0
"""How long a publisher waits for a full inbox with ``block``: longer is taken for a reader that hangs."""

_BREATH: Final = 100
"""Messages a task takes from a full inbox before the other tasks of its loop get a turn."""


class Message(NamedTuple):
    """What was published: the topic, and the value itself, which is not copied."""

    topic: str
    value: Any


class Inbox:
    """What a bus keeps for one subscriber until it is read; :meth:`MemoryBus.inbox` makes it.

    Read it from any number of threads (``for message in inbox``, :meth:`get`) and tasks
    (``async for message in inbox``, :meth:`aget`); each message is read once. ``dropped`` counts
    those that were given up because the inbox was full. Not to be used in signal handlers and
    finalizers, which may interrupt a thread that is using it.
    """

    def __init__(
        self,
        pattern: str,
        overflow: str,
        limit: int,
        timeout: float | None,
        key: Callable[[Message], Hashable] | None,
    ) -> None:
        if key is not None and overflow != CONFLATE:
            raise BusError(f"a key is for overflow='conflate', not for {overflow!r}: leave it out")
        self.pattern = pattern
        self.overflow = overflow
        self.limit = limit
        self.dropped = 0
        self.closed = False
        self._queue = make_queue(
            overflow, limit, attrgetter("topic") if key is None else itemgetter(0)
        )
        self._key = key
        self._blocks = overflow == BLOCK
        self._timeout = timeout
        self._lock = Lock()
        self._readers: deque[ThreadBell | LoopBell] = deque()
        self._writers: deque[ThreadBell | LoopBell] = deque()
        self._loop: AbstractEventLoop | None = None
        self._told = False
        self._at_end: tuple[Undo, ...] = ()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"Inbox({self.pattern!r}, {state}, waiting={len(self)}, dropped={self.dropped})"

    def __len__(self) -> int:
        return len(self._queue)

    def __bool__(self) -> bool:
        # An empty inbox is still an inbox.
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                yield self.get()
            except BusClosed:
                return

    async def __aiter__(self) -> AsyncIterator[Any]:
        import asyncio

        taken = 0
        while True:
            try:
                yield await self.aget()
            except BusClosed:
                return
            taken += 1
            if taken % _BREATH == 0:
                await asyncio.sleep(0)

    def get(self, timeout: float | None = None) -> Any:
        """Return the next message, waiting up to ``timeout`` seconds for it.

        Raises WaitTimeout, and BusClosed when it has been closed and everything is read.
        """
        until = deadline(timeout)
        while True:
            with self._lock:
                try:
                    return self._taken()
                except IndexError:
                    bell = ThreadBell()
                    self._readers.append(bell)
            rung = False
            try:
                rung = bell.wait(until)
            finally:
                if not rung:
                    self._left(self._readers, bell)
            if not rung:
                raise WaitTimeout(f"nothing was published on {self.pattern!r} within {timeout} s")

    async def aget(self) -> Any:
        """Return the next message, waiting for it; a task that is cancelled loses none.

        Raises BusClosed when it has been closed and everything is read.
        """
        from asyncio import get_running_loop

        self._loop = loop = get_running_loop()
        while True:
            with self._lock:
                try:
                    return self._taken()
                except IndexError:
                    bell = LoopBell(loop)
                    self._readers.append(bell)
            try:
                await bell.wait(None)
            # A task that is cancelled while it waits, too: its bell must not be rung for nobody.
            except BaseException:
                self._left(self._readers, bell)
                raise

    def close(self) -> None:
        """Take no more messages; what waits can still be read, and who waits is woken."""
        endings, self._at_end = self._at_end, ()
        for end in endings:
            end()
        with self._lock:
            self.closed = True
            for bells in (self._readers, self._writers):
                while bells:
                    bells.popleft().ring()

    def at_end(self, *undo: Undo) -> None:
        """Remember what to undo when the inbox is closed."""
        self._at_end += undo

    def offer(self, message: Any) -> bool:
        """Take a message if that needs no waiting; False says that it does."""
        item = message
        if self._key is not None:
            try:
                item = (self._key(message), message)
                hash(item[0])
            # The user's code; whatever is wrong with one key, the publisher goes on.
            except Exception:  # noqa: BLE001
                _log().exception("no key of a message on %r: it is given up", message.topic)
                self._give_up()
                return True
        with self._lock:
            if self.closed:
                return True
            if self._blocks and len(self._queue) >= self.limit:
                return False
            lost = self._queue.put(item)
            if self._readers:
                self._readers.popleft().ring()
        if lost:
            self._give_up(lost)
        return True

    def wait_for_room(self, message: Message, started: float) -> bool:
        """Offer again until there is room; False, and the message is lost, when that took too long.

        Raises BusError when this thread runs the event loop on which the reader waits.
        """
        self._refuse_own_loop()
        while not self.offer(message):
            bell = ThreadBell()
            if self._in_line(bell):
                rung = False
                try:
                    rung = bell.wait(self._latest(started))
                finally:
                    self._waited(bell, rung)
                if not rung:
                    return False
        return True

    async def await_room(self, message: Message, started: float) -> bool:
        """Do as :meth:`wait_for_room` on the running event loop, without holding it up."""
        from asyncio import get_running_loop

        while not self.offer(message):
            bell = LoopBell(get_running_loop())
            if self._in_line(bell):
                rung = False
                try:
                    rung = await bell.wait(self._latest(started))
                finally:
                    self._waited(bell, rung)
                if not rung:
                    return False
        return True

    def _latest(self, started: float) -> float | None:
        return None if self._timeout is None else started + self._timeout

    def _waited(self, bell: ThreadBell | LoopBell, rung: bool) -> None:
        if not rung:
            self._left(self._writers, bell)
            self._give_up()

    def _refuse_own_loop(self) -> None:
        if self._loop is None:
            return
        from asyncio import _get_running_loop

        if _get_running_loop() is self._loop:
            self._give_up()
            raise BusError(
                f"the inbox {self.pattern!r} is full, and its reader runs on this event loop: it "
                "would be waited for in vain; use 'await bus.apublish(…)'"
            )

    def _taken(self) -> Any:
        """Return the oldest message, or raise IndexError; the lock is held."""
        try:
            item = self._queue.pop()
        except IndexError:
            if self.closed:
                raise BusClosed(
                    f"the inbox {self.pattern!r} is closed, and everything in it is read"
                ) from None
            raise
        if self._writers:
            self._writers.popleft().ring()
        return item if self._key is None else item[1]

    def _in_line(self, bell: ThreadBell | LoopBell) -> bool:
        """Have the bell rung when there is room; False if there is some by now."""
        with self._lock:
            if self.closed or len(self._queue) < self.limit:
                return False
            self._writers.append(bell)
            return True

    def _left(self, line: deque[ThreadBell | LoopBell], bell: ThreadBell | LoopBell) -> None:
        """Somebody waits no longer; if he was called meanwhile, the next one is."""
        with self._lock:
            if bell in line:
                line.remove(bell)
            elif line:
                line.popleft().ring()

    def _give_up(self, count: int = 1) -> None:
        with self._lock:
            self.dropped += count
            told, self._told = self._told, True
        if not told:
            _log().warning(
                "the reader of %r is slower than what is published: messages are given up "
                "(its policy: %s); .dropped counts them",
                self.pattern,
                self.overflow,
            )


def _log() -> logging.Logger:
    # Imported only when something went wrong, as everywhere in this room.
    import logging

    return logging.getLogger("framework0.context.bus")
