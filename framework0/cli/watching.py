"""Those who watch a run for a person or a program: plain lines, JSON events, or nobody."""

from __future__ import annotations

from threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TextIO

    from framework0.runner import AttemptRecord, Run
    from framework0.workspace import Workspace

SIGNS = {
    "succeeded": "ok",
    "cached": "cached",
    "failed": "FAILED",
    "timed_out": "TIMED OUT",
    "cancelled": "cancelled",
    "skipped": "skipped",
}


class Quiet:
    """Watches and says nothing; the base of those who say something.

    ``stopping`` is the name of the signal that asked the run to stop.
    """

    def __init__(self) -> None:
        self.stopping = ""

    def joins(self, run: Run, space: Workspace) -> None:
        """Get to know the run, before it begins."""

    def close(self) -> None:
        """End, however the run ended; may be called twice."""

    def run_started(self, run_id: str, total: int) -> None:
        """See :class:`framework0.runner.Observer`."""

    def step_started(self, name: str, attempt: int) -> None:
        """See :class:`framework0.runner.Observer`."""

    def step_progress(self, name: str, done: int, total: int) -> None:
        """See :class:`framework0.runner.Observer`."""

    def step_waiting(self, name: str, text: str) -> None:
        """A step that could start waits for what ``text`` names."""

    def step_overdue(self, name: str, attempt: int, timeout: float, at: float) -> None:
        """The timeout of an attempt is over, and it is being ended."""

    def step_finished(self, records: Sequence[AttemptRecord]) -> None:
        """See :class:`framework0.runner.Observer`."""

    def run_finished(self, state: str, seconds: float) -> None:
        """See :class:`framework0.runner.Observer`."""


class _Written(Quiet):
    """Writes text to a stream from any thread; a stream nobody reads any more does not end the run."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lock = Lock()
        self._heard = True

    def _say(self, text: str) -> None:
        with self._lock:
            if not self._heard or not text:
                return
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):
                self._heard = False


class PlainLines(_Written):
    """One line for each acknowledged attempt: for logs, pipes and dumb terminals."""

    def run_started(self, run_id: str, total: int) -> None:
        """Name the run, so that another terminal can ask about it."""
        self._say(f"run {run_id}: {total:,} step{'s' if total != 1 else ''}\n")

    def step_waiting(self, name: str, text: str) -> None:
        """Say what a step waits for."""
        self._say(f"{waiting_line(name, text)}\n")

    # Like every line here it is written when it happens.
    def step_overdue(
        self, name: str, attempt: int, timeout: float, at: float  # noqa: ARG002
    ) -> None:
        """Say that the time of an attempt is over; its end gets its own line."""
        self._say(f"{overdue_line(name, attempt, timeout)}\n")

    def step_finished(self, records: Sequence[AttemptRecord]) -> None:
        """Say how each attempt ended."""
        self._say("".join(f"{attempt_line(record)}\n" for record in records))


def waiting_line(name: str, text: str) -> str:
    """Return what a step waits for as one line."""
    from framework0.logs import one_line

    return one_line(f"{'waiting':>9}  {name}  for {text}")


def overdue_line(name: str, attempt: int, timeout: float) -> str:
    """Return as one line that the time of an attempt is over."""
    from framework0.logs import one_line

    which = f"  attempt {attempt}" if attempt > 1 else ""
    return one_line(f"{'overdue':>9}  {name}{which}  {overdue_text(timeout)}")


def overdue_text(timeout: float) -> str:
    """Return what is to be said of an attempt from the end of its time to its own."""
    return f"timed out after {timeout:g} s, being ended"


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


class JsonEvents(_Written):
    """One JSON object a line, for programs."""

    def run_started(self, run_id: str, total: int) -> None:
        """Tell the run's id and how many steps it has."""
        self._emit({"event": "run_started", "run": run_id, "steps": total})

    def step_started(self, name: str, attempt: int) -> None:
        """Tell that an attempt begins."""
        self._emit({"event": "step_started", "step": name, "attempt": attempt})

    def step_progress(self, name: str, done: int, total: int) -> None:
        """Tell how far a step is."""
        self._emit({"event": "step_progress", "step": name, "done": done, "total": total})

    def step_waiting(self, name: str, text: str) -> None:
        """Tell that a step could start, and what it waits for."""
        self._emit({"event": "step_waiting", "step": name, "for": text})

    def step_overdue(self, name: str, attempt: int, timeout: float, at: float) -> None:
        """Tell when the time of an attempt was over, and how long it was."""
        facts = {"step": name, "attempt": attempt, "timeout": timeout, "at": at}
        self._emit({"event": "step_overdue", **facts})

    def step_finished(self, records: Sequence[AttemptRecord]) -> None:
        """Tell which attempts are acknowledged."""
        self._emit(*map(attempt_event, records))

    def run_finished(self, state: str, seconds: float) -> None:
        """Tell how the run ended."""
        self._emit({"event": "run_finished", "state": state, "seconds": round(seconds, 6)})

    def _emit(self, *events: dict[str, Any]) -> None:
        import json

        self._say("".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events))


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
        from framework0.artifacts import plain

        event["result"] = plain(outcome.result)
    if outcome.failure is not None:
        event["failure"] = {
            "kind": outcome.failure.kind,
            "message": outcome.failure.message,
            "where": outcome.failure.where,
        }
    if record.reason:
        event["reason"] = record.reason
    return event
