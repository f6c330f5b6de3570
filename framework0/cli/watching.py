"""Those who watch a run for a person or a program: plain lines, JSON events, or nobody."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from framework0.runner import AttemptRecord

SIGNS = {
    "succeeded": "ok",
    "failed": "FAILED",
    "timed_out": "TIMED OUT",
    "cancelled": "cancelled",
    "skipped": "skipped",
}


class Quiet:
    """Watches and says nothing; the base of those who say something."""

    def run_started(self, run_id: str, total: int) -> None:
        """See :class:`framework0.runner.Observer`."""

    def step_started(self, name: str, attempt: int) -> None:
        """See :class:`framework0.runner.Observer`."""

    def step_progress(self, name: str, done: int, total: int) -> None:
        """See :class:`framework0.runner.Observer`."""

    def step_finished(self, records: Sequence[AttemptRecord]) -> None:
        """See :class:`framework0.runner.Observer`."""

    def run_finished(self, state: str, seconds: float) -> None:
        """See :class:`framework0.runner.Observer`."""


class PlainLines(Quiet):
    """One line for each acknowledged attempt: for logs, pipes and dumb terminals."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def run_started(self, run_id: str, total: int) -> None:
        """Name the run, so that another terminal can ask about it."""
        self._say(f"run {run_id}: {total} step{'s' if total != 1 else ''}\n")

    def step_finished(self, records: Sequence[AttemptRecord]) -> None:
        """Say how each attempt ended."""
        self._say("".join(f"{attempt_line(record)}\n" for record in records))

    def _say(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def attempt_line(record: AttemptRecord) -> str:
    """Return one attempt as one line: its state, its name, how long it took, and why."""
    from framework0.logs import one_line

    sign = SIGNS.get(record.state, record.state)
    parts = [f"{sign:>9}  {record.name}"]
    if record.attempt:
        parts.append(f"{record.outcome.seconds:.3f} s")
    if record.attempt > 1 or not record.final:
        parts.append(f"attempt {record.attempt}")
    failure = record.outcome.failure
    if failure is not None:
        parts.append(failure.message.partition("\n")[0])
    elif record.reason:
        parts.append(record.reason)
    if not record.final:
        parts.append("will be tried again")
    return one_line("  ".join(parts))


class JsonEvents(Quiet):
    """One JSON object a line, for programs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def run_started(self, run_id: str, total: int) -> None:
        """Tell the run's id and how many steps it has."""
        self._emit({"event": "run_started", "run": run_id, "steps": total})

    def step_started(self, name: str, attempt: int) -> None:
        """Tell that an attempt begins."""
        self._emit({"event": "step_started", "step": name, "attempt": attempt})

    def step_progress(self, name: str, done: int, total: int) -> None:
        """Tell how far a step is."""
        self._emit({"event": "step_progress", "step": name, "done": done, "total": total})

    def step_finished(self, records: Sequence[AttemptRecord]) -> None:
        """Tell which attempts are acknowledged."""
        for record in records:
            self._emit(attempt_event(record))

    def run_finished(self, state: str, seconds: float) -> None:
        """Tell how the run ended."""
        self._emit({"event": "run_finished", "state": state, "seconds": round(seconds, 6)})

    def _emit(self, event: dict[str, Any]) -> None:
        import json

        self._stream.write(json.dumps(event, separators=(",", ":")) + "\n")
        self._stream.flush()


def attempt_event(record: AttemptRecord) -> dict[str, Any]:
    """Return the event of one acknowledged attempt."""
    outcome = record.outcome
    event: dict[str, Any] = {
        "event": "step_finished",
        "step": record.name,
        "attempt": record.attempt,
        "state": record.state,
        "final": record.final,
        "at": record.at,
        "seconds": round(outcome.seconds, 6),
    }
    if outcome.result is not None:
        event["result"] = outcome.result
    if outcome.failure is not None:
        event["failure"] = {
            "kind": outcome.failure.kind,
            "message": outcome.failure.message,
            "where": outcome.failure.where,
        }
    if record.reason:
        event["reason"] = record.reason
    return event


def stderr_is_terminal() -> bool:
    """Say whether a person watches stderr."""
    return sys.stderr is not None and sys.stderr.isatty()
