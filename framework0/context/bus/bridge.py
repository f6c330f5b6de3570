"""Two buses in two processes that tell each other what is published."""

from __future__ import annotations

from functools import partial
from threading import Thread, current_thread
from time import monotonic

from framework0.context.bus.bells import deadline
from framework0.context.bus.inbox import MESSAGES
from framework0.errors import BusClosed, BusError, ContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Final, Self

    from framework0.context.bus.channels import Receiver, Sender
    from framework0.context.bus.inbox import Inbox
    from framework0.context.bus.memory import MemoryBus

CLOSE_SECONDS: Final = 5.0
"""How long :meth:`Bridge.close` goes on sending what was published before it."""


class Bridge:
    """Send what is published on ``bus`` to another process, and publish here what comes from there.

    What matches ``pattern`` goes out through ``sender``, waiting in an inbox with ``overflow`` and
    ``limit``; what comes in through ``receiver`` is published here and not sent back. ``refused``
    counts messages that could not travel; each is logged. When the other process is gone, the bridge
    closes itself. Bridges in a ring pass messages round for ever: build a tree.
    """

    def __init__(
        self,
        bus: MemoryBus,
        sender: Sender | None = None,
        receiver: Receiver | None = None,
        *,
        pattern: str = "**",
        overflow: str = "drop_oldest",
        limit: int = MESSAGES,
    ) -> None:
        if sender is None and receiver is None:
            raise BusError(
                "a bridge needs an end of a channel: hand it a sender, a receiver or both"
            )
        self.refused = 0
        self.closed = False
        self._bus = bus
        self._sender = sender
        self._receiver = receiver
        self._inbox: Inbox | None = None
        self._out: Thread | None = None
        self._in: Thread | None = None
        if sender is not None:
            self._inbox = bus.inbox(pattern, overflow=overflow, limit=limit)
            self._out = _started(partial(self._send, sender, self._inbox), "out")
        if receiver is not None:
            self._in = _started(partial(self._receive, receiver), "in")

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
    def dropped(self) -> int:
        """How many messages were given up because the other process was too slow."""
        return 0 if self._inbox is None else self._inbox.dropped

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the bridge is closed, for instance by the other process's end; False if it is not."""
        until = deadline(timeout)
        return _joined(self._out, until) and _joined(self._in, until)

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Send what waits, for up to ``timeout`` seconds, then close both ends. Harmless when repeated."""
        until = deadline(timeout)
        if self._inbox is not None:
            self._inbox.close()
        _joined(self._out, until)
        self._end()
        _joined(self._in, until)

    def _end(self) -> None:
        self.closed = True
        for one in (self._inbox, self._sender, self._receiver):
            if one is not None:
                one.close()

    def _send(self, sender: Sender, inbox: Inbox) -> None:
        for message in inbox:
            try:
                sender.send(message.topic, message.value)
            except BusClosed:
                break
            except (ContextError, OSError) as error:
                self._refuse(f"what was published on {message.topic!r}", error)
        self._end()

    def _receive(self, receiver: Receiver) -> None:
        while True:
            try:
                message = receiver.receive()
                self._bus.pass_on(message.topic, message.value, self._inbox)
            except BusClosed:
                break
            except (ContextError, OSError) as error:
                self._refuse("what came from the other process", error)
        self._end()

    def _refuse(self, what: str, error: Exception) -> None:
        # Imported only when something went wrong, as everywhere in this room.
        import logging

        self.refused += 1
        logging.getLogger("framework0.context.bus").warning(
            "%s cannot be passed on, the bridge goes on without it: %s", what, error
        )


def _started(work: Callable[[], None], way: str) -> Thread:
    # Daemon: a bridge alone must not keep the process alive.
    thread = Thread(target=work, name=f"framework0-bridge-{way}", daemon=True)
    thread.start()
    return thread


def _joined(thread: Thread | None, until: float | None) -> bool:
    if thread is None or thread is current_thread():
        return True
    thread.join(None if until is None else max(until - monotonic(), 0.0))
    return not thread.is_alive()
