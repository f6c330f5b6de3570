"""The machine of a run that may pause: at breakpoints, and at questions only a person can answer. Pure.

A node that has to stop becomes *paused*, and so holds up those that wait for it and nobody else. When
nothing is left that can go on without a person, the run is over for this process: :class:`Finish` says
where it stands, and a later process begins with those stops taken away.

Only a run that has stops is given this machine; every other run is moved by its plain parent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework0.runner.moves import (
    BAD,
    FINALLY_PHASE,
    MAIN_PHASE,
    PAUSED,
    PENDING,
    READY,
    RUN_PAUSED,
    SKIPPED,
    WAITING,
    Decide,
    Finish,
    Skip,
)
from framework0.runner.state import RunState

if TYPE_CHECKING:
    from framework0.runner.breakpoints import Stops
    from framework0.runner.moves import Decided, Event, Instruction
    from framework0.runner.plan import Plan
    from framework0.runner.state import _Items

BEFORE = "before"
AFTER = "after"
ASKED = "asked"
"""The ways in which a node stops: before it begins, after it has ended, and for an answer."""

_NOTHING_TO_SEE = frozenset({*BAD, SKIPPED})
"""Ends that leave no result and no writes to look at: nobody stops after those."""


class PausableState(RunState):
    """A :class:`RunState` with ``stops``. ``paused`` maps the nodes where it stands to the way.

    A cancelled run stops nowhere: it is on its way to its end.
    """

    def __init__(self, plan: Plan, *, stops: Stops, **options: Any) -> None:
        super().__init__(plan, **options)
        self.paused: dict[int, str] = {}
        self._stops = stops

    def handle(self, event: Event) -> list[Instruction]:
        """Take one event; when only a person can bring the run further, it is over for now."""
        out = super().handle(event)
        if self.paused and self.finished is None and self._is_quiet():
            self.finished = RUN_PAUSED
            out.append(Finish(RUN_PAUSED, tuple(sorted(self.paused.items()))))
        return out

    def _is_quiet(self) -> bool:
        """Say whether nothing runs, waits for its time, or is being decided."""
        if self.running or READY in self.state or WAITING in self.state:
            return False
        return not any(self.state[node] == PENDING for node in self._asked)

    def _pause(self, node: int, way: str) -> None:
        self._move(node, PAUSED)
        self.paused[node] = way

    # ------------------------------------------------------------------ where it stops

    def _settle(self, node: int) -> None:
        if not self._may_stop(node):
            super()._settle(node)
        elif node in self._stops.before:
            self._pause(node, BEFORE)
        elif node in self._stops.asking and node not in self._asked:
            # The question has to be put into words first, as a condition has to be evaluated.
            self._asked.add(node)
            failed = self._is_tainted(node) or (self.phase != MAIN_PHASE and self.failed)
            self._out.append(Decide(node, failed))
        else:
            super()._settle(node)

    def _may_stop(self, node: int) -> bool:
        if self.cancelled or self.state[node] != PENDING or self.plan.phase[node] != self.phase:
            return False
        if node in self._items:
            # Begun before a resume: what stops it now is an item of its own.
            return False
        return node in self._asks_status or not self._is_tainted(node)

    def _is_tainted(self, node: int) -> bool:
        in_order = self.phase == MAIN_PHASE or bool(self.plan.steps[node].depends_on)
        return in_order and node in self._taint

    def _decided(self, event: Decided) -> None:
        node = event.node
        asked = event.run and node in self._stops.asking and not self.cancelled
        if asked and self.state[node] == PENDING:
            self._pause(node, ASKED)
        else:
            super()._decided(event)

    def _close(self, node: int, state: int, *, taints: bool = False) -> None:
        if node not in self._stops.after or state in _NOTHING_TO_SEE or self.cancelled:
            super()._close(node, state, taints=taints)
            return
        self._move(node, state)
        self.paused[node] = AFTER

    def _restored(self, node: int, *, taints: bool) -> None:
        if node in self._stops.after and self.state[node] not in _NOTHING_TO_SEE:
            self.paused[node] = AFTER
        else:
            super()._restored(node, taints=taints)

    def _advance_items(self, node: int, items: _Items) -> None:
        stopping = self._stops.items.get(node)
        if stopping and items.failed and items.fail_fast:
            self._skip_paused_items(node, items)
        elif stopping and not self.cancelled:
            for item in [held for held in items.held if self._index[held] in stopping]:
                items.held.remove(item)
                self._pause(item, BEFORE)
        super()._advance_items(node, items)

    def _skip_paused_items(self, node: int, items: _Items) -> None:
        for item in [paused for paused in self.paused if self.owner.get(paused) == node]:
            del self.paused[item]
            items.left -= 1
            self._move(item, SKIPPED)
            self._out.append(Skip(item, "another item failed and fail_fast is set"))

    # ------------------------------------------------------------------ cancelled meanwhile

    def _cancel(self) -> None:
        if self.cancelled or self.finished is not None or self.phase == FINALLY_PHASE:
            super()._cancel()
            return
        paused, self.paused = self.paused, {}
        super()._cancel()
        for node, way in paused.items():
            self._leave(node, way)

    def _leave(self, node: int, way: str) -> None:
        """Let go of a stop without going on there: what had not begun is cancelled."""
        if way == AFTER:
            self._open[self.plan.phase[node]] -= 1
            self._note_end(node)
            return
        self._cancel_node(node)
        owner = self.owner.get(node)
        if owner is not None:
            super()._advance_items(owner, self._items[owner])
