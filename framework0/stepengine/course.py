"""The course of a machine: from where it stands, one transition after another, to an end or a pause."""

from __future__ import annotations

from contextlib import suppress

from framework0.errors import Framework0Error, ValueRefused
from framework0.stepengine.arrows import way_from
from framework0.stepengine.faults import fault_in, one_line
from framework0.stepengine.limits import MAX_MESSAGE
from framework0.stepengine.machine import (
    ADVANCE,
    COMPLETE_ERROR,
    COMPLETE_SUCCESS,
    DONE,
    ENTER,
    EXECUTE,
    EXIT,
    JUMP,
    METHODS,
    RUNNING,
    engine_after,
    step_after,
)
from framework0.stepengine.outcome import Ended
from framework0.stepengine.seams import CANCELLED, PAUSED, Call, Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from framework0.stepengine.nodes import Node
    from framework0.stepengine.outcome import EngineOptions
    from framework0.stepengine.position import Position
    from framework0.stepengine.record import Record
    from framework0.stepengine.seams import Clock, Host, Observer
    from framework0.stepengine.stopping import Stop


class Course:
    """Moves one machine, for as long as this process lives; ``position`` is where it begins."""

    def __init__(
        self,
        record: Record,
        nodes: Mapping[str, Node],
        position: Position,
        options: EngineOptions,
        *,
        host: Host,
        observer: Observer,
        clock: Clock,
        stop: Stop,
    ) -> None:
        self._record = record
        self._nodes = nodes
        self._at = position
        self._options = options
        self._host = host
        self._observer = observer
        self._clock = clock
        self._stop = stop
        self._since = clock.monotonic()
        self._paused_at = ""

    def run(self, *, resumed: bool) -> Ended:
        """Move it until it stands, and say how."""
        try:
            ended = self._go_on() if resumed else self._arrive()
            while ended is None:
                ended = self._step()
        except Framework0Error as error:
            # The file could not be read or written: what is in it stays, and the machine stands there.
            self._observer.ended(COMPLETE_ERROR, Fault(type(error).__name__, str(error)))
            raise
        except BaseException as error:
            self._observer.ended(CANCELLED, Fault("cancelled", type(error).__name__))
            raise
        self._observer.ended(ended.state, ended.error)
        return ended

    @property
    def _node(self) -> Node:
        return self._nodes[self._at.node]

    def _step(self) -> Ended | None:
        """Do what the recorded state asks for, and make the next one durable."""
        at = self._at
        if self._stop.asked:
            return self._cancelled(None)
        if at.state == JUMP:
            return self._arrive()
        fault = None if at.passed_exit else self._perform()
        if isinstance(fault, Fault):
            return self._ended_by(fault)
        if at.state == ADVANCE:
            return self._choose(fault)
        if at.state == EXIT and not at.passed_exit and self._breaks("exit"):
            return self._pause_after_exit()
        at.passed_exit = False
        return self._move(step_after(at.state, DONE[at.state]))

    def _perform(self) -> Any:
        """Call the method of the state, again if the node is retried; a fault is why it did not go well."""
        node, at = self._node, self._at
        method = METHODS[at.state]
        if method not in node.methods or (at.state == EXECUTE and node.skips_execute):
            return None
        while True:
            call = Call(node.name, node.module, method, at.visit, at.attempt, node.timeout)
            answer = self._host.call(call)
            self._observer.called(call, answer)
            fault = fault_in(call, answer)
            if fault is None:
                return answer.value if at.state == ADVANCE else None
            wait = node.retry.wait_after(at.attempt) if at.state == EXECUTE else None
            if wait is None or fault.kind == "cancelled" or self._stop.asked:
                return fault
            if wait and self._clock.wait(wait, self._stop.wait):
                return fault
            self._call_again()

    def _call_again(self) -> None:
        at = self._at
        at.attempt += 1
        self._write({"attempt": at.attempt})
        self._observer.moved(at.visit, at.node, at.state, at.attempt)

    def _go_on(self) -> Ended | None:
        """Take up the machine where it was left: the method of its state is called (again)."""
        at = self._at
        if at.state in METHODS and not at.passed_exit:
            at.attempt += 1
        try:
            self._write(
                {"run": at.run, "attempt": at.attempt, "paused": None, "last_error": None},
                entered=self._node if at.entering else None,
            )
        except ValueRefused as refused:
            return self._fail(Fault("params", str(refused), self._node.where))
        self._observer.moved(at.visit, at.node, at.state, at.attempt)
        return None

    def _arrive(self) -> Ended | None:
        """Enter the node that the machine has come to, unless a limit has been reached."""
        at, node = self._at, self._node
        visit = at.visit if at.entering else at.visit + 1
        if visit > self._options.max_visits:
            allowed = "as many as --max-steps allows"
            if visit - 1 > self._options.max_visits:
                allowed = f"and --max-steps allows {self._options.max_visits:,}"
            return self._fail(
                Fault(
                    "limit",
                    f"{visit - 1:,} nodes have been passed, {allowed}: allow more, or look for a loop "
                    "without a way out",
                    node.where,
                )
            )
        if node.max_visits and self._record.visits_of(node.name) >= node.max_visits:
            message = f"node {node.name} has been visited {node.max_visits} times, as often as its max_visits allows"
            return self._fail(Fault("limit", message, node.where))
        at.visit = visit
        at.entering = True
        self._since = self._clock.monotonic()
        try:
            return self._move(step_after(JUMP, "arrive"))
        except ValueRefused as refused:
            return self._fail(Fault("params", str(refused), node.where))

    def _choose(self, returned: Any) -> Ended | None:
        """Leave the node by the arrow that was chosen, or end."""
        at = self._at
        way = way_from(self._node, returned, self._nodes)
        if isinstance(way, Fault):
            return self._fail(way)
        if way.to is None:
            return self._finish()
        left = at.node
        at.node = way.to
        at.state = step_after(ADVANCE, "chosen")
        at.attempt = 0
        paused = self._options.single_step
        self._write(
            {"attempt": 0, "paused": self._pause("step") if paused else None},
            taken=f"{left}>{way.arrow}>{way.to}",
        )
        self._observer.moved(at.visit, left, at.state, 0)
        self._observer.left(at.visit, left, way.arrow, way.to, self._seconds())
        return self._ended(PAUSED) if paused else None

    def _move(self, state: str) -> Ended | None:
        """Make ``state`` the current one, durably; then pause if this is a place to pause at."""
        at = self._at
        at.state = state
        pause = "step" if self._options.single_step else ""
        if state == ENTER and self._breaks("entry"):
            pause = "entry"
        at.attempt = 0 if pause else 1
        self._write(
            {"visit": at.visit, "attempt": at.attempt, "paused": self._pause(pause)},
            entered=self._node if at.entering else None,
        )
        self._observer.moved(at.visit, at.node, state, at.attempt)
        return self._ended(PAUSED) if pause else None

    def _pause_after_exit(self) -> Ended:
        self._write({"paused": self._pause("exit")})
        return self._ended(PAUSED)

    def _finish(self) -> Ended:
        at = self._at
        left = at.node
        seconds = self._seconds()
        at.state = step_after(ADVANCE, "finished")
        self._write({"paused": None, "last_error": None}, engine=engine_after(RUNNING, "succeed"))
        self._observer.left(at.visit, left, None, None, seconds)
        return self._ended(COMPLETE_SUCCESS)

    def _ended_by(self, fault: Fault) -> Ended:
        if fault.kind == "cancelled" or self._stop.asked:
            return self._cancelled(fault)
        return self._fail(fault)

    def _cancelled(self, fault: Fault | None) -> Ended:
        """Leave everything as it is recorded: resuming calls the method of the state again.

        That somebody wanted it is noted beside it, so that it is not taken for a crash.
        """
        with suppress(Framework0Error):
            self._record.note("stopped", self._stamp())
        return self._ended(CANCELLED, fault or Fault("cancelled", "the machine was told to stop"))

    def _fail(self, fault: Fault) -> Ended:
        at = self._at
        line = one_line(fault, at.node, at.state)
        error = {
            "node": at.node,
            "state": at.state,
            "kind": fault.kind,
            "message": fault.message[:MAX_MESSAGE],
            "where": fault.where,
            "at": self._stamp(),
        }
        self._write(
            {"paused": None, "last_error": error},
            engine=engine_after(RUNNING, "fail"),
            shown={"last_error": line},
        )
        return self._ended(COMPLETE_ERROR, fault)

    def _write(
        self,
        own: dict[str, Any],
        *,
        engine: str = RUNNING,
        shown: Mapping[str, Any] | None = None,
        entered: Node | None = None,
        taken: str = "",
    ) -> None:
        at = self._at
        everybody = {
            "step_engine_state": engine,
            "current_step_module": self._node.module,
            "current_step_node": at.node,
            "current_step_state": at.state,
        }
        self._record.write(
            everybody if shown is None else {**everybody, **shown},
            {"node": at.node, "state": at.state, **own},
            entered=entered,
            taken=taken,
        )
        at.entering = False

    def _breaks(self, at: str) -> bool:
        node = self._node
        declared = node.entry_breakpoint if at == "entry" else node.exit_breakpoint
        return declared or (node.name, at) in self._options.breakpoints

    def _pause(self, at: str) -> dict[str, str] | None:
        self._paused_at = at
        return {"at": at, "node": self._at.node, "since": self._stamp()} if at else None

    def _ended(self, state: str, error: Fault | None = None) -> Ended:
        at = self._at
        paused = self._paused_at if state == PAUSED else ""
        return Ended(state, at.run, at.node, at.state, at.visit, error, paused, at.notices)

    def _seconds(self) -> float:
        return self._clock.monotonic() - self._since

    def _stamp(self) -> str:
        from datetime import UTC, datetime

        return datetime.fromtimestamp(self._clock.now(), UTC).isoformat(timespec="seconds")
