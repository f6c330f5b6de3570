"""The machine that moves the nodes of a run along the table of :mod:`framework0.runner.moves`. Pure.

Events go in, instructions come out; nothing here reads a clock, waits, or calls user code, so a run
can be replayed and tested without running anything.

A node is *settled* when all it waits for has ended. A settled node that needs an answer first (a
``when``, a ``foreach``) stays pending while the shell is asked to :class:`Decide`.

A failed node taints those that depend on it: they are skipped, unless their ``when`` asks for the
status. A node skipped by its own ``when``, or left out by the caller, counts as done: it taints nobody.
"""

from __future__ import annotations

from heapq import heappop, heappush

from framework0.runner.moves import (
    BAD,
    CANCELLED,
    ENDED,
    FAILED,
    FINALLY_PHASE,
    MAIN_PHASE,
    MOVES,
    PENDING,
    READY,
    RUN_CANCELLED,
    RUN_FAILED,
    RUN_SUCCEEDED,
    RUNNING,
    SKIPPED,
    STATES,
    SUCCEEDED,
    WAITING,
    Begin,
    Collect,
    Decide,
    Decided,
    Ended,
    Event,
    Finish,
    IllegalMove,
    Instruction,
    Launch,
    Skip,
    Undecidable,
    Wait,
    Waited,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from framework0.runner.plan import Plan


class _Items:
    """The bookkeeping of one opened ``foreach`` node."""

    __slots__ = ("count", "fail_fast", "failed", "first", "free", "held", "left")

    def __init__(self, first: int, count: int, free: int, *, fail_fast: bool) -> None:
        self.first = first
        self.count = count
        self.left = count
        self.held = list(range(first + count - 1, first - 1, -1))
        self.free = free
        self.fail_fast = fail_fast
        self.failed = False


class RunState:
    """Every node's state, and what may start. One thread at a time may call it.

    ``limit`` is how many attempts may run at once. ``asks_status`` are the nodes whose ``when``
    calls ``always()``, ``failed()`` or ``succeeded()``.
    """

    def __init__(self, plan: Plan, *, limit: int, asks_status: Collection[int] = ()) -> None:
        count = len(plan)
        self.plan = plan
        self.state = bytearray(count)
        self.limit = limit
        self.running = 0
        self.cancelled = False
        self.failed = False
        self.finished: str | None = None
        self.phase = MAIN_PHASE
        self.owner: dict[int, int] = {}
        self._index: dict[int, int] = {}
        self._asks_status = frozenset(asks_status)
        self._story = [0] * count
        self._unmet = [len(parents) for parents in plan.parents]
        self._taint: dict[int, int] = {}
        self._ready: list[tuple[int, int]] = []
        self._items: dict[int, _Items] = {}
        self._open = [0, 0, 0]
        for phase in plan.phase:
            self._open[phase] += 1
        self._out: list[Instruction] = []
        self._asked: set[int] = set()
        # A list, not recursion: one failure may skip a chain of any length.
        self._settled: list[int] = []

    # ------------------------------------------------------------------ events in

    def handle(self, event: Event) -> list[Instruction]:
        """Take one event and return what must be done now, in order."""
        kind = type(event)
        if kind is Ended:
            self._attempt_ended(event)  # type: ignore[arg-type]
        elif kind is Decided:
            self._decided(event)  # type: ignore[arg-type]
        elif kind is Waited:
            self._waited(event.node)  # type: ignore[union-attr]
        elif kind is Begin:
            self._begin()
        elif kind is Undecidable:
            if self.state[event.node] == PENDING:  # type: ignore[union-attr]
                self._close(event.node, FAILED)  # type: ignore[union-attr]
        else:
            self._cancel()
        while self._settled:
            self._settle(self._settled.pop())
        if self._ready and self.running < self.limit:
            self._fill()
        if self.finished is None and not self._open[self.phase]:
            self._next_phase()
        instructions, self._out = self._out, []
        return instructions

    def restore(
        self,
        ended: Iterable[tuple[int, int]],
        opened: Iterable[tuple[int, int, int, bool]],
        tainting: Collection[int] = (),
    ) -> None:
        """Take over what an earlier process acknowledged, before :class:`Begin`.

        ``opened`` holds (node, first item node, count, still open) in the order of opening; items of
        one that is not still open only keep their numbers. ``ended`` holds pairs of node and state,
        ``tainting`` those of the skipped nodes whose skip keeps others from running.
        """
        for node, first, count, still_open in opened:
            if first != len(self.state):
                raise IllegalMove(
                    f"items of {self.name(node)} begin at {first}, not {len(self.state)}"
                )
            self._grow(node, count)
            if not still_open:
                del self._items[node]
                self.state[first:] = bytes([SKIPPED]) * count
        for node, state in ended:
            self.state[node] = state
            self._story[node] = state
        for node in range(len(self.plan)):
            if self.state[node] in ENDED:
                self._restored(node, taints=node in tainting)
        self._settled.clear()

    def _restored(self, node: int, *, taints: bool) -> None:
        self._open[self.plan.phase[node]] -= 1
        self._note_end(node, taints=taints)

    def name(self, node: int) -> str:
        """Return the name people know the node by: ``step`` or ``step[3]``."""
        owner = self.owner.get(node)
        if owner is None:
            return self.plan.steps[node].name
        return f"{self.plan.steps[owner].name}[{self._index[node]}]"

    def item_index(self, node: int) -> int | None:
        """Return the place of an item node among its siblings, None for other nodes."""
        return self._index.get(node)

    def items_of(self, node: int) -> range:
        """Return the item nodes of an opened ``foreach`` node."""
        items = self._items[node]
        return range(items.first, items.first + items.count)

    def tainted_by(self, node: int) -> int | None:
        """Return the node whose failure keeps ``node`` from running, None if there is none."""
        return self._taint.get(node)

    def unfinished(self) -> list[int]:
        """Return the nodes that have not ended."""
        return [node for node, state in enumerate(self.state) if state not in ENDED]

    # ------------------------------------------------------------------ moves

    def _move(self, node: int, to: int) -> None:
        now = self.state[node]
        if to not in MOVES[now]:
            raise IllegalMove(
                f"{self.name(node)} cannot go from {STATES[now]} to {STATES[to]}; "
                f"its story: {self.story(node)}"
            )
        self.state[node] = to
        self._story[node] = self._story[node] << 4 | to

    def story(self, node: int) -> str:
        """Return the states a node went through, oldest first."""
        trail, digits = [], self._story[node]
        while digits:
            trail.append(STATES[digits & 15])
            digits >>= 4
        return " → ".join(["pending", *reversed(trail)])

    def _begin(self) -> None:
        plan = self.plan
        for node, reason in plan.left_out.items():
            if self.state[node] == PENDING:
                self._skip(node, reason)
        for node in sorted(range(len(plan)), key=plan.rank.__getitem__):
            if self.state[node] == PENDING and not self._unmet[node]:
                self._settle(node)

    def _settle(self, node: int) -> None:
        """Decide what becomes of a node whose parents have all ended."""
        if self.state[node] != PENDING or self.plan.phase[node] != self.phase:
            return
        if node in self._items:
            # Opened before a resume: its items go on, with no new decision.
            self._move(node, RUNNING)
            self._resume_items(node)
            return
        step = self.plan.steps[node]
        # Clean-up steps run one after another, but only a named dependency makes one need another.
        tainted = node in self._taint and (self.phase == MAIN_PHASE or bool(step.depends_on))
        if tainted and node not in self._asks_status:
            self._skip(node, self._taint_reason(node), taints=True)
        elif self.cancelled and self.phase != FINALLY_PHASE:
            self._close(node, CANCELLED)
        elif step.when is not None or step.foreach is not None:
            if node in self._asked:
                return
            self._asked.add(node)
            failed = tainted or (self.phase != MAIN_PHASE and self.failed)
            self._out.append(Decide(node, failed))
        else:
            self._move(node, READY)
            heappush(self._ready, (self.plan.rank[node], node))

    def _taint_reason(self, node: int) -> str:
        cause = self._taint[node]
        verb = "was skipped" if self.state[cause] == SKIPPED else STATES[self.state[cause]]
        return f"{self.name(cause)} {verb.replace('_', ' ')}"

    def _decided(self, event: Decided) -> None:
        node = event.node
        if self.state[node] != PENDING:
            if self.cancelled:
                return
            raise IllegalMove(f"{self.name(node)} was decided twice; its story: {self.story(node)}")
        if not event.run:
            self._skip(node, event.reason)
        elif event.items is None:
            self._move(node, READY)
            heappush(self._ready, (self.plan.rank[node], node))
        else:
            self._grow(node, event.items)
            self._move(node, RUNNING)
            self._resume_items(node)

    def _attempt_ended(self, event: Ended) -> None:
        node = event.node
        self.running -= 1
        if event.retry_in is not None and not (self.cancelled and self.phase != FINALLY_PHASE):
            self._move(node, WAITING)
            self._out.append(Wait(node, event.retry_in))
            return
        self._close(node, event.state)

    def _waited(self, node: int) -> None:
        if self.state[node] != WAITING:
            return
        self._move(node, READY)
        rank = self.plan.rank[self.owner.get(node, node)]
        heappush(self._ready, (rank, node))

    def _fill(self) -> None:
        ready, out = self._ready, self._out
        while ready and self.running < self.limit:
            node = heappop(ready)[1]
            if self.state[node] != READY:
                continue
            self._move(node, RUNNING)
            self.running += 1
            out.append(Launch(node))

    def _skip(self, node: int, reason: str, *, taints: bool = False) -> None:
        self._out.append(Skip(node, reason))
        self._close(node, SKIPPED, taints=taints)

    def _close(self, node: int, state: int, *, taints: bool = False) -> None:
        """End a node and settle those that waited for it alone."""
        self._move(node, state)
        owner = self.owner.get(node)
        if owner is not None:
            self._item_ended(owner, node)
            return
        self._open[self.plan.phase[node]] -= 1
        self._note_end(node, taints=taints)

    def _note_end(self, node: int, *, taints: bool = False) -> None:
        """Count ``node`` off for its children; those with nothing left to wait for are settled next."""
        bad = self.state[node] in BAD
        tolerated = self.plan.steps[node].policy.continue_on_error and self.state[node] != CANCELLED
        if bad and not tolerated:
            self.failed = taints = True
        unmet = self._unmet
        for child in self.plan.children[node]:
            if taints:
                self._taint.setdefault(child, node)
            unmet[child] -= 1
            if not unmet[child]:
                self._settled.append(child)

    # ------------------------------------------------------------------ foreach

    def _grow(self, node: int, count: int) -> None:
        first = len(self.state)
        foreach = self.plan.steps[node].foreach
        free = foreach.parallel if foreach is not None and foreach.parallel else count
        fail_fast = foreach is not None and foreach.fail_fast
        self._items[node] = _Items(first, count, free, fail_fast=fail_fast)
        self.state.extend(bytes(count))
        self._story.extend([0] * count)
        for index in range(count):
            self.owner[first + index] = node
            self._index[first + index] = index

    def _resume_items(self, node: int) -> None:
        """Queue the items of an opened node, as many as its own limit lets run."""
        items = self._items[node]
        items.left = sum(1 for item in items.held if self.state[item] not in ENDED)
        items.failed = any(self.state[item] in BAD for item in items.held)
        items.held = [item for item in items.held if self.state[item] not in ENDED]
        self._advance_items(node, items)

    def _advance_items(self, node: int, items: _Items) -> None:
        if items.failed and items.fail_fast:
            held, items.held = items.held, []
            for item in reversed(held):
                items.left -= 1
                self._move(item, SKIPPED)
                self._out.append(Skip(item, "another item failed and fail_fast is set"))
        while items.held and items.free > 0:
            item = items.held.pop()
            items.free -= 1
            self._move(item, READY)
            heappush(self._ready, (self.plan.rank[node], item))
        if not items.left:
            state = FAILED if items.failed else SUCCEEDED
            if self.cancelled and self.phase != FINALLY_PHASE and items.failed:
                state = CANCELLED
            self._out.append(Collect(node, state))
            self._close(node, state)

    def _item_ended(self, owner: int, item: int) -> None:
        items = self._items[owner]
        items.left -= 1
        items.free += 1
        items.failed = items.failed or self.state[item] in BAD
        if self.state[owner] == RUNNING:
            self._advance_items(owner, items)

    # ------------------------------------------------------------------ the run as a whole

    def _cancel(self) -> None:
        if self.cancelled or self.finished is not None:
            return
        self.cancelled = True
        if self.phase == FINALLY_PHASE:
            return
        for node in range(len(self.state)):
            if self.state[node] in (READY, WAITING):
                self._cancel_node(node)
        for node in range(len(self.plan)):
            if self.state[node] == PENDING and self.plan.phase[node] == self.phase:
                self._close(node, CANCELLED)
            elif self.state[node] == RUNNING and node in self._items:
                self._cancel_items(node)

    def _cancel_node(self, node: int) -> None:
        self._move(node, CANCELLED)
        owner = self.owner.get(node)
        if owner is None:
            self._open[self.plan.phase[node]] -= 1
            self._note_end(node)
        else:
            items = self._items[owner]
            items.left -= 1
            items.failed = True

    def _cancel_items(self, node: int) -> None:
        items = self._items[node]
        held, items.held = items.held, []
        for item in held:
            self._move(item, CANCELLED)
            items.left -= 1
            items.failed = True
        self._advance_items(node, items)

    def _next_phase(self) -> None:
        while self.finished is None and not self._open[self.phase]:
            if self.phase == FINALLY_PHASE:
                self.finished = self._verdict()
                self._out.append(Finish(self.finished))
                return
            self.phase += 1
            self._open_phase()
            while self._settled:
                self._settle(self._settled.pop())
            if self._ready and self.running < self.limit:
                self._fill()

    def _open_phase(self) -> None:
        plan = self.plan
        wanted = self.phase == FINALLY_PHASE or (self.failed and not self.cancelled)
        members = [node for node in range(len(plan)) if plan.phase[node] == self.phase]
        members.sort(key=plan.rank.__getitem__)
        for node in members:
            if self.state[node] != PENDING:
                continue
            if not wanted:
                self._skip(node, "the run was cancelled" if self.cancelled else "nothing failed")
            elif not self._unmet[node]:
                self._settle(node)

    def _verdict(self) -> str:
        if self.cancelled:
            return RUN_CANCELLED
        return RUN_FAILED if self.failed else RUN_SUCCEEDED
