"""A machine's run in the journal: its nodes are the steps of the run, and each visit is an attempt.

The parameter file is the truth about a machine; the journal tells its story. A record here may be lost
in a kill that the file survived, so going on begins with what the file counts and the journal lacks.
"""

from __future__ import annotations

from time import time

from framework0.errors import RefusedError, WorkspaceError
from framework0.logs import StepLog
from framework0.runner.breakpoints import PASSED, STOPPED, THE_RUN
from framework0.runner.moves import RUN_CANCELLED, RUN_FAILED, RUN_PAUSED, RUN_SUCCEEDED
from framework0.runner.pausing import AFTER, BEFORE
from framework0.runner.seams import (
    CANCELLED,
    FAILED,
    SKIPPED,
    SUCCEEDED,
    AttemptRecord,
    Failure,
    Outcome,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any, Final

    from framework0.runner.journal import RunHistory, RunRecorder
    from framework0.secrets import Masker
    from framework0.stepengine import Answer, Call, Fault, NodeFacts

NODES: Final = "nodes"
"""The decision of the run that names its nodes in the order of their numbers, once some were added."""

LOST: Final = "its record was lost when the process was killed; the parameter file counts it"

MOST_HELD: Final = 64 * 1024
"""Bytes of what a library prints while it is imported that are kept until the run begins."""

MOST_MARKED: Final = 65_000
"""Visits of one node that are marked as begun; a counter of the journal holds a few more."""

_ENDS: Final = {
    "COMPLETE_SUCCESS": RUN_SUCCEEDED,
    "COMPLETE_ERROR": RUN_FAILED,
    "PAUSED": RUN_PAUSED,
    "CANCELLED": RUN_CANCELLED,
}
"""How a run ends by how its machine stands."""

_WAYS: Final = {"entry": BEFORE, "exit": AFTER, "step": "step"}
"""How a run is told to be paused, by where its machine is."""


class MachineRecord:
    """Implements :class:`framework0.stepengine.Observer`.

    ``recorder(run, names)`` begins or resumes the run in the journal when the nodes are known.
    ``position`` returns the engine's own group of the parameter file, ``folder(run)`` the run's folder.
    ``terminal`` also shows what nodes print. The journal's own trouble does not stop the machine:
    ``trouble`` keeps the first of it.
    """

    def __init__(
        self,
        recorder: Callable[[str, Sequence[str]], RunRecorder],
        position: Callable[[], Mapping[str, Any]],
        folder: Callable[[str], Path],
        *,
        masker: Masker | None = None,
        terminal: Any = None,
    ) -> None:
        self.run = ""
        self.trouble: WorkspaceError | RefusedError | None = None
        self._begin = recorder
        self._position = position
        self._folder = folder
        self._logs: Path | None = None
        self._masker = masker
        self._terminal = terminal
        self._recorder: RunRecorder | None = None
        self._nodes: dict[str, int] = {}
        self._counts: dict[int, int] = {}
        self._begun: dict[int, int] = {}
        self._over: set[int] = set()
        self._unfinished: tuple[str, int] | None = None
        self._visit = 0
        self._node = ""
        self._number = 0
        self._at = 0.0
        self._tries = 0
        self._log: StepLog | None = None
        self._held = bytearray()

    # ------------------------------------------------------------------ as the engine tells it
    # All that the engine tells is in the calls; not all of it is kept.

    def began(
        self, run: str, instance: Path, nodes: Sequence[NodeFacts], resumed: bool  # noqa: ARG002
    ) -> None:
        """Begin or resume the run of the machine."""
        self.run = run
        self._kept(lambda: self._open(run, [node.name for node in nodes]))
        if self._logs is not None:
            self._log = StepLog(self._logs / "run.log", self._masker)
        held, self._held = bytes(self._held), bytearray()
        self.printed(held)

    def moved(self, visit: int, node: str, state: str, attempt: int) -> None:  # noqa: ARG002
        """Begin an attempt with each visit; between two nodes, the visit is over."""
        if visit == self._visit or state == "JUMP":
            return
        self._visit, self._node, self._at, self._tries = visit, node, time(), 0
        self._kept(self._mark)
        self._close_log()
        if self._logs is not None:
            number = self._nodes[node] + 1
            path = self._logs / f"{number:05d}.{self._number}.log"
            self._log = StepLog(path, self._masker)

    def called(self, call: Call, answer: Answer) -> None:  # noqa: ARG002
        """Count how often the node's own work was done."""
        if call.method == "step_execute":
            self._tries += 1

    def left(
        self, visit: int, node: str, arrow: str | None, to: str | None, seconds: float
    ) -> None:
        """Record a visit that is over."""
        if visit in self._over:
            return
        result: dict[str, Any] = {"visit": visit, "arrow": arrow, "to": to}
        if self._tries > 1:
            result["tries"] = self._tries
        self._kept(lambda: self._write(visit, node, Outcome(SUCCEEDED, result, None, seconds)))

    def ended(self, state: str, error: Fault | None) -> None:
        """Record how the machine stands; the run is over for this process."""
        self._close_log()
        self._kept(lambda: self._finish(state, error))

    # ------------------------------------------------------------------ what is printed

    def printed(self, data: bytes) -> None:
        """Write what the nodes print into the log of the visit, and show it if it is to be shown."""
        log = self._log
        if log is None:
            self._held += data
            del self._held[:-MOST_HELD]
            if self.run and self._terminal is not None:
                # There is no log to be had, which is told at the end.
                self._terminal.write(data.decode("utf-8", "replace"))
        elif self._terminal is None:
            log.take(data)
        elif data:
            log.write_bytes(data, terminal=self._terminal)
            log.flush(self._terminal)

    def close(self) -> None:
        """Let go of the run, whether it has ended or not."""
        self._close_log()
        if self._recorder is not None:
            self._recorder.close()

    def _close_log(self) -> None:
        if self._log is not None:
            self._log.close()

    # ------------------------------------------------------------------ into the journal

    def _kept(self, action: Callable[[], None]) -> None:
        """Record something; an observer must not raise, and the file holds the machine's state."""
        if self.trouble is not None:
            return
        try:
            action()
        except (WorkspaceError, RefusedError) as error:
            self.trouble = error

    def _open(self, run: str, names: list[str]) -> None:
        recorder = self._recorder = self._begin(run, names)
        self._logs = self._folder(run) / "logs"
        history = recorder.history
        known = list(names) if history is None else known_nodes(history)
        added = [name for name in names if name not in known]
        known += added
        self._nodes = {name: number for number, name in enumerate(known)}
        if history is None:
            return
        if added:
            recorder.extend(len(known))
            recorder.decide(THE_RUN, NODES, known)
        self._take_over(history)
        for (number, kind), stop in history.decisions.items():
            if kind == STOPPED:
                recorder.decide(number, PASSED, [stop["way"]])

    def _take_over(self, history: RunHistory) -> None:
        """Know what was recorded, and record what the file counts beyond it."""
        recorded: dict[int, set[int]] = {}
        lost: dict[int, int] = {}
        for record in history.attempts:
            if not record.attempt:
                continue
            number, visit = record.node, visit_of(record)
            self._counts[number] = self._counts.get(number, 0) + 1
            recorded.setdefault(number, set()).add(visit)
            lost[number] = lost.get(number, 0) + (record.reason == LOST and not visit)
            if record.state == SUCCEEDED:
                self._over.add(visit)
        self._begun = dict(enumerate(history.started))
        position = self._position()
        here = None
        if position.get("state") != "JUMP":
            here = _whole(position.get("visit"))
            self._unfinished = (str(position.get("node")), here)
        missing: list[tuple[int, str]] = []
        visits = position.get("visits")
        # People may edit the file, and what makes no sense there is no reason to stop.
        for name, count in visits.items() if isinstance(visits, dict) else ():
            number = self._nodes.get(name, -1)
            told = len(recorded.get(number, set()) - {here, 0}) + lost.get(number, 0)
            going = here is not None and name == position.get("node")
            if number >= 0:
                missing += [(number, name)] * min(_whole(count) - told - going, MOST_MARKED)
        # Of one that was over just when the process was killed, the file still has the number.
        known = _whole(position.get("visit")) if here is None and len(missing) == 1 else 0
        for number, name in missing:
            self._write_lost(number, name, known)

    def _write_lost(self, number: int, name: str, visit: int) -> None:
        assert self._recorder is not None
        count = self._counts[number] = self._counts.get(number, 0) + 1
        self._raise_mark(number, count)
        outcome = Outcome(SUCCEEDED, {"visit": visit})
        self._recorder.append(
            AttemptRecord(number, name, count, SUCCEEDED, True, time(), outcome, LOST)
        )

    def _mark(self) -> None:
        """Note, safe against a kill, that the visit begins; one that was in flight goes on."""
        before, self._unfinished = self._unfinished, None
        if before is not None and before[1] not in (self._visit, *self._over):
            self._write_abandoned(*before)
        number = self._nodes[self._node]
        self._number = self._counts.get(number, 0) + 1
        self._raise_mark(number, self._number)

    def _write_abandoned(self, name: str, visit: int) -> None:
        """Record the end of a visit that somebody has taken the machine away from."""
        assert self._recorder is not None
        number = self._nodes.get(name)
        if number is None:
            return
        count = self._counts[number] = self._counts.get(number, 0) + 1
        self._raise_mark(number, count)
        outcome = Outcome(CANCELLED, {"visit": visit})
        why = "the machine was moved to another node by hand"
        self._recorder.append(
            AttemptRecord(number, name, count, CANCELLED, True, time(), outcome, why)
        )

    def _raise_mark(self, number: int, count: int) -> None:
        assert self._recorder is not None
        begun = self._begun.get(number, 0)
        while begun < min(count, MOST_MARKED):
            begun = self._recorder.mark_started(number)
        self._begun[number] = begun

    def _write(self, visit: int, name: str, outcome: Outcome) -> None:
        assert self._recorder is not None
        number = self._nodes[name]
        self._counts[number] = self._number
        self._over.add(visit)
        reason = "" if outcome.failure is not None else _way(outcome.result)
        if self._masker is not None:
            outcome = self._hidden(outcome)
        self._recorder.append(
            AttemptRecord(
                number, name, self._number, outcome.state, True, self._at, outcome, reason
            )
        )

    def _hidden(self, outcome: Outcome) -> Outcome:
        assert self._masker is not None
        failure = outcome.failure
        if failure is not None:
            kind, message, where, trace = map(self._masker.mask, failure[:4])
            failure = Failure(kind, message, where, trace)
        return outcome._replace(result=self._masker.mask_value(outcome.result), failure=failure)

    def _finish(self, state: str, error: Fault | None) -> None:
        recorder = self._recorder
        if recorder is None:
            return
        if state == "COMPLETE_ERROR" and error is not None:
            self._write_failure(error)
        if state.startswith("COMPLETE_"):
            self._write_unvisited()
        elif state == "PAUSED":
            self._write_pause()
        recorder.finish(_ENDS[state])

    def _write_failure(self, error: Fault) -> None:
        failure = Failure(error.kind, error.message, error.where, error.trace)
        if self._visit and self._visit not in self._over:
            result = {"visit": self._visit}
            outcome = Outcome(FAILED, result, failure, max(0.0, time() - self._at))
            self._write(self._visit, self._node, outcome)
            self._over.discard(self._visit)
        elif self._recorder is not None:
            # Between two nodes, or before the first: the run failed, and none of its nodes did.
            self._recorder.decide(THE_RUN, "halted", f"{error.kind}: {error.message}")

    def _write_unvisited(self) -> None:
        assert self._recorder is not None
        for name, number in self._nodes.items():
            if not self._counts.get(number):
                outcome = Outcome(SKIPPED)
                why = "the machine did not come by"
                self._recorder.append(
                    AttemptRecord(number, name, 0, SKIPPED, True, time(), outcome, why)
                )

    def _write_pause(self) -> None:
        assert self._recorder is not None
        paused = self._position().get("paused") or {}
        number = self._nodes.get(paused.get("node", self._node))
        if number is not None:
            way = _WAYS.get(paused.get("at", "step"), "step")
            self._recorder.decide(number, PASSED, [])
            self._recorder.decide(number, STOPPED, {"way": way, "at": time(), "owner": number})


def known_nodes(history: RunHistory) -> list[str]:
    """Return the names of the nodes of a machine's run, in the order of their numbers."""
    later = history.decisions.get((THE_RUN, NODES))
    return list(later or history.header.options["machine"]["nodes"])


def visit_of(record: AttemptRecord) -> int:
    """Return the number of the visit that a record is of, 0 if that is not known."""
    result = record.outcome.result
    return int(result.get("visit", 0)) if isinstance(result, dict) else 0


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _way(result: Mapping[str, Any]) -> str:
    """Return where a visit led, in words."""
    told = f"visit {result['visit']}"
    if result.get("tries"):
        told += f", {result['tries']} tries"
    if result["to"] is None:
        return f"{told}: the end"
    arrow = "" if result["arrow"] is None else f" by {result['arrow']}"
    return f"{told}: to {result['to']}{arrow}"
