"""The bus: who publishes does not know who listens."""

from __future__ import annotations

from threading import local
from time import monotonic

from framework0.context.bus.inbox import BLOCK_SECONDS, MESSAGES, Inbox, Message
from framework0.context.bus.questions import ANSWER_SECONDS, Questions
from framework0.context.bus.routes import Routes
from framework0.errors import BusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Hashable
    from types import TracebackType
    from typing import Any, Final, Self

    from framework0.context.bus.questions import QuestionInbox
    from framework0.context.change import Undo

    Callback = Callable[[str, Any], object]

DEPTH: Final = 50
"""Publications within one another in one thread; more of them go in a circle."""

_COROUTINE: Final = 0x80
"""The flag of an ``async def`` in ``__code__.co_flags``; see Python's ``inspect.CO_COROUTINE``."""


class MemoryBus:
    """Publish and subscribe within one process, from any thread or task.

        bus = MemoryBus()
        bus.subscribe("sensors.*", lambda topic, value: print(topic, value))
        bus.publish("sensors.door", "open")

    Topics are written like the keys of a context, and patterns mean the same here and there. Values
    are any objects; they are handed over as they are, so nobody should change them.

    **Callbacks** (:meth:`subscribe`) are called by the publishing thread, in the order in which they
    subscribed. What they raise is logged and hurts nobody. A callback may publish: that message goes
    to all its subscribers before the first one goes on to the next of its own, and after
    50 publications within one another the circle is ended. Whoever subscribes during a publication
    is not told of it any more, and whoever ended his subscription is not called after that.

    **Inboxes** (:meth:`inbox`) are read by threads and tasks at their own pace. Each says what
    becomes of messages when it is full; only ``"block"`` makes publishers wait, and not before
    everybody else has the message.

    **Requests** (:meth:`request`) have one answer, from whoever :meth:`respond` s.
    """

    def __init__(self) -> None:
        self._subscribers: Routes[_Callback | Inbox, _Route] = Routes(_divided)
        self._questions = Questions()
        self._here = _Here()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def inboxes(self) -> tuple[Inbox, ...]:
        """The open inboxes, each with what waits in it and what it has dropped."""
        return tuple(each for each in self._subscribers.everybody() if isinstance(each, Inbox))

    def publish(self, topic: str, value: Any = None) -> int:
        """Tell everybody whose pattern matches; return how many that were.

        Waits only for full inboxes with ``"block"``. Raises ContextError for what is no topic,
        BusClosed after :meth:`close`, and BusError if it would wait for its own event loop.
        """
        callbacks, inboxes = self._route(topic)
        if callbacks:
            self._call(callbacks, topic, value)
        return len(callbacks) + (_filled(inboxes, Message(topic, value)) if inboxes else 0)

    def pass_on(self, topic: str, value: Any, but: Inbox | None) -> int:
        """Publish for everybody but one inbox, whose reader is where it comes from."""
        callbacks, inboxes = self._route(topic)
        if callbacks:
            self._call(callbacks, topic, value)
        others = tuple(inbox for inbox in inboxes if inbox is not but)
        return len(callbacks) + _filled(others, Message(topic, value))

    async def apublish(self, topic: str, value: Any = None) -> int:
        """Publish from a task; full inboxes with ``"block"`` are waited for without holding its loop."""
        callbacks, inboxes = self._route(topic)
        if callbacks:
            self._call(callbacks, topic, value)
        message = Message(topic, value)
        full = [inbox for inbox in inboxes if not inbox.offer(message)]
        started, missed = monotonic(), 0
        for inbox in full:
            missed += not await inbox.await_room(message, started)
        return len(callbacks) + len(inboxes) - missed

    def subscribe(self, pattern: str, callback: Callback) -> Undo:
        """Call ``callback(topic, value)`` for each message whose topic matches, as it is published.

        Returns what ends the subscription. Raises ContextError for what is no pattern, and BusError
        for an ``async`` function, which nobody would await.
        """
        code = getattr(callback, "__code__", None)
        if code is not None and code.co_flags & _COROUTINE:
            raise BusError(
                f"{callback.__qualname__} is async, and a publisher does not await it: read with "
                "'async for message in bus.inbox(…)' instead"
            )
        entry = _Callback(pattern, callback)
        undo = self._subscribers.add(pattern, entry)

        def end() -> None:
            # A publication that is going on has the entry in its hands.
            entry.call = _nothing
            undo()

        return end

    def inbox(
        self,
        pattern: str,
        *,
        overflow: str,
        limit: int = MESSAGES,
        timeout: float | None = BLOCK_SECONDS,
        key: Callable[[Message], Hashable] | None = None,
    ) -> Inbox:
        """Return an inbox that gets each message whose topic matches, until it is closed.

        When ``limit`` messages wait, ``overflow`` decides: ``"drop_oldest"`` keeps the newest,
        ``"conflate"`` the newest of each topic (or of each ``key(message)``), and ``"block"`` makes
        publishers wait, each for ``timeout`` seconds at most (None: for as long as it takes); then
        the message is given up.
        """
        inbox = Inbox(pattern, overflow, limit, timeout, key)
        inbox.at_end(self._subscribers.add(pattern, inbox))
        return inbox

    def request(self, topic: str, value: Any = None, timeout: float | None = ANSWER_SECONDS) -> Any:
        """Ask whoever responds to ``topic`` and return the answer, waiting ``timeout`` seconds at most.

        Raises NoResponder at once when nobody does, WaitTimeout, and RequestFailed for what the
        responder raised.
        """
        return self._questions.ask(topic, value, timeout)

    # The same parameter as in request(): what is left waiting must be given up here, not outside.
    async def arequest(
        self,
        topic: str,
        value: Any = None,
        timeout: float | None = ANSWER_SECONDS,  # noqa: ASYNC109
    ) -> Any:
        """Do as :meth:`request`, without holding up the event loop."""
        return await self._questions.aask(topic, value, timeout)

    def respond(
        self, pattern: str, handler: Callable[[str, Any], Any], *, limit: int = MESSAGES
    ) -> Undo:
        """Answer requests whose topic matches with what ``handler(topic, value)`` returns or raises.

        It is called in a thread of its own, one request after the other. Returns what ends it.
        """
        return self._questions.respond(pattern, handler, limit)

    def questions(self, pattern: str, *, limit: int = MESSAGES) -> QuestionInbox:
        """Return an inbox of requests (:class:`Question`), to be answered in threads and tasks of yours.

        Of several that match a topic, the one that came first and has room gets a request.
        """
        return self._questions.inbox(pattern, limit)

    def close(self) -> None:
        """End every subscription and inbox, and wake whoever waits; harmless when repeated.

        What waits in inboxes can still be read. Publishing raises BusClosed from now on.
        """
        inboxes = self.inboxes
        self._subscribers.close()
        for inbox in inboxes:
            inbox.close()
        self._questions.close()

    def _route(self, topic: str) -> _Route:
        try:
            return self._subscribers.known[topic]
        # Not known yet, or nothing that could be a topic.
        except (KeyError, TypeError):
            return self._subscribers.find(topic)

    def _call(self, callbacks: tuple[_Callback, ...], topic: str, value: Any) -> None:
        here = self._here
        depth = here.depth
        if depth >= DEPTH:
            raise _InCircles(
                f"publishing {topic!r} within {depth} other publications: the callbacks publish in "
                "a circle; have one of them read an inbox instead"
            )
        here.depth = depth + 1
        try:
            for entry in callbacks:
                try:
                    entry.call(topic, value)
                # The user's code: its mistakes are its own, and the others get the message.
                except Exception as error:
                    if depth and isinstance(error, _InCircles):
                        # Ended where it began: halfway up, each callback would begin it again.
                        raise
                    _log().exception(
                        "a subscriber of %r failed on %r; the others are not affected",
                        entry.pattern,
                        topic,
                    )
        finally:
            here.depth = depth


class _InCircles(BusError):
    """Callbacks publish what makes them publish."""


class _Callback:
    """A callback with its pattern; ``call`` is replaced when it is to be called no more."""

    __slots__ = ("call", "pattern")

    def __init__(self, pattern: str, call: Callback) -> None:
        self.pattern = pattern
        self.call = call


class _Here(local):
    """How many publications within one another this thread is in."""

    depth = 0


def _nothing(topic: str, value: Any) -> None:
    del topic, value


if TYPE_CHECKING:
    _Route = tuple[tuple[_Callback, ...], tuple[Inbox, ...]]


def _divided(targets: list[_Callback | Inbox]) -> _Route:
    """Return callbacks and inboxes apart."""
    callbacks = tuple(each for each in targets if isinstance(each, _Callback))
    return callbacks, tuple(each for each in targets if isinstance(each, Inbox))


def _filled(inboxes: tuple[Inbox, ...], message: Message) -> int:
    """Give a message to inboxes, the full ones last; return how many have it."""
    full = [inbox for inbox in inboxes if not inbox.offer(message)]
    if not full:
        return len(inboxes)
    started, missed, refused = monotonic(), 0, None
    for inbox in full:
        try:
            missed += not inbox.wait_for_room(message, started)
        except BusError as error:
            # The others are to have it all the same.
            refused = error
    if refused is not None:
        raise refused
    return len(inboxes) - missed


def _log() -> logging.Logger:
    # Imported only when something went wrong, as everywhere in this room.
    import logging

    return logging.getLogger("framework0.context.bus")
