"""A run told as JSON log lines on stderr, for whoever collects logs: ``--log-format json``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from framework0.cli.watching import PlainLines, attempt_line, overdue_line, waiting_line
from framework0.logs import json_line

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence
    from typing import Any, TextIO

    from framework0.runner import AttemptRecord
    from framework0.workspace import Workspace

LOGGER = "framework0"
_LEVELS = {"failed": "error", "timed_out": "error", "cancelled": "warning"}


def wants_json_lines(arguments: Namespace, space: Workspace) -> bool:
    """Say whether a run's lines on stderr are to be JSON."""
    from framework0.assembly import Watch, log_format_of

    watch = Watch(log_format=arguments.log_format or "")
    return log_format_of(watch, space.settings, os.environ) == "json"


class JsonLines(PlainLines):
    """One JSON object for each acknowledged attempt, in the form that log lines have."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.run_id = ""

    def run_started(self, run_id: str, total: int) -> None:
        """Name the run."""
        self.run_id = run_id
        self.say(f"run {run_id}: {total:,} step{'s' if total != 1 else ''}")

    def step_waiting(self, name: str, text: str) -> None:
        """Say what a step waits for."""
        self._say(self._told(waiting_line(name, text), step=name, logger=LOGGER))

    # The line has a time of its own.
    def step_overdue(
        self, name: str, attempt: int, timeout: float, at: float  # noqa: ARG002
    ) -> None:
        """Say that the time of an attempt is over."""
        told = overdue_line(name, attempt, timeout)
        facts = {"attempt": attempt, "logger": LOGGER, "state": "overdue", "timeout": timeout}
        self._say(self._told(told, "warning", step=name, **facts))

    def step_finished(self, records: Sequence[AttemptRecord]) -> None:
        """Say how each attempt ended."""
        self._say("".join(map(self._line, records)))

    def say(self, message: str, level: str = "info") -> None:
        """Write one line about the run as a whole."""
        facts = {"run": self.run_id} if self.run_id else {}
        self._say(json_line(message, level, **facts, logger=LOGGER))

    def _line(self, record: AttemptRecord) -> str:
        level = _LEVELS.get(record.state, "info") if record.final else "warning"
        return self._told(
            attempt_line(record),
            level,
            step=record.name,
            attempt=record.attempt,
            logger=LOGGER,
            state=record.state,
            seconds=round(record.outcome.seconds, 6),
        )

    def _told(self, line: str, level: str = "info", **facts: Any) -> str:
        return json_line(line.strip(), level, run=self.run_id, **facts)


def teller(arguments: Namespace, run_id: str) -> Callable[[str], None]:
    """Return what says something about a run to a person, or to a program as all else is said."""
    import sys

    from framework0.cli.troubles import say

    if not wants_json_lines(arguments, arguments.workspace):
        return say
    lines = JsonLines(sys.stderr)
    lines.run_id = run_id
    return lines.say
