"""Fresh reads of a context on a cluster: one question to the majority for all who came before it began."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from framework0.errors import Framework0Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    Done = Callable[[Exception | None], None]


class Freshness:
    """Asks in a thread of its own, one question at a time. All calls come from the loop.

    ``refresh`` makes everything readable here that was acknowledged anywhere before it was called.
    """

    def __init__(self, refresh: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        self._refresh = refresh
        self._loop = loop
        self._thread = ThreadPoolExecutor(1, "fresh reads")
        self._waiting: list[Done] = []
        self._busy = False

    def ask_soon(self) -> None:
        """Ask for nobody in particular, unless a question is under way."""
        if not self._busy:
            self._begin()

    def ask(self, done: Done) -> None:
        """Call ``done`` once what is read here is as new as this call, or with why it is not."""
        self._waiting.append(done)
        if not self._busy:
            self._begin()

    async def asked(self) -> None:
        """Wait until what is read here is as new as this call; raises why it cannot be."""
        future: asyncio.Future[Exception | None] = self._loop.create_future()
        self.ask(lambda error: None if future.done() else future.set_result(error))
        error = await future
        if error is not None:
            raise error

    def close(self) -> None:
        """Ask nobody any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._busy = True
        question = self._loop.run_in_executor(self._thread, self._tried)
        question.add_done_callback(lambda future: self._end(waiting, future))

    def _tried(self) -> Exception | None:
        try:
            self._refresh()
        except Framework0Error as error:
            return error
        return None

    def _end(self, waiting: list[Done], question: asyncio.Future[Exception | None]) -> None:
        self._busy = False
        if question.cancelled():
            return
        error = question.exception() or question.result()
        if error is not None:
            # Nobody could be asked until now, which answers those who have come meanwhile too.
            waiting, self._waiting = waiting + self._waiting, []
        for done in waiting:
            done(error if isinstance(error, Exception) else None)
        if self._waiting and not self._busy:
            # The server is about to end: there is no thread to ask in.
            with suppress(RuntimeError):
                self._begin()
