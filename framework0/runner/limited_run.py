"""A run with limits of its own: slots of pools, ``fail_fast``, a deadline.

Runs without any of them are plain :class:`~framework0.runner.run.Run` objects and pay nothing.

Slots are asked for under the run's lock, by a call that never waits. While they are in use elsewhere
the run asks again every :data:`LOOK_EVERY` seconds; no thread and no worker waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from framework0.recipe import MAIN
from framework0.runner.limited_moves import (
    Ask,
    GiveBack,
    Granted,
    Halt,
    HaltAsked,
    Leave,
    MayBeFree,
    Refused,
)
from framework0.runner.run import Run
from framework0.runner.seams import CANCELLED, Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework0.runner.moves import Event, Instruction
    from framework0.runner.seams import Job

LOOK_EVERY: Final = 0.05
"""Seconds between two looks at slots that were in use; slots freed elsewhere are taken within this."""

LOOK_SHARE: Final = 20
"""A look that takes long (a pool of thousands of slots) is repeated after so many times its length."""

STOP_AGAIN: Final = 1.5
"""Seconds after which a step that still runs is told again: it may have begun when it was told."""


class Pools(Protocol):
    """Named slots that every run of a workspace shares; each call returns at once.

    Nobody needs to free what a dead process held.
    """

    def take(self, node: int, pool: str, slots: int, step: str) -> bool:
        """Hold ``slots`` slots of ``pool`` for ``node``, all or none; False when they are in use.

        After a refusal the run has its place in the pool's queue until it takes or leaves.
        """

    def give_back(self, node: int) -> None:
        """Free what ``node`` holds."""

    def leave(self, pool: str) -> None:
        """Give up the place in the queue of ``pool``."""

    def told(self, pool: str) -> str:
        """Say for people how many slots are in use, and by whom."""

    def close(self) -> None:
        """Free everything."""


class LimitedRun(Run):
    """A :class:`Run` whose state is a :class:`~framework0.runner.limited_state.LimitedState`.

    ``pools`` are asked for slots, ``deadline`` is in seconds from the beginning.
    """

    def __init__(
        self, *, pools: Pools | None = None, deadline: float | None = None, **parts: Any
    ) -> None:
        super().__init__(**parts)
        self._pools = pools
        self._deadline = deadline
        self._halt: tuple[str, str] | None = None
        self._looking: set[str] = set()
        self._told: set[int] = set()
        # An observer of somebody else's need not know of pools.
        self._tell_waiting: Callable[[str, str], None] | None = getattr(
            self.observer, "step_waiting", None
        )

    def execute(self) -> str:
        """Run to the end and return the run's final state. Raises what broke the run itself."""
        if self._deadline is not None:
            self._after(self._deadline, self._reach_deadline)
        try:
            return super().execute()
        finally:
            if self._pools is not None:
                self._pools.close()

    # ------------------------------------------------------------------ pools

    def _move(self, event: Event | Any) -> list[Instruction]:
        instructions: list[Any] = super()._move(event)
        position = 0
        while position < len(instructions):
            instruction = instructions[position]
            position += 1
            kind = type(instruction)
            if kind is Ask:
                instructions.extend(super()._move(self._asked(instruction)))
            elif kind is Halt:
                self._begin_halt(instruction.reason)
            elif self._pools is None:
                continue
            elif kind is GiveBack:
                self._pools.give_back(instruction.node)
            elif kind is Leave:
                self._pools.leave(instruction.pool)
        return instructions

    def _take_in(self, event: Any) -> None:
        """Take an event that only runs with limits know."""
        self._advance(event)

    def _asked(self, ask: Ask) -> Any:
        """Try to take the slots; when they are in use, look again later."""
        assert self._pools is not None
        began = self.clock.monotonic()
        if self._pools.take(ask.node, ask.pool, ask.slots, self.state.name(ask.node)):
            return Granted(ask.node)
        if ask.pool not in self._looking:
            self._looking.add(ask.pool)
            spent = self.clock.monotonic() - began
            self._after(max(LOOK_EVERY, LOOK_SHARE * spent), lambda: self._look(ask.pool))
        if self._tell_waiting is not None and ask.node not in self._told:
            self._told.add(ask.node)
            self.later(lambda: self._say_it_waits(ask))
        return Refused(ask.node)

    def _look(self, pool: str) -> None:
        self._looking.discard(pool)
        if not self._over:
            self._take_in(MayBeFree(pool))

    def _say_it_waits(self, ask: Ask) -> None:
        assert self._pools is not None
        if self._tell_waiting is not None:
            self._tell_waiting(self.state.name(ask.node), self._pools.told(ask.pool))

    # ------------------------------------------------------------------ fail_fast and the deadline

    def _reach_deadline(self) -> None:
        seconds = self._deadline or 0.0
        self._take_in(HaltAsked(f"the run's deadline of {seconds:g} s has passed"))

    def _begin_halt(self, reason: str) -> None:
        kind = "deadline" if "deadline" in reason.partition(" of ")[0] else "fail_fast"
        self._halt = (kind, reason)
        self.recorder.decide(-1, "halted", reason)
        self.later(self._stop_steps)

    def _stop_steps(self) -> None:
        """Stop the steps that run, and leave behind what does not stop within the grace time."""
        jobs = [job for job in list(self._jobs.values()) if job.step.phase == MAIN]
        self._stop(jobs)
        if jobs and self._halt is not None:
            reason = self._halt[1]
            if self.grace > STOP_AGAIN:
                self._after(STOP_AGAIN, lambda: self._stop(jobs))
            self._after(self.grace, lambda: self._give_up_on(jobs, reason))

    def _stop(self, jobs: list[Job]) -> None:
        for job in jobs:
            if job.executor is not None and self._jobs.get(job.node) is job:
                job.executor.stop(job, CANCELLED)

    def _start(self, node: int, instructions: list[Instruction]) -> Job | None:
        job = super()._start(node, instructions)
        # Let start just before all was stopped.
        if job is None or self._halt is None or job.step.phase != MAIN or not self._claim(job):
            return job
        instructions.extend(self._conclude(job, Outcome(CANCELLED)))
        return None

    def _conclude(self, job: Job, outcome: Outcome) -> list[Instruction]:
        if self._halt is not None and outcome.state == CANCELLED and job.step.phase == MAIN:
            kind, reason = self._halt
            told = outcome.failure.message if outcome.failure is not None else ""
            text = told if told.startswith(reason) else f"{reason}: the step was stopped"
            outcome = outcome._replace(failure=Failure(kind, text))
        return super()._conclude(job, outcome)
