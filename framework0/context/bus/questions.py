"""Requests and their answers: one who asks, one who answers, and neither waits for ever."""

from __future__ import annotations

from threading import Thread

from framework0.context.bus.bells import LoopBell, ThreadBell, deadline
from framework0.context.bus.inbox import Inbox
from framework0.context.bus.routes import Routes
from framework0.context.queues import BLOCK
from framework0.errors import BusClosed, BusError, NoResponder, RequestFailed, WaitTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from framework0.context.change import Undo

ANSWER_SECONDS: Final = 5.0
"""How long an answer is waited for unless the request says otherwise."""


class Question:
    """One request: ``topic``, ``value``, and the two ways to answer it. The first answer counts.

    ``abandoned`` says that nobody waits any more, so that the work can be saved.
    """

    __slots__ = ("_answers", "_bell", "abandoned", "topic", "value")

    def __init__(self, topic: str, value: Any, bell: ThreadBell | LoopBell) -> None:
        self.topic = topic
        self.value = value
        self.abandoned = False
        self._bell = bell
        self._answers: list[tuple[Any, BaseException | None]] = []

    def __repr__(self) -> str:
        state = "abandoned" if self.abandoned else "answered" if self._answers else "open"
        return f"Question({self.topic!r}, {state})"

    def reply(self, value: Any = None) -> None:
        """Answer it."""
        self._settle((value, None))

    def fail(self, error: BaseException) -> None:
        """Have RequestFailed raised where it was asked, with ``error`` as the cause."""
        self._settle((None, error))

    def answer(self) -> Any:
        """Return the answer, or raise what it was answered with."""
        value, error = self._answers[0]
        if error is None:
            return value
        if isinstance(error, BusClosed | NoResponder):
            raise error
        raise RequestFailed(
            f"the request on {self.topic!r} failed: {type(error).__name__}: {error}"
        ) from error

    def _settle(self, answer: tuple[Any, BaseException | None]) -> None:
        # Appending is one step for the interpreter, so that of two answers exactly one is first.
        answers = self._answers
        answers.append(answer)
        if answers[0] is answer:
            self._bell.ring()


class QuestionInbox(Inbox):
    """An inbox of :class:`Question` s; those still in it when it is closed are told so."""

    def close(self) -> None:
        """Take no more questions, and tell those who asked what nobody has begun to answer."""
        super().close()
        with self._lock:
            left = self._queue.take(len(self._queue))
        for question in left:
            question.fail(_stopped(question.topic))


class Questions:
    """Who answers what, and what is being asked."""

    def __init__(self) -> None:
        self._responders: Routes[QuestionInbox, tuple[QuestionInbox, ...]] = Routes(tuple)
        self._open: set[Question] = set()
        self._closed = False

    def inbox(self, pattern: str, limit: int) -> QuestionInbox:
        """Return an inbox of what is asked from now on."""
        inbox = QuestionInbox(pattern, BLOCK, limit, None, None)
        inbox.at_end(self._responders.add(pattern, inbox))
        return inbox

    def respond(self, pattern: str, handler: Callable[[str, Any], Any], limit: int) -> Undo:
        """Answer by calling ``handler`` in a thread of its own."""
        inbox = self.inbox(pattern, limit)
        # Daemon: whoever could be asked must not keep the process alive.
        Thread(
            target=_serve, args=(inbox, handler), name=f"framework0-bus {pattern}", daemon=True
        ).start()
        return inbox.close

    def ask(self, topic: str, value: Any, timeout: float | None) -> Any:
        """Return the answer; see :meth:`MemoryBus.request`."""
        bell = ThreadBell()
        question = Question(topic, value, bell)
        try:
            self._hand_over(question)
            if not bell.wait(deadline(timeout)):
                raise _too_late(topic, timeout)
            return question.answer()
        finally:
            self._done(question)

    # As in arequest(): what is left waiting must be given up here, not outside.
    async def aask(self, topic: str, value: Any, timeout: float | None) -> Any:  # noqa: ASYNC109
        """Return the answer; see :meth:`MemoryBus.arequest`."""
        from asyncio import get_running_loop

        bell = LoopBell(get_running_loop())
        question = Question(topic, value, bell)
        try:
            self._hand_over(question)
            if not await bell.wait(deadline(timeout)):
                raise _too_late(topic, timeout)
            return question.answer()
        finally:
            self._done(question)

    def close(self) -> None:
        """Wake whoever asks; nobody answers from now on."""
        self._closed = True
        inboxes = self._responders.everybody()
        self._responders.close()
        for question in tuple(self._open):
            question.fail(BusClosed(f"the bus was closed before {question.topic!r} was answered"))
        for inbox in inboxes:
            inbox.close()

    def _hand_over(self, question: Question) -> None:
        topic = question.topic
        try:
            inboxes = self._responders.known[topic]
        # Not known yet, or nothing that could be a topic.
        except (KeyError, TypeError):
            inboxes = self._responders.find(topic)
        if not inboxes:
            raise NoResponder(
                f"nobody answers requests on {topic!r}: respond() to it before it is asked"
            )
        self._open.add(question)
        for inbox in inboxes:
            if inbox.offer(question):
                if inbox.closed:
                    question.fail(_stopped(topic))
                break
        else:
            raise BusError(
                f"everybody who answers {topic!r} has as many requests waiting as he may "
                f"({', '.join(str(inbox.limit) for inbox in inboxes)}): ask again later"
            )
        if self._closed:
            question.fail(BusClosed(f"the bus was closed before {topic!r} was answered"))

    def _done(self, question: Question) -> None:
        question.abandoned = True
        self._open.discard(question)


def _serve(inbox: QuestionInbox, handler: Callable[[str, Any], Any]) -> None:
    for question in inbox:
        if question.abandoned:
            continue
        try:
            question.reply(handler(question.topic, question.value))
        # The user's code: whatever it raises, even SystemExit, is the answer to this one request.
        except BaseException as error:  # noqa: BLE001
            question.fail(error)


def _stopped(topic: str) -> NoResponder:
    return NoResponder(f"whoever answered requests on {topic!r} stopped before this one")


def _too_late(topic: str, timeout: float | None) -> WaitTimeout:
    return WaitTimeout(f"the request on {topic!r} was not answered within {timeout} s")
