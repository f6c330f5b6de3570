"""The state machine of a run with pools, ``fail_fast`` or a deadline. Pure.

A node that needs slots of a pool waits in the pool's line, ready but without a worker. The first of
a line (by priority, then ``idx``, then the file) asks for its slots when a worker is free for it; the
shell answers at once. Nobody overtakes inside a line, so a step that needs many slots is not starved
by those that need one. No node waits for a pool while it holds slots of another, and it gets all its
slots or none, so there is no deadlock.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

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
from framework0.runner.moves import (
    CANCELLED,
    FAILED,
    MAIN_PHASE,
    PENDING,
    READY,
    RUNNING,
    STATES,
    TIMED_OUT,
    WAITING,
    Launch,
)
from framework0.runner.state import RunState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from framework0.runner.moves import Decided, Ended
    from framework0.runner.plan import Plan


class Line:
    """Who of this run waits for one pool, and how many of its ``size`` slots the run holds.

    ``asked`` is the node whose question is open. After a refusal the line is ``blocked`` until slots
    may be free again, and ``queued``: it has its place among the runs that wait.
    """

    __slots__ = ("asked", "blocked", "queued", "size", "used", "waiting")

    def __init__(self, size: int) -> None:
        self.size = size
        self.used = 0
        self.waiting: list[tuple[int, int]] = []
        self.asked: int | None = None
        self.blocked = False
        self.queued = False


class LimitedState(RunState):
    """A :class:`RunState` that asks for slots, and that can be halted.

    ``pools`` holds the size of every pool that the plan's steps name. ``halted`` is the reason why
    nothing of the main phase may start any more, empty as long as it may.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        limit: int,
        asks_status: Collection[int] = (),
        pools: Mapping[str, int] | None = None,
        fail_fast: bool = False,
    ) -> None:
        super().__init__(plan, limit=limit, asks_status=asks_status)
        self.halted = ""
        self._fail_fast = fail_fast
        self._needs = {
            step.position: step.policy.pool for step in plan.steps if step.policy.pool is not None
        }
        sizes = pools or {}
        self.lines = {name: Line(sizes[name]) for name, _ in self._needs.values()}
        self._holds: dict[int, tuple[str, int]] = {}

    def handle(self, event: Any) -> list[Any]:
        """Take one event, of :mod:`limited_moves` too, and return what must be done now, in order."""
        kind = type(event)
        if kind is Granted:
            self._granted(event.node)
        elif kind is Refused:
            self._refused(event.node)
        elif kind is MayBeFree:
            self.lines[event.pool].blocked = False
        elif kind is HaltAsked:
            self._halt(event.reason)
        else:
            instructions: list[Any] = super().handle(event)
            self._ask_all()
            more, self._out = self._out, []
            return instructions + more
        while self._settled:
            self._settle(self._settled.pop())
        if self._ready and self.running < self.limit:
            self._fill()
        if self.finished is None and not self._open[self.phase]:
            self._next_phase()
        self._ask_all()
        out: list[Any] = self._out
        self._out = []
        return out

    # ------------------------------------------------------------------ pools

    def _fill(self) -> None:
        ready = self._ready
        while ready and self.running < self.limit:
            rank, node = heappop(ready)
            if self.state[node] != READY:
                continue
            need = self._needs.get(self.owner.get(node, node))
            if need is None:
                self._launch(node)
                self.running += 1
            else:
                line = self.lines[need[0]]
                heappush(line.waiting, (rank, node))
                self._ask(need[0], line)

    def _launch(self, node: int) -> None:
        self._move(node, RUNNING)
        self._out.append(Launch(node))

    def _ask_all(self) -> None:
        for pool, line in self.lines.items():
            self._ask(pool, line)

    def _ask(self, pool: str, line: Line) -> None:
        """Let the first of the line ask if it may; its worker is kept free until the answer."""
        waiting = line.waiting
        while waiting and self.state[waiting[0][1]] != READY:
            heappop(waiting)
        if not waiting:
            if line.queued:
                line.queued = False
                self._tell(Leave(pool))
            return
        if line.blocked or line.asked is not None or self.running >= self.limit:
            return
        node = waiting[0][1]
        slots = self._needs[self.owner.get(node, node)][1]
        if line.used + slots > line.size:
            return
        line.asked = node
        self.running += 1
        self._tell(Ask(node, pool, slots))

    def _granted(self, node: int) -> None:
        pool, slots = self._needs[self.owner.get(node, node)]
        line = self.lines[pool]
        line.asked = None
        line.queued = False
        if self.state[node] != READY:
            # Cancelled while it was asked for.
            self.running -= 1
            self._tell(GiveBack(node))
            return
        line.used += slots
        self._holds[node] = (pool, slots)
        self._launch(node)

    def _refused(self, node: int) -> None:
        line = self.lines[self._needs[self.owner.get(node, node)][0]]
        line.asked = None
        line.blocked = line.queued = True
        self.running -= 1

    def _tell(self, instruction: Any) -> None:
        self._out.append(instruction)

    def _attempt_ended(self, event: Ended) -> None:
        node = event.node
        held = self._holds.pop(node, None)
        if held is not None:
            line = self.lines[held[0]]
            line.used -= held[1]
            line.blocked = False
            self._tell(GiveBack(node))
        if self.halted and event.retry_in is not None and self.phase == MAIN_PHASE:
            # It failed when all was stopped: there is no other attempt.
            self.running -= 1
            self._move(node, WAITING)
            self._close(node, CANCELLED)
            return
        super()._attempt_ended(event)

    # ------------------------------------------------------------------ fail_fast and the deadline

    def _close(self, node: int, state: int, *, taints: bool = False) -> None:
        super()._close(node, state, taints=taints)
        if not self._fail_fast or state not in (FAILED, TIMED_OUT):
            return
        step = self.plan.steps[self.owner.get(node, node)]
        if not step.policy.continue_on_error:
            verb = STATES[state].replace("_", " ")
            self._halt(f"{self.name(node)} {verb} and fail_fast is set")

    def _halt(self, reason: str) -> None:
        """End what has not begun, and have what runs stopped; the run has failed."""
        if self.halted or self.cancelled or self.phase != MAIN_PHASE or self.finished is not None:
            return
        self.halted = reason
        self.failed = True
        for node in range(len(self.state)):
            owner = self.owner.get(node)
            now = self.state[node]
            if self.plan.phase[node if owner is None else owner] != MAIN_PHASE:
                continue
            if now == WAITING or (now == READY and owner is not None):
                self._cancel_node(node)
            elif owner is None and now in (PENDING, READY):
                self._skip(node, reason)
        for node in self._items:
            if self.state[node] == RUNNING and self.plan.phase[node] == MAIN_PHASE:
                self._cancel_items(node)
        self._tell(Halt(reason))

    def _decided(self, event: Decided) -> None:
        # Asked before all was stopped, answered after.
        if not self.halted or self.state[event.node] == PENDING:
            super()._decided(event)
