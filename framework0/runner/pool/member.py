"""One worker, as the runner holds it: the jobs it was given, what it says, and how it ended."""

from __future__ import annotations

import socket
from collections import deque
from time import monotonic

from framework0.runner.pool import wire
from framework0.runner.pool.counter import Counter
from framework0.runner.pool.output import Output
from framework0.runner.processes.line import LineBroken
from framework0.segments import receive, segments_of, send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Final

    from framework0.runner.pool.attempt import Attempt
    from framework0.runner.processes.launch import Keeper
    from framework0.runner.processes.line import Line
    from framework0.segments import Segment

STEPS: Final = 10_000
"""Jobs after which a worker is replaced, so that what steps leave in its memory cannot pile up."""


class Member:
    """A worker from its start to the report of its end.

    ``given`` are the jobs sent to it and not over, in their order: only the first can have begun.
    ``fit`` is False from when it must get no more jobs. ``since`` is when the first one's turn came.
    ``quick`` tells that its latest job was short, ``pace`` how many seconds its jobs take of late,
    ``alone`` that nothing may wait behind its job.
    """

    def __init__(
        self,
        keeper: Keeper,
        request: Mapping[str, Any],
        start: Mapping[str, Any],
        folder: str | None,
    ) -> None:
        self.given: deque[Attempt] = deque()
        self.ready = False
        self.fit = True
        self.quick = False
        self.pace = 0.0
        self.since = monotonic()
        self.count = 0
        self.stopped = False
        self.alone = False
        self.pumped = self.since
        self.output = Output(folder)
        self._opened: list[Any] = [self.output]
        try:
            self._jobs, self._theirs = wire.job_queue()
            self._opened += [self._jobs, self._theirs]
            self._begun = Counter()
            self._opened.append(self._begun)
            self._open(keeper, request, start)
        except BaseException:
            self.close()
            raise

    def _open(self, keeper: Keeper, request: Mapping[str, Any], start: Mapping[str, Any]) -> None:
        """Have the worker started, and hand it its ends."""
        control, line = keeper.open(request, self.output.descriptor)
        self.control: Line = control
        self._opened += [control, line]
        line.send(start)
        end = socket.socket(fileno=line.detach())
        self.talk = wire.Talk(end)
        self._opened[-1] = self.talk
        socket.send_fds(end, [b"j"], [self._theirs.fileno(), self._begun.descriptor])

    def give(self, attempt: Attempt) -> bool:
        """Send a job; False when there is no room in its queue just now."""
        data, beside = attempt.encoded()
        try:
            send(self._jobs, data, beside, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        if not self.given:
            self.since = monotonic()
        self.given.append(attempt)
        self.count += 1
        if self.count >= STEPS:
            self.fit = False
        return True

    def take_back(self) -> list[Attempt]:
        """Return the jobs that the worker has not begun; it will never see them."""
        serials = set()
        while True:
            try:
                data, descriptors = receive(self._theirs, wire.INLINE + 1024, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            if not data:
                break
            segments = segments_of(descriptors)
            serials.add(wire.decoded(data, segments)[1])
        back = [attempt for attempt in self.given if attempt.serial in serials]
        for attempt in back:
            self.given.remove(attempt)
        return back

    def has_begun(self, attempt: Attempt) -> bool:
        """Say whether the worker, which has ended, had begun a job: taken from the queue is not enough."""
        return self._begun.read() == attempt.serial

    def hear(self) -> list[tuple[tuple[Any, ...], list[Segment]]]:
        """Return what the worker has said since, at most some hundred words at a time."""
        try:
            return self.talk.arrived(socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        # What a step wrote into our socket is no frame; the worker cannot be understood any more.
        except (ValueError, EOFError, TypeError, IndexError):
            self.talk.ended = True
            self.stop()
            return []

    def answer(self, reply: tuple[Any, ...], beside: Sequence[Segment] = ()) -> None:
        """Answer the question that the step has asked, for which it waits."""
        try:
            self.talk.send(reply, beside)
        # No plain data after all; the step gets to know, and goes on.
        except ValueError as error:
            self.talk.send(({"error": "ContextError", "message": str(error)},))
        # It has ended meanwhile.
        except OSError:
            return

    def dismiss(self) -> None:
        """Let it end when it has performed what it was given."""
        self.fit = False
        try:
            self._jobs.shutdown(socket.SHUT_WR)
        # It has ended already.
        except OSError:
            return

    def stop(self) -> None:
        """Have its supervisor end it with all it started; its report follows."""
        self.fit = False
        self.stopped = True
        try:
            self.control.send("stop")
        # It has ended already.
        except OSError:
            return

    def told(self) -> Any:
        """Return what its supervisor says: that its job is ``OVERDUE``, or the report of its end.

        None when the supervisor was killed.
        """
        try:
            return self.control.receive()
        except LineBroken:
            return None

    def close(self) -> None:
        """Close all that led to it."""
        for each in self._opened:
            each.close()
