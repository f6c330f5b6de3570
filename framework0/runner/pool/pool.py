"""The pool: which job goes to which worker, and what follows from what the workers say.

One thread does all of it. While steps prove short, jobs wait in the queues of the workers that are
awake, so that none of them ever waits for the next; a job found waiting behind one that takes longer is
taken back and goes elsewhere, to a new worker if need be. So there are as many workers as cores for
short steps, and as many as jobs for long ones.
"""

from __future__ import annotations

import os
import select
from collections import deque
from threading import Lock, Thread, get_ident
from time import monotonic

from framework0.runner.jobs import NotKept
from framework0.runner.pool import wire
from framework0.runner.pool.attempt import Attempt
from framework0.runner.pool.member import Member
from framework0.runner.pool.parcel import CannotTravel
from framework0.runner.processes.ends import failed
from framework0.runner.processes.launch import Keeper
from framework0.runner.processes.start import interpreter
from framework0.runner.seams import CANCELLED, FAILED, Failure, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Final

    from framework0.runner.pool.attempt import Report
    from framework0.runner.pool.segment import Segment
    from framework0.runner.seams import Job

DEPTH: Final = 4
"""Jobs in the queue of a worker whose jobs are short, the one it performs included: it never has to
wait for the next, and little has to be taken back when one turns out to be long."""

QUICK: Final = 0.001
"""Seconds; after a longer one, a worker gets its next job only when it has nothing to do."""

PATIENCE: Final = 0.01
"""Seconds a job waits behind another before it is taken back: about what starting a worker takes, and
twice what a thread that computes keeps the interpreter from ours."""

MOST: Final = 256
"""Workers at once, for whatever number of steps may run at once: each costs some megabytes."""

LOOK: Final = 0.1
"""Seconds between two looks at what running jobs have printed."""

STARTS: Final = 3
"""Workers that may end before their first job, for one and the same job, before it counts as failed."""

LEAVING: Final = 2.0
"""Seconds that idle workers have at the end of the run: their exit functions, and a margin."""


class Pool:
    """Warm workers, and the jobs for them. ``roots`` are where user code is looked up.

    ``reader_of(step)`` names a step that reads the result of that one, if there is any: only then does
    a result that cannot leave its process fail the step.
    """

    def __init__(
        self, roots: Sequence[str], path: Sequence[str], reader_of: Callable[[str], str | None]
    ) -> None:
        self._roots = list(roots)
        self._path = list(path)
        self._reader_of = reader_of
        self._folder = os.getcwd()
        self._cores = os.cpu_count() or 1
        self._keeper = Keeper()
        self._request: dict[str, Any] = {}
        self._members: list[Member] = []
        self._by_descriptor: dict[int, tuple[Member, bool]] = {}
        self._ready: deque[Attempt] = deque()
        self._known: dict[int, Attempt] = {}
        self._inbox: deque[Attempt] = deque()
        self._stops: deque[Attempt] = deque()
        self._lock = Lock()
        self._thread: Thread | None = None
        self._ident = 0
        self._asleep = False
        self._closing = False
        self._early = False
        self._broken = ""
        self._looked = 0.0

    # ------------------------------------------------------------------ from any thread

    def submit(self, job: Job, report: Report) -> None:
        """Take a job; its report comes from the pool's thread."""
        attempt = Attempt(job, report)
        self._known[id(job)] = attempt
        if self._broken:
            self._refuse(attempt)
            return
        if get_ident() == self._ident:
            self._ready.append(attempt)
            return
        self._inbox.append(attempt)
        self._wake()

    def stop(self, job: Job, reason: str) -> bool:
        """End a job; False when it is not here (any more)."""
        job.cancelled.set()
        attempt = self._known.get(id(job))
        if attempt is None:
            return False
        attempt.stopped = attempt.stopped or reason
        self._stops.append(attempt)
        self._wake()
        return True

    def start(self) -> None:
        """Have the first worker ready for when it is needed."""
        self._early = True
        self._wake()

    def close(self) -> None:
        """End every worker, those at work at once; returns when all are gone."""
        with self._lock:
            thread = self._thread
            self._closing = True
        if thread is not None:
            self._wake()
            if get_ident() != self._ident:
                thread.join()

    def keeper(self) -> Keeper:
        """Return what starts the processes."""
        return self._keeper

    def _wake(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._closing:
                    self._begin()
        elif self._asleep:
            self._asleep = False
            os.eventfd_write(self._alarm, 1)

    def _begin(self) -> None:
        self._alarm = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.epoll()
        self._poll.register(self._alarm, select.EPOLLIN)
        self._thread = Thread(target=self._serve, name="framework0-pool", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------ the pool's thread

    def _serve(self) -> None:
        self._ident = get_ident()
        try:
            if self._early:
                self._start_one()
            while not self._closing:
                self._take_in()
                self._place()
                self._wait()
            self._see_off()
        # A bug of ours must not leave a run waiting for reports that never come.
        except BaseException as error:
            self._broken = f"the pool of processes broke: {error!r}"
            while self._known:
                self._refuse(next(iter(self._known.values())))
            raise
        finally:
            self._keeper.close()
            self._poll.close()
            os.close(self._alarm)

    def _refuse(self, attempt: Attempt) -> None:
        following: Attempt | None = attempt
        while following is not None:
            following = self._reported(following, failed("exit", self._broken))

    def _take_in(self) -> None:
        while self._inbox:
            self._ready.append(self._inbox.popleft())
        while self._stops:
            self._stop_one(self._stops.popleft())

    def _wait(self) -> None:
        """Sleep until somebody says something, or until it is time to look."""
        self._asleep = True
        if self._inbox or self._stops or self._closing:
            self._asleep = False
            return
        events = self._poll.poll(self._rest())
        self._asleep = False
        for descriptor, _ in events:
            if descriptor == self._alarm:
                os.eventfd_read(self._alarm)
                continue
            found = self._by_descriptor.get(descriptor)
            if found is None:
                continue
            member, is_control = found
            if is_control:
                self._ended(member)
            else:
                self._hear(member)
        self._look()

    def _rest(self) -> float | None:
        busy = [member for member in self._members if member.given]
        if self._ready or any(len(member.given) > 1 for member in busy):
            return PATIENCE
        return LOOK if busy else None

    def _look(self) -> None:
        """Now and then, copy what running jobs have printed, and take back what waits behind them."""
        now = monotonic()
        if now - self._looked < PATIENCE:
            return
        self._looked = now
        for member in self._members:
            if member.given and now - member.since > PATIENCE:
                if len(member.given) > 1 and member.ready:
                    member.quick = False
                    self._take_back(member)
                if member.given and now - member.pumped > LOOK:
                    member.pumped = now
                    self._pump(member)

    def _pump(self, member: Member) -> None:
        # Looked at before its words: an outcome that is not among them came after this was printed.
        size = member.output.size()
        first = member.given[0]
        while self._hear(member):
            continue
        if member.given and member.given[0] is first:
            member.output.copy(first.job.log, size)

    # ------------------------------------------------------------------ jobs go out

    def _place(self) -> None:
        """Give the ready jobs to workers, as far as they go; start workers for the rest."""
        ready = self._ready
        while ready:
            attempt = ready[0]
            member = self._room_for(attempt)
            if member is None:
                self._grow()
                return
            ready.popleft()
            self._give(member, attempt)

    def _room_for(self, attempt: Attempt) -> Member | None:
        """Return the worker to give it to: a quick one that is awake, else an idle one."""
        alone = attempt.job.timeout is not None
        idle = None
        for member in self._members:
            if not member.fit:
                continue
            waiting = len(member.given)
            if not waiting:
                idle = idle or member
            elif member.quick and waiting < DEPTH and not alone and not member.alone:
                return member
        return idle

    def _give(self, member: Member, attempt: Attempt) -> None:
        try:
            given = member.give(attempt)
        except ConnectionError:
            # It has just ended; its report is on the way.
            member.fit = False
            self._ready.appendleft(attempt)
            return
        except (CannotTravel, ValueError, OSError) as error:
            text = f"its arguments cannot be handed to a process: {error}"
            self._conclude(attempt, failed("args", text))
            return
        if given:
            member.alone = attempt.job.timeout is not None
        else:
            self._ready.appendleft(attempt)
            member.quick = False

    def _grow(self) -> None:
        """Start workers for jobs that wait: at once up to the cores, then in waves as it takes longer."""
        count = sum(member.fit for member in self._members)
        wanted = min(len(self._ready), max(self._cores - count, 0))
        starting = any(not member.ready for member in self._members)
        if not wanted and not starting and self._is_stuck():
            # Twice as many each time: what was taken for long may have been a moment's delay.
            wanted = min(len(self._ready), count, MOST - len(self._members))
        for _ in range(wanted):
            if not self._start_one():
                return
        if wanted:
            self._place()

    def _is_stuck(self) -> bool:
        """Whether the first ready job has waited, and no worker is about to have room for it."""
        now = monotonic()
        attempt = self._ready[0]
        if not attempt.waiting:
            attempt.waiting = now
        if now - attempt.waiting < PATIENCE:
            return False
        return not any(member.quick and now - member.since < PATIENCE for member in self._members)

    def _start_one(self) -> bool:
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
        log = self._ready[0].job.log if self._ready else None
        folder = None if log is None else os.path.dirname(os.fspath(log.path))
        try:
            member = Member(self._keeper, self._request, self._roots, folder)
        except (
            Exception
        ) as error:  # noqa: BLE001 - told to whoever waits: no process, no memory, not Linux
            self._cannot_start(error)
            return False
        self._members.append(member)
        for end, is_control in ((member.talk, False), (member.control, True)):
            self._by_descriptor[end.fileno()] = (member, is_control)
            self._poll.register(end.fileno(), select.EPOLLIN)
        return True

    def _cannot_start(self, error: Exception) -> None:
        if self._members:
            # Others work: the job waits for one of them.
            return
        while self._ready:
            text = f"the step's process cannot be started: {error}"
            self._conclude(self._ready.popleft(), failed(type(error).__name__, text))

    # ------------------------------------------------------------------ words come in

    def _hear(self, member: Member) -> bool:
        """Act on what a worker has said; False when it has said nothing."""
        said = member.hear()
        for frame, segments in said:
            self._hear_one(member, frame, segments)
        if member.talk.ended:
            self._forget(member.talk.fileno())
        return bool(said)

    def _hear_one(self, member: Member, frame: tuple[Any, ...], segments: list[Segment]) -> None:
        kind = frame[0]
        if kind == wire.READY:
            member.ready = True
            member.since = monotonic()
        elif kind == wire.OUTCOME:
            self._outcome(member, frame, segments)
        elif member.given:
            reply = member.given[0].answer(frame)
            if reply is not None:
                member.answer(reply)

    def _outcome(self, member: Member, frame: tuple[Any, ...], segments: list[Segment]) -> None:
        attempt = member.given[0]
        left = attempt.hear_outcome(frame, segments)
        outcome = attempt.outcome
        assert outcome is not None
        member.output.copy(attempt.job.log, frame[7])
        if left:
            # What it leaves running is ended first: then its supervisor reports, and it is over.
            self._take_back(member)
            member.dismiss()
            return
        member.given.popleft()
        member.since = monotonic()
        member.quick = outcome.seconds < QUICK
        member.alone = False
        self._conclude(attempt, outcome)
        if not member.fit and not member.given:
            member.dismiss()

    def _conclude(self, attempt: Attempt, outcome: Outcome, member: Member | None = None) -> None:
        if type(outcome.result) is NotKept:
            outcome = self._unkept(attempt.job, outcome)
        following = self._reported(attempt, outcome)
        if following is not None:
            self._ready.appendleft(following)

    def _reported(self, attempt: Attempt, outcome: Outcome) -> Attempt | None:
        """Tell of an end; return what is to follow it."""
        self._known.pop(id(attempt.job), None)
        following = attempt.report(attempt.job, outcome)
        if following is None:
            return None
        taken = Attempt(following, attempt.report)
        self._known[id(following)] = taken
        return taken

    def _unkept(self, job: Job, outcome: Outcome) -> Outcome:
        """A result that cannot leave its process fails the step if somebody reads it."""
        why = outcome.result.why
        user = self._reader_of(job.step.name)
        if not user:
            return outcome
        text = (
            f"the result cannot be handed to the process of {user!r}, which uses it: {why}; "
            "return plain data, arrays or bytes, or write a file and return its path"
        )
        return outcome._replace(result=None, state=FAILED, failure=Failure("result", text))

    # ------------------------------------------------------------------ workers end

    def _stop_one(self, attempt: Attempt) -> None:
        if self._known.get(id(attempt.job)) is not attempt:
            return
        if attempt in self._ready:
            self._ready.remove(attempt)
            self._conclude(attempt, _cancelled(attempt))
            return
        for member in self._members:
            if attempt in member.given:
                self._take_back(member)
                if attempt in member.given:
                    member.stop()
                else:
                    self._stop_one(attempt)
                return

    def _take_back(self, member: Member) -> None:
        """Put what the worker has not begun before all else that waits."""
        self._ready.extendleft(reversed(member.take_back()))

    def _ended(self, member: Member) -> None:
        """A worker and all it started are gone; its supervisor says how."""
        report = member.report()
        while self._hear(member):
            continue
        self._forget(member.talk.fileno())
        self._forget(member.control.fileno())
        self._members.remove(member)
        back = member.take_back()
        begun = [attempt for attempt in member.given if attempt not in back]
        for attempt in begun:
            member.output.copy(attempt.job.log, member.output.size())
            self._conclude(attempt, self._how(member, attempt, report))
        self._again(back, member)
        member.close()

    def _how(self, member: Member, attempt: Attempt, report: Any) -> Outcome:
        outcome = attempt.ended(report)
        if not outcome.seconds:
            outcome = outcome._replace(seconds=monotonic() - member.since)
        return outcome

    def _again(self, attempts: list[Attempt], member: Member) -> None:
        """Jobs a dead worker had not begun have not failed: they go to another."""
        for attempt in reversed(attempts):
            attempt.returned += not member.ready
            if attempt.returned < STARTS:
                self._ready.appendleft(attempt)
            else:
                text = (
                    f"the step's process cannot be started: {STARTS} workers ended before it began"
                )
                self._conclude(attempt, failed("exit", text))

    def _forget(self, descriptor: int) -> None:
        if self._by_descriptor.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def _see_off(self) -> None:
        """End the idle workers well and the others at once."""
        self._take_in()
        while self._ready:
            attempt = self._ready.popleft()
            self._conclude(attempt, _cancelled(attempt))
        for member in self._members:
            if not member.given:
                member.dismiss()
        until = monotonic() + LEAVING
        while any(not member.given for member in self._members) and monotonic() < until:
            self._wait_for_ends(until - monotonic())
        self._keeper.close()
        for member in list(self._members):
            self._ended(member)

    def _wait_for_ends(self, seconds: float) -> None:
        for descriptor, _ in self._poll.poll(max(0.0, seconds)):
            found = self._by_descriptor.get(descriptor)
            if found is None:
                os.eventfd_read(self._alarm)
            elif found[1]:
                self._ended(found[0])
            else:
                self._hear(found[0])


def _cancelled(_attempt: Attempt) -> Outcome:
    return Outcome(CANCELLED, None, Failure("cancelled", "the step was told to stop"))
