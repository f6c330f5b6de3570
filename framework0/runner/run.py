"""One run: the shell around the state machine. It evaluates, starts, waits, writes down and tells.

There is no dispatcher thread. Whoever ends an attempt (a worker thread, the event loop, a process's
waiter) reports it, moves the state machine under the run's lock, and obeys what comes out of it;
the attempt that may start next on the same executor is handed back and runs in the same worker. The
thread that called :meth:`Run.execute` keeps the timers and answers cancellation.
"""

from __future__ import annotations

from functools import partial
from heapq import heappop, heappush
from queue import SimpleQueue
from threading import Lock

from framework0.errors import Framework0Error
from framework0.runner import moves
from framework0.runner.clock import SystemClock
from framework0.runner.invoke import ended_by
from framework0.runner.jobs import PLAIN
from framework0.runner.retry import luck, next_delay
from framework0.runner.seams import (
    CANCELLED,
    SKIPPED,
    SUCCEEDED,
    TIMED_OUT,
    AttemptRecord,
    Failure,
    Outcome,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Final

    from framework0.context import Change
    from framework0.runner.jobs import Workshop
    from framework0.runner.seams import Clock, Executor, Job, Observer, Recorder
    from framework0.runner.state import RunState
    from framework0.runner.stepcache import StepCache

CHECK_EVERY: Final = 0.25
"""Seconds the waiting thread sleeps at most: on platforms where a lock wait hides a signal, it is
noticed after this long."""


class Run:
    """One run in progress. ``failures`` counts failed attempts by node (kept over a resume)."""

    def __init__(
        self,
        *,
        state: RunState,
        workshop: Workshop,
        recorder: Recorder,
        observer: Observer | None = None,
        grace: float = 5.0,
        clock: Clock | None = None,
        chance: Callable[[], float] | None = None,
        stop_when: Callable[[], bool] | None = None,
    ) -> None:
        self.state = state
        self.workshop = workshop
        self.recorder = recorder
        self.observer = observer
        self.grace = grace
        self.failures: dict[int, int] = {}
        self.decisions: dict[tuple[int, str], Any] = {}
        self.records: dict[int, AttemptRecord] = {}
        self.error: BaseException | None = None
        self.left_behind = False
        self.clock = clock or SystemClock()
        self.cache: StepCache | None = None
        self._chance = chance or luck
        self._stop_when = stop_when
        self._lock = Lock()
        self._jobs: dict[int, Job] = {}
        self._opened: dict[int, float] = {}
        self._control: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_count = 0
        self._over = False

    # ------------------------------------------------------------------ the waiting thread

    def execute(self) -> str:
        """Run to the end and return the run's final state. Raises what broke the run itself."""
        started = self.clock.monotonic()
        if self.observer is not None:
            self.observer.run_started(self.workshop.run["id"], len(self.state.plan))
        self._control.put(lambda: self._advance(moves.Begin()))
        while not self._over:
            self._serve_one()
        if self.error is not None:
            raise self.error
        final = self.state.finished or moves.RUN_CANCELLED
        self.recorder.finish(final)
        if self.observer is not None:
            self.observer.run_finished(final, self.clock.monotonic() - started)
        return final

    def later(self, action: Callable[[], None]) -> None:
        """Have the waiting thread call ``action`` soon; may be called from anywhere, signals too."""
        self._control.put(action)

    def cancel(self, reason: str = "cancelled") -> None:
        """Let nothing new start, stop what can be stopped, and give the rest the grace time."""
        self.later(lambda: self._cancel(reason))

    def abandon(self) -> None:
        """End now: whatever still runs is reported cancelled and left behind."""
        self.later(self._abandon_all)

    def _serve_one(self) -> None:
        timeout = CHECK_EVERY
        if self._timers:
            timeout = min(timeout, self._timers[0][0] - self.clock.monotonic())
        action = self.clock.take(self._control, timeout)
        if action is None:
            now = self.clock.monotonic()
            while self._timers and self._timers[0][0] <= now:
                self._guarded(heappop(self._timers)[2])
            if self._stop_when is not None and self._stop_when():
                self._stop_when = None
                self._guarded(lambda: self._cancel("the run above was told to stop"))
            return
        self._guarded(action)

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        # Whatever goes wrong in here ends the run, with the reason, instead of hanging it.
        except BaseException as error:  # noqa: BLE001
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """End the run because the run itself is broken (the journal, a bug): nothing more is written."""
        if self.error is None:
            self.error = error
        self.later(self._give_up)

    def _give_up(self) -> None:
        self._over = True
        for job in list(self._jobs.values()):
            if job.executor is not None:
                job.executor.stop(job, CANCELLED)

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action`` in the waiting thread after ``seconds``."""
        due = self.clock.monotonic() + seconds

        def add() -> None:
            self._timer_count += 1
            heappush(self._timers, (due, self._timer_count, action))

        self.later(add)

    # ------------------------------------------------------------------ attempts end

    def report(self, job: Job, outcome: Outcome) -> Job | None:
        """Take the end of an attempt; return the job that may follow it in the same worker."""
        try:
            if not self._claim(job):
                return None
            if type(outcome.result) not in PLAIN and self.workshop.takes_long(outcome.result):
                from framework0.runner.effects import apart

                apart(self, lambda: self._obey(self._conclude(job, outcome), None))
                return None
            return self._obey(self._conclude(job, outcome), job.executor)
        # As in _guarded: a worker thread has nobody above it who could handle this.
        except BaseException as error:  # noqa: BLE001
            self.fail(error)
            return None

    def _claim(self, job: Job) -> bool:
        """Take the right to conclude ``job``; False when somebody else has concluded it."""
        with self._lock:
            if self._jobs.get(job.node) is not job:
                return False
            del self._jobs[job.node]
        return True

    def _conclude(self, job: Job, outcome: Outcome) -> list[moves.Instruction]:
        """Write the attempt of a claimed job down and move the state."""
        node = job.node
        note = ""
        if outcome.state == SUCCEEDED and outcome.result is not None:
            self.workshop.results.by_node[node] = outcome.result
            outcome, note = self.workshop.keepable(outcome, node)
        outcome, changes, reason = self.workshop.left_by(job, outcome)
        if self.cache is not None:
            self.cache.keep(job, outcome, note)
        delay = None
        if outcome.state != SUCCEEDED:
            failures = self.failures[node] = self.failures.get(node, 0) + 1
            if outcome.state != CANCELLED and not self.state.cancelled:
                delay = next_delay(job.step.policy.retry, failures, outcome, self._chance)
        note = reason or note
        if self.workshop.masker is not None:
            outcome, note = self.workshop.hidden(outcome), self.workshop.masker.mask(note)
        if job.log is not None:
            job.log.close()
        record = AttemptRecord(
            node,
            job.name,
            job.attempt,
            outcome.state,
            delay is None,
            job.at,
            outcome,
            note,
        )
        self.records[node] = record
        self.recorder.append(record, changes)
        return self.ended(moves.Ended(node, moves.NUMBER[outcome.state], delay))

    # ------------------------------------------------------------------ instructions out

    def _advance(self, event: moves.Event) -> None:
        with self._lock:
            instructions = self._move(event)
        self._obey(instructions, None)

    def _move(self, event: moves.Event) -> list[moves.Instruction]:
        """Move the state, and write down what ends without an attempt. The caller holds the lock.

        Written under the lock, because another thread may bring the end of the run next, and nothing
        may be appended after that.
        """
        instructions = self.state.handle(event)
        for instruction in instructions:
            kind = type(instruction)
            if kind is moves.Skip:
                self._write_skip(instruction)  # type: ignore[arg-type]
            elif kind is moves.Collect:
                self._collect(instruction)  # type: ignore[arg-type]
            elif kind is moves.Finish:
                if instruction.stops:  # type: ignore[union-attr]
                    from framework0.runner.stopping import write_stops

                    write_stops(self.recorder, self.state, instruction.stops)  # type: ignore[union-attr]
                # Queued here, not when the waiting thread wakes: it shares the last steps' commit.
                self.recorder.ending(str(instruction.state))  # type: ignore[union-attr]
        return instructions

    def _obey(self, instructions: list[moves.Instruction], mine: Executor | None) -> Job | None:
        """Carry out instructions; return the first job for executor ``mine`` instead of submitting it."""
        inline: Job | None = None
        position = 0
        while position < len(instructions):
            instruction = instructions[position]
            position += 1
            kind = type(instruction)
            if kind is moves.Launch:
                job = self._start(instruction.node, instructions)  # type: ignore[union-attr]
                if job is None:
                    continue
                if inline is None and job.executor is mine:
                    inline = job
                else:
                    job.executor.submit(job, self.report)  # type: ignore[union-attr]
            elif kind is moves.Decide:
                instructions.extend(self._decide(instruction))  # type: ignore[arg-type]
            elif kind is moves.Wait:
                self._wait(instruction)  # type: ignore[arg-type]
            elif kind is moves.Finish:
                self.later(self._finish)
        return inline

    def _finish(self) -> None:
        self._over = True

    def _start(self, node: int, instructions: list[moves.Instruction]) -> Job | None:
        """Make the job of a node. Its own mistakes end the attempt at once and move the state on."""
        if self.cache is not None and self.cache.spares(self, node, instructions):
            return None
        with self._lock:
            attempt = self.recorder.mark_started(node)
            job = self._jobs[node] = self.workshop.make(node, attempt, self.clock.now())
        if self.observer is not None:
            self.observer.step_started(job.name, attempt)
            job.progress = partial(self.observer.step_progress, job.name)
        try:
            self.workshop.fit(job)
        # The boundary to user code: importing a step's module runs it.
        except BaseException as error:  # noqa: BLE001
            if self._claim(job):
                instructions.extend(self._conclude(job, ended_by(error, 0.0, 0.0)))
            return None
        if job.timeout is not None:
            if job.target is not None:
                self._after(job.timeout, lambda: self._overdue(job))
            else:
                from framework0.runner.overdue import note_overdue

                job.overdue = partial(note_overdue, self, job)
        return job

    def _wait(self, wait: moves.Wait) -> None:
        self._after(wait.seconds, lambda: self._advance(moves.Waited(wait.node)))

    def _write_skip(self, skip: moves.Skip) -> None:
        self.write(skip.node, SKIPPED, Outcome(SKIPPED), skip.reason)

    def ended(self, event: moves.Ended) -> list[moves.Instruction]:
        """Move the state past the end of a node; the caller obeys what comes out."""
        with self._lock:
            return self._move(event)

    def write(
        self, node: int, state: str, outcome: Outcome, reason: str, changes: Sequence[Change] = ()
    ) -> None:
        """Write down an end that no attempt led to."""
        name = self.state.name(node)
        record = AttemptRecord(node, name, 0, state, True, self.clock.now(), outcome, reason)
        self.records[node] = record
        self.recorder.append(record, changes)

    # ------------------------------------------------------------------ decisions

    def _decide(self, decide: moves.Decide) -> list[moves.Instruction]:
        """Answer ``when`` and ``foreach`` from the journal, or by evaluating them once."""
        node = decide.node
        try:
            wanted = self._wanted(node, failed=decide.failed)
            step = self.workshop.step_of(node)
            items = None
            if wanted and step.foreach is not None:
                items = self.workshop.items_for(step, node)
            elif wanted and step.kind == "approval":
                from framework0.runner.stopping import ask

                ask(self, step, node)
        except Framework0Error as error:
            return self._undecidable(node, error)
        if not wanted:
            event = moves.Decided(node, run=False, reason=f"when is false: {step.when}")
        else:
            event = moves.Decided(node, items=None if items is None else len(items))
        with self._lock:
            # Not when all was stopped meanwhile: its items would have the numbers of others.
            if items is not None and self.state.state[node] == moves.PENDING:
                self._open(node, items)
            return self._move(event)

    def _open(self, node: int, items: list[Any]) -> None:
        """Give the items of a ``foreach`` their nodes, and keep which is which."""
        self._opened[node] = self.clock.monotonic()
        first = len(self.state.state)
        kept = items if self.workshop.masker is None else self.workshop.masker.mask_value(items)
        self.recorder.extend(first + len(items))
        self.recorder.decide(node, "foreach", {"first": first, "items": kept})
        self.workshop.items.update(enumerate(items, first))

    def _wanted(self, node: int, *, failed: bool) -> bool:
        """Return the answer of ``when``: the one given before a resume, or a new one, kept."""
        step = self.workshop.step_of(node)
        if step.when is None:
            return True
        kept = self.decisions.get((node, "when"))
        if kept is not None:
            return bool(kept)
        wanted = self.workshop.holds(step.when, node, failed=failed)
        self.recorder.decide(node, "when", wanted)
        return wanted

    def _undecidable(self, node: int, error: Framework0Error) -> list[moves.Instruction]:
        """An expression that cannot be evaluated fails its step, with no attempt made."""
        outcome = ended_by(error, 0.0, 0.0)
        with self._lock:
            if self.state.state[node] == moves.PENDING:
                reason = "its condition could not be evaluated"
                self.write(node, outcome.state, outcome, reason)
            return self._move(moves.Undecidable(node))

    def _collect(self, collect: moves.Collect) -> None:
        """Write down a ``foreach`` step: its result is the list of its items' results, in order."""
        node = collect.node
        results = self.workshop.results.by_node
        items = self.state.items_of(node)
        results[node] = values = [results.pop(item, None) for item in items]
        state = moves.STATES[collect.state]
        bad = [item for item in items if self.state.state[item] in moves.BAD]
        failure = None
        if bad:
            failure = Failure(
                "items", f"{len(bad)} of {len(items)} items failed, first {self.state.name(bad[0])}"
            )
        seconds = self.clock.monotonic() - self._opened.get(node, self.clock.monotonic())
        outcome, note = self.workshop.keepable(Outcome(state, values, failure, seconds), node)
        if self.workshop.masker is not None:
            outcome, note = self.workshop.hidden(outcome), self.workshop.masker.mask(note)
        self.write(node, state, outcome, note)

    def note(self, job: Job, kind: str, value: Any, then: Callable[[], None] | None) -> None:
        """Write down what is decided about an attempt, unless it has been concluded meanwhile."""
        with self._lock:
            if self._jobs.get(job.node) is job:
                self.recorder.decide(job.node, kind, value, then)

    # ------------------------------------------------------------------ ending early

    def _overdue(self, job: Job) -> None:
        """A timeout of an attempt in this process has passed."""
        # Claimed before it is stopped: its own report, of a cancellation, may come at once.
        if job.executor is None or not self._claim(job):
            return
        seconds = job.timeout or 0.0
        text = f"ran longer than its timeout of {seconds:g} s"
        if not job.executor.stop(job, TIMED_OUT):
            self.left_behind = True
            text += "; a thread cannot be stopped from outside, so its work may still be going on"
        failure = Failure("timeout", text)
        self._obey(self._conclude(job, Outcome(TIMED_OUT, None, failure, seconds)), None)

    def _cancel(self, reason: str) -> None:
        self._advance(moves.CancelAsked())
        for job in list(self._jobs.values()):
            if job.executor is not None:
                job.executor.stop(job, CANCELLED)
        if self._jobs:
            asked = list(self._jobs.values())
            self._after(self.grace, lambda: self._give_up_on(asked, reason))

    def _give_up_on(self, jobs: list[Job], reason: str) -> None:
        for job in jobs:
            text = f"{reason}; it did not stop within {self.grace:g} s and was left behind"
            self._leave_behind(job, text)

    def _abandon_all(self) -> None:
        self._advance(moves.CancelAsked())
        for job in list(self._jobs.values()):
            if job.executor is not None:
                job.executor.stop(job, CANCELLED)
        for job in list(self._jobs.values()):
            self._leave_behind(job, "ended at once by a second signal")
        self._over = True

    def _leave_behind(self, job: Job, text: str) -> None:
        if self._claim(job):
            self.left_behind = True
            outcome = Outcome(CANCELLED, None, Failure("cancelled", text))
            self._obey(self._conclude(job, outcome), None)
