"""The step engine: it moves a machine from state to state, and each move is in the file before it acts.

The loop is: call the method of the state that is recorded, see what came of it, make the next state
durable. A kill at any moment leaves a recorded state, whose method is called again: at least once.
"""

from __future__ import annotations

import os
from pathlib import Path

from framework0.errors import UsageError
from framework0.stepengine.arrows import nearest
from framework0.stepengine.clock import SystemClock
from framework0.stepengine.course import Course
from framework0.stepengine.machine import ENTER, STARTUP, engine_after
from framework0.stepengine.nodes import machine_nodes
from framework0.stepengine.outcome import EngineOptions
from framework0.stepengine.position import Picture, first_position, refuse_to_run, resumed_position
from framework0.stepengine.record import Record
from framework0.stepengine.shell import from_here
from framework0.stepengine.standing import INSTANCE_LOCK
from framework0.stepengine.stopping import Stop
from framework0.workspace import for_file, hold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from framework0.stepengine.nodes import Node
    from framework0.stepengine.outcome import Ended
    from framework0.stepengine.position import Position
    from framework0.stepengine.seams import Answer, Call, Clock, Fault, Host, NodeFacts, Observer


class Engine:
    """Runs one instance once: from its beginning, or from where it stands, to an end or a pause.

    ``host`` knows and calls the nodes, and is the caller's to close. ``observer`` sees each move.
    """

    def __init__(
        self,
        instance: Path,
        host: Host,
        *,
        observer: Observer | None = None,
        clock: Clock | None = None,
        options: EngineOptions | None = None,
    ) -> None:
        self.instance = Path(os.path.abspath(instance))
        self._host = host
        self._observer = observer or Unobserved()
        self._clock = clock or SystemClock()
        self._options = options or EngineOptions()
        self._stop = Stop()

    def run(self) -> Ended:
        """Move the machine until it ends, pauses or is stopped, and say how it stands then.

        Raises :class:`~framework0.errors.UsageError` when it cannot be run, or resumed, as it stands,
        :class:`~framework0.errors.LibraryError` for a library that is wrong,
        :class:`~framework0.errors.LockHeld` when another engine runs the instance, and
        :class:`~framework0.errors.WorkspaceError` when its file cannot be read or written.
        """
        if not self.instance.is_dir():
            raise UsageError(f"{self.instance} is no folder: name the folder of an instance")
        with hold(self.instance / INSTANCE_LOCK, "step engine"):
            record = Record(self.instance)
            try:
                return self._run(record)
            finally:
                record.close()

    def stop(self) -> None:
        """Have the machine stand still as soon as the call that is going on has ended.

        Another thread, or a handler of signals, calls this. The call itself is ended if the host can.
        """
        self._stop.ask()
        self._host.stop()

    def _run(self, record: Record) -> Ended:
        options = self._options
        picture = Picture(record.read())
        refuse_to_run(picture, from_here(self.instance), resume=options.resume)
        facts = self._host.describe()
        nodes = machine_nodes(facts)
        self._check_breakpoints(nodes)
        record.limited = frozenset(name for name, node in nodes.items() if node.max_visits)
        resumed = options.resume and picture.engine != STARTUP
        # A run that was killed before its first node was entered is the same run when it is resumed.
        begun = picture.run if options.resume else ""
        run = begun or options.run or os.urandom(6).hex()
        if resumed:
            position = resumed_position(picture, nodes, run)
        else:
            position = first_position(picture, nodes, options.first, run)
            self._start(record, picture, position, nodes[position.node])
        if options.notice is not None:
            for notice in position.notices:
                options.notice(notice)
        self._observer.began(position.run, self.instance, facts, resumed)
        course = Course(
            record,
            nodes,
            position,
            options,
            host=self._host,
            observer=self._observer,
            clock=self._clock,
            stop=self._stop,
        )
        return course.run(resumed=resumed)

    def _check_breakpoints(self, nodes: Mapping[str, Node]) -> None:
        for name, _ in self._options.breakpoints:
            if name not in nodes:
                raise UsageError(f"breakpoint: {name!r} is no node: {nearest(name, nodes)}")

    def _start(self, record: Record, picture: Picture, position: Position, node: Node) -> None:
        """Write down that the machine begins, and with what."""
        record.create()
        shown: dict[str, Any] = {
            "step_engine_state": engine_after(picture.engine, "start"),
            "step_engine_instance_path": for_file(str(self.instance)),
            "current_step_module": node.module,
            "current_step_node": node.name,
        }
        if self._options.library is not None:
            shown["step_engine_library_path"] = for_file(self._options.library)
        if self._options.first is not None:
            shown["first_step_module"] = node.module
            shown["first_step_node"] = node.name
        if "last_error" in picture.shown:
            shown["last_error"] = ""
        own: dict[str, Any] = {
            "run": position.run,
            "visit": position.visit - 1,
            "attempt": 0,
            "node": node.name,
            "state": ENTER,
            "visits": {},
            "arrows": {},
            "paused": None,
            "last_error": None,
        }
        record.write(shown, own)


class Unobserved:
    """An observer for machines that nobody watches."""

    def began(self, run: str, instance: Path, nodes: Sequence[NodeFacts], resumed: bool) -> None:
        """Look away."""

    def moved(self, visit: int, node: str, state: str, attempt: int) -> None:
        """Look away."""

    def called(self, call: Call, answer: Answer) -> None:
        """Look away."""

    def left(
        self, visit: int, node: str, arrow: str | None, to: str | None, seconds: float
    ) -> None:
        """Look away."""

    def ended(self, state: str, error: Fault | None) -> None:
        """Look away."""
