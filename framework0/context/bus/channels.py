"""Messages from one process to another: JSON in a socket, arrays and bytes beside it as descriptors.

A channel goes one way. Its two ends are made together and one of them is given to another process: to
``multiprocessing`` as an argument, to any other program as a descriptor (:meth:`Receiver.from_descriptor`).
Nothing of it has a name in the file system, so a killed process leaves nothing behind. Nothing is ever
pickled: a message cannot make the other side do anything.

The kernel keeps whole messages (``SOCK_SEQPACKET``). In the other direction go receipts, one byte for each
message with memory beside it, so that a reader who does not read holds back no more than a window of it.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from collections import deque
from contextlib import contextmanager
from threading import RLock
from time import monotonic

from framework0.context.bus.bells import deadline
from framework0.context.bus.frames import LARGEST, decoded, encoded
from framework0.context.patterns import check_key
from framework0.errors import BusClosed, BusError, WaitTimeout
from framework0.segments import receive, segments_of, send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Any, Final, Self

    from framework0.context.bus.inbox import Message

WINDOW: Final = 256 * 1024 * 1024
"""Bytes of shared memory on their way and not yet received; a single larger value goes alone."""

UNRECEIVED: Final = 64
"""Messages with memory beside them that are on their way: each holds a descriptor in the kernel, of
which a user has a limited number."""

_RECEIPT: Final = b"r"


def channel(window: int = WINDOW) -> tuple[Sender, Receiver]:
    """Return the two ends of a new channel.

    ``window`` is the bytes of shared memory that may be on their way. Raises BusError where the
    system has no such sockets (Windows, macOS).
    """
    try:
        out, into = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except (AttributeError, OSError) as error:
        raise BusError(
            f"this system has no sockets that pass memory between processes ({error}): the bus "
            "reaches within one process here"
        ) from error
    return Sender(out, window), Receiver(into)


class _End:
    """What both ends have in common: they are closed, waited for and given to another process."""

    def __init__(self, end: socket.socket) -> None:
        self.closed = False
        self._end = end
        # A signal handler may close what its thread is waiting on.
        self._lock = RLock()
        self._closing = RLock()
        self._alarm: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # An unfinished constructor leaves nothing to close.
        if getattr(self, "_closing", None) is not None:
            self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"descriptor {self._end.fileno()}"
        return f"{type(self).__name__}({state})"

    def fileno(self) -> int:
        """Return the descriptor, for a program that is started to inherit."""
        return self._end.fileno()

    def close(self) -> None:
        """Close this process's hold on this end; whoever waits at it is woken. Harmless when repeated."""
        with self._closing:
            if self.closed:
                return
            self.closed = True
            if self._alarm is not None:
                os.write(self._alarm[1], b"!")
            # Whoever waits has the lock until the alarm wakes him.
            with self._lock:
                self._end.close()
                for descriptor in self._alarm or ():
                    os.close(descriptor)

    @contextmanager
    def _held(self, until: float | None, what: str) -> Iterator[None]:
        """Keep other threads from this end; raises WaitTimeout when one of them waits here too long."""
        if not self._lock.acquire(timeout=-1 if until is None else max(until - monotonic(), 0.0)):
            raise WaitTimeout(f"{what} in the time given")
        try:
            self._check_open()
            yield
        finally:
            self._lock.release()

    def _wait(self, events: int, until: float | None, what: str) -> None:
        """Wait until the socket is ready; raises WaitTimeout, and BusClosed when this end is closed."""
        if self._alarm is None:
            self._alarm = os.pipe()
        self._check_open()
        poll = select.poll()
        poll.register(self._end, events)
        poll.register(self._alarm[0], select.POLLIN)
        left = None if until is None else max(until - monotonic(), 0.0) * 1000
        if not poll.poll(left):
            raise WaitTimeout(f"{what} in the time given")
        self._check_open()

    def _check_open(self) -> None:
        if self.closed:
            raise BusClosed("this end of the channel is closed")


class Sender(_End):
    """The end that sends; any thread may. ``window`` as for :func:`channel`."""

    def __init__(self, end: socket.socket, window: int = WINDOW) -> None:
        super().__init__(end)
        self.window = window
        self._flying: deque[int] = deque()

    def __reduce__(self) -> tuple[Any, ...]:
        # Sockets can only be pickled by multiprocessing, for a process it starts.
        return Sender, (self._end, self.window)

    @classmethod
    def from_descriptor(cls, descriptor: int, window: int = WINDOW) -> Sender:
        """Return the end that this process was started with."""
        return cls(socket.socket(fileno=descriptor), window)

    def send(self, topic: str, value: Any = None, timeout: float | None = None) -> None:
        """Send JSON in which arrays, bytes and :class:`Shared` may stand anywhere.

        Arrays and bytes are copied into shared memory; what lies there already goes as it is. Waits
        while the other side has too much unread, up to ``timeout`` seconds. Raises WaitTimeout,
        ValueRefused for what cannot travel, and BusClosed when the other process is gone.
        """
        data, beside = encoded(check_key(topic), value)
        size = sum(segment.size for segment in beside)
        until = deadline(timeout)
        waiting = "the other process did not read what was sent before"
        with self._held(until, waiting):
            if beside:
                self._hear()
                while self._flying and (
                    sum(self._flying) + size > self.window or len(self._flying) >= UNRECEIVED
                ):
                    self._wait(select.POLLIN, until, waiting)
                    self._hear()
            while True:
                try:
                    send(self._end, data, beside, socket.MSG_DONTWAIT)
                    break
                except BlockingIOError:
                    self._wait(select.POLLOUT, until, waiting)
                except OSError as error:
                    raise _trouble(error) from error
            if beside:
                self._flying.append(size)

    def _hear(self) -> None:
        """Take the receipts that have come."""
        while self._flying:
            try:
                receipt = self._end.recv(1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                raise _trouble(error) from error
            if not receipt:
                raise _gone()
            self._flying.popleft()


class Receiver(_End):
    """The end that receives; of several threads that read, each gets other messages."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Sockets can only be pickled by multiprocessing, for a process it starts.
        return Receiver, (self._end,)

    def __iter__(self) -> Iterator[Message]:
        while True:
            try:
                yield self.receive()
            except BusClosed:
                return

    @classmethod
    def from_descriptor(cls, descriptor: int) -> Receiver:
        """Return the end that this process was started with."""
        return cls(socket.socket(fileno=descriptor))

    def receive(self, timeout: float | None = None) -> Message:
        """Return the next message; its arrays and bytes are the shared memory itself, to be read only.

        Raises WaitTimeout, BusClosed when the other process has closed its end or is gone, and
        BusError for a message that is none; the next one can be received after that.
        """
        until, waiting = deadline(timeout), "nothing came from the other process"
        with self._held(until, waiting):
            while True:
                try:
                    data, descriptors = receive(self._end, LARGEST, socket.MSG_DONTWAIT)
                    break
                except BlockingIOError:
                    self._wait(select.POLLIN, until, waiting)
                except ConnectionError:
                    data, descriptors = b"", []
                    break
            segments = segments_of(descriptors)
            if not data:
                raise _gone()
            if segments:
                self._acknowledge()
        return decoded(data, segments)

    def _acknowledge(self) -> None:
        try:
            self._end.send(_RECEIPT, socket.MSG_DONTWAIT)
        except OSError:
            # Whoever sent it is gone, or reads no receipts and will wait: what came is here.
            return


def _gone() -> BusClosed:
    return BusClosed("the other process has closed its end of the channel, or has ended")


def _trouble(error: OSError) -> BusError:
    if isinstance(error, ConnectionError):
        return _gone()
    if error.errno == errno.ETOOMANYREFS:
        return BusError(
            "too many descriptors are on their way between processes: have the others read what was "
            "sent, or allow more open files (ulimit -n)"
        )
    return BusError(f"the channel cannot send: {error}")
