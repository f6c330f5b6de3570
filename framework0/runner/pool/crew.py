"""The workers there are: started when there is more to do than they can take, forgotten when they end."""

from __future__ import annotations

import os
import select
from time import monotonic

from framework0.runner.pool.member import Member
from framework0.runner.processes.launch import Keeper
from framework0.runner.processes.start import interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Final

    from framework0.runner.pool.attempt import Attempt

DEPTH: Final = 4
"""Jobs in the queue of a worker whose jobs are short, the one it performs included: it never has to
wait for the next, and little has to be taken back when one turns out to be long."""

SOON: Final = 0.0001
"""Seconds of work in the queue of an awake worker that a job waits behind, rather than wake another one
up: that takes about half as long, and interrupts whoever uses the core on which it wakes up."""

DEEPEST: Final = 32
"""Jobs in the queue of a worker whose jobs take no time at all: what its socket holds many times over."""

MEASURED = True
"""Whether workers measure what each job uses. Benchmarks turn it off, to see what measuring costs."""

PATIENCE: Final = 0.01
"""Seconds a job waits behind another before it is taken back: about what starting a worker takes, and
twice what a thread that computes keeps the interpreter from ours."""

MOST: Final = 256
"""Workers at once, for whatever number of steps may run at once: each costs some megabytes."""


class Crew:
    """All workers of a pool, and one place to wait for words of any of them."""

    def __init__(self, roots: Sequence[str], path: Sequence[str]) -> None:
        self._start = {"roots": list(roots), "measured": MEASURED}
        self._path = list(path)
        self._folder = os.getcwd()
        self._cores = min(os.cpu_count() or 1, MOST)
        self._request: dict[str, Any] = {}
        self._poll = select.epoll()
        self._by_descriptor: dict[int, tuple[Member, bool]] = {}
        self.keeper = Keeper()
        self.members: list[Member] = []
        self._alarm = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll.register(self._alarm, select.EPOLLIN)

    def wake(self) -> None:
        """Have :meth:`wait` return; may be called from any thread."""
        os.eventfd_write(self._alarm, 1)

    def wait(self, seconds: float | None) -> Iterator[tuple[Member, bool]]:
        """Wait for words; yield each worker that has some, and True if they are of its supervisor."""
        for descriptor, _ in self._poll.poll(seconds):
            found = self._by_descriptor.get(descriptor)
            if found is not None:
                yield found
            elif descriptor == self._alarm:
                os.eventfd_read(self._alarm)

    def room_for(self, attempt: Attempt) -> Member | None:
        """Return the worker to give a job to: one that will soon be done, an idle one, a quick one."""
        # One with a timeout is ended with its worker, and nothing else must be.
        alone = attempt.job.timeout is not None
        idle = shortest = None
        least = DEPTH
        for member in self.members:
            if not member.fit:
                continue
            waiting = len(member.given)
            if not waiting:
                idle = idle or member
            elif member.quick and not alone and not member.alone:
                if waiting * member.pace < SOON and waiting < DEEPEST:
                    return member
                if waiting < least:
                    shortest, least = member, waiting
        return idle or shortest

    def wanted(self, waiting: int, since: float) -> int:
        """Return how many workers to start for ``waiting`` jobs, the first of them ready ``since``.

        At once as many as there are cores. More only when no worker is about to take the next job, and
        twice as many each time: what was taken for long may have been a moment's delay.
        """
        count = sum(member.fit for member in self.members)
        if count < self._cores:
            return min(waiting, self._cores - count)
        now = monotonic()
        if now - since < PATIENCE:
            return 0
        if any(
            not member.ready or (member.quick and now - member.since < PATIENCE)
            for member in self.members
        ):
            return 0
        return min(waiting, count, max(0, MOST - len(self.members)))

    def start(self, log: Any) -> None:
        """Start a worker; ``log`` is of a job it is started for, or None.

        Raises OSError when no process or descriptor is to be had, RefusedError where this is not Linux.
        """
        if not self._request:
            self._request = {
                "command": None,
                "pool": True,
                "env": dict(os.environ),
                "own_env": [],
                "cwd": self._folder,
                "timeout": None,
                "path": self._path,
                "python": interpreter(),
            }
        folder = None if log is None else os.path.dirname(os.fspath(log.path))
        member = Member(self.keeper, self._request, self._start, folder)
        self.members.append(member)
        for end, is_control in ((member.talk, False), (member.control, True)):
            self._by_descriptor[end.fileno()] = (member, is_control)
            self._poll.register(end.fileno(), select.EPOLLIN)

    def unheard(self, member: Member) -> None:
        """Wait no more for words of a worker that will say none."""
        self._forget(member.talk.fileno())

    def remove(self, member: Member) -> None:
        """Forget a worker whose end was reported."""
        self.unheard(member)
        self._forget(member.control.fileno())
        self.members.remove(member)

    def close(self) -> None:
        """Release what waiting takes, and what led to workers nobody has seen off; all are gone."""
        for member in self.members:
            member.close()
        self._poll.close()
        os.close(self._alarm)

    def _forget(self, descriptor: int) -> None:
        if self._by_descriptor.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)
