"""The pool: which job goes to which worker, and what follows from what the workers say.

One thread does all of it. While steps prove short, jobs wait in the queues of the workers that are
awake, so that none of them ever waits for the next; a job found waiting behind one that takes longer is
taken back and goes elsewhere, to a new worker if need be. So there are as many workers as cores for
short steps, and as many as jobs for long ones.
"""

from __future__ import annotations

from collections import deque
from threading import Lock, Thread, get_ident
from time import monotonic

from framework0.runner.jobs import NotKept
from framework0.runner.pool import wire
from framework0.runner.pool.attempt import Attempt
from framework0.runner.pool.crew import PATIENCE, Crew
from framework0.runner.pool.parcel import CannotTravel
from framework0.runner.processes.ends import failed
from framework0.runner.processes.supervisor import OVERDUE
from framework0.runner.seams import CANCELLED, FAILED, TIMED_OUT, Failure, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Final

    from framework0.runner.pool.attempt import Report
    from framework0.runner.pool.member import Member
    from framework0.runner.processes.launch import Keeper
    from framework0.runner.seams import Job
    from framework0.segments import Segment

QUICK: Final = 0.001
"""Seconds; after a longer one, a worker gets its next job only when it has nothing to do."""

RECENT: Final = 4
"""Jobs over which the time that a worker's jobs take is about averaged."""

LOOK: Final = 0.1
"""Seconds between two looks at what running jobs have printed."""

STARTS: Final = 3
"""Workers that may end before their first job, for one and the same job, before it counts as failed."""

_OVER: Final = "the run is over"

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
        self._reader_of = reader_of
        self._crew = Crew(roots, path)
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
            if thread is None:
                self._broken = _OVER
        if thread is not None:
            self._wake()
            if get_ident() != self._ident:
                thread.join()

    def keeper(self) -> Keeper:
        """Return what starts the processes."""
        return self._crew.keeper

    def _wake(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._closing:
                    self._begin()
        elif self._asleep:
            self._asleep = False
            self._crew.wake()

    def _begin(self) -> None:
        self._thread = Thread(target=self._serve, name="framework0-pool", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------ the pool's thread

    def _serve(self) -> None:
        self._ident = get_ident()
        try:
            if self._early:
                self._grow(1)
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
            self._crew.keeper.close()
            self._crew.close()

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
        for member, is_control in self._crew.wait(self._rest()):
            self._asleep = False
            if is_control:
                self._supervised(member)
            else:
                self._hear(member)
        self._asleep = False
        self._look()

    def _rest(self) -> float | None:
        busy = [member for member in self._crew.members if member.given]
        if self._ready or any(len(member.given) > 1 for member in busy):
            return PATIENCE
        return LOOK if busy else None

    def _look(self) -> None:
        """Now and then, copy what running jobs have printed, and take back what waits behind them."""
        now = monotonic()
        if now - self._looked < PATIENCE:
            return
        self._looked = now
        for member in self._crew.members:
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
            member = self._crew.room_for(attempt)
            if member is None:
                attempt.waiting = attempt.waiting or monotonic()
                wanted = self._crew.wanted(len(ready), attempt.waiting)
                if not wanted or not self._grow(wanted):
                    return
                continue
            ready.popleft()
            self._give(member, attempt)

    def _give(self, member: Member, attempt: Attempt) -> None:
        try:
            given = member.give(attempt)
        except (CannotTravel, ValueError, OSError) as error:
            text = f"its arguments cannot be handed to a process: {error}"
            self._conclude(attempt, failed("args", text))
            return
        if given:
            member.alone = attempt.job.timeout is not None
        else:
            self._ready.appendleft(attempt)
            member.quick = False

    def _grow(self, count: int) -> bool:
        """Start workers; False when there is none to be had."""
        log = self._ready[0].job.log if self._ready else None
        for _ in range(count):
            try:
                self._crew.start(log)
            # No process, no memory, no descriptor, not Linux: told to those who wait for it.
            except Exception as error:  # noqa: BLE001
                self._cannot_start(error)
                return False
        return True

    def _cannot_start(self, error: Exception) -> None:
        if self._crew.members:
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
            self._crew.unheard(member)
        return bool(said)

    def _hear_one(self, member: Member, frame: tuple[Any, ...], segments: list[Segment]) -> None:
        kind = frame[0]
        if kind == wire.READY:
            member.ready = True
            member.since = monotonic()
        elif kind == wire.OUTCOME:
            self._outcome(member, frame, segments)
        elif member.given:
            reply = member.given[0].answer(frame, segments)
            if reply is not None:
                member.answer(*reply)

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
        member.pace += (outcome.seconds - member.pace) / RECENT
        member.alone = False
        self._conclude(attempt, outcome)
        if not member.fit and not member.given:
            member.dismiss()

    def _conclude(self, attempt: Attempt, outcome: Outcome) -> None:
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
        for member in self._crew.members:
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

    def _supervised(self, member: Member) -> None:
        """Take a word of a worker's supervisor: the end of it all, or that it is being brought about."""
        told = member.told()
        if told != OVERDUE:
            self._ended(member, told)
        elif member.given:
            # Nothing waits behind a job with a timeout, so it is the only one.
            member.given[0].job.tell_overdue()

    def _ended(self, member: Member, report: Mapping[str, Any] | None) -> None:
        """A worker and all it started are gone; its supervisor has said how."""
        while self._hear(member):
            continue
        self._crew.remove(member)
        # What the worker has begun is no longer in its queue, and what is in it can no longer be begun.
        begun = [attempt for attempt in member.given if member.has_begun(attempt)]
        back = [attempt for attempt in member.given if attempt not in begun]
        for attempt in begun:
            member.output.copy(attempt.job.log, member.output.size())
            self._conclude(attempt, self._how(member, attempt, report))
        self._again(back, member)
        member.close()

    def _how(self, member: Member, attempt: Attempt, report: Any) -> Outcome:
        outcome = attempt.ended(report)
        if not outcome.seconds:
            seconds = monotonic() - member.since
            if outcome.state == TIMED_OUT:
                # On a busy machine the pool may hear that an attempt has begun long after it has.
                seconds = max(seconds, attempt.job.timeout or 0.0)
            outcome = outcome._replace(seconds=seconds)
        return outcome

    def _again(self, attempts: list[Attempt], member: Member) -> None:
        """Jobs a dead worker had not begun have not failed: they go to another."""
        for attempt in reversed(attempts):
            attempt.returned += not member.ready
            if attempt.stopped:
                self._conclude(attempt, _cancelled(attempt))
            elif attempt.returned < STARTS:
                self._ready.appendleft(attempt)
            else:
                text = (
                    f"the step's process cannot be started: {STARTS} workers ended before it began"
                )
                self._conclude(attempt, failed("exit", text))

    def _see_off(self) -> None:
        """End the idle workers well and the others at once."""
        self._take_in()
        self._drop_ready()
        for member in self._crew.members:
            if not member.given:
                member.dismiss()
        until = monotonic() + LEAVING
        while any(not member.given for member in self._crew.members) and monotonic() < until:
            for member, is_control in self._crew.wait(max(0.0, until - monotonic())):
                if is_control:
                    self._supervised(member)
                else:
                    self._hear(member)
        self._crew.keeper.close()
        while self._crew.members:
            self._supervised(self._crew.members[0])
        # What those had not begun.
        self._drop_ready()
        self._broken = _OVER

    def _drop_ready(self) -> None:
        while self._ready:
            attempt = self._ready.popleft()
            self._conclude(attempt, _cancelled(attempt))


def _cancelled(_attempt: Attempt) -> Outcome:
    return Outcome(CANCELLED, None, Failure("cancelled", "the step was told to stop"))
