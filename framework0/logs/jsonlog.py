"""The log of an attempt as JSON, one object a line: whatever was printed, and the records of loggers.

The keys: ``time`` (UTC, when the line was written), ``level``, ``run``, ``step``, ``attempt``,
``message``; a record of a logger has ``logger`` too, and ``error`` with a traceback.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from framework0.logs.bounded import BoundedLog
from framework0.logs.steplog import STDOUT, StepLog

if TYPE_CHECKING:
    from collections.abc import Mapping

PRINTED: Final = "info"
"""The level of what was printed: a program that prints does not say how grave it is."""

_ID: Final = ("run", "step", "attempt")


def json_log(plain: StepLog, run: str, step: str = "", attempt: int = 0) -> StepLog:
    """Return a log in JSON in place of ``plain``, in which nothing has been written yet."""
    facts: dict[str, Any] = {"run": run}
    if step:
        facts |= {"step": step, "attempt": attempt}
    log: JsonLog | BoundedJsonLog
    if isinstance(plain, BoundedLog):
        log = BoundedJsonLog(plain.path, plain.masker, echo=plain.echo, limit=plain.limit)
    else:
        log = JsonLog(plain.path, plain.masker, echo=plain.echo)
    log.facts = facts
    return log


def json_line(message: str, level: str = PRINTED, **facts: Any) -> str:
    """Return one line, its end included; its time is that of the call."""
    fields = {"time": timestamp(time.time()), "level": level, **facts, "message": message}
    return json.dumps(fields) + "\n"


def timestamp(seconds: float) -> str:
    """Return epoch seconds as RFC 3339 has it, in UTC, to the millisecond."""
    whole, part = divmod(int(seconds * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{part:03d}Z"


class JsonLog(StepLog):
    """A :class:`StepLog` whose lines are JSON objects with ``facts`` in each."""

    __slots__ = ("facts",)

    ends_lines = True
    facts: Mapping[str, Any]

    def fileno(self) -> int:
        """Return a descriptor for a child process: a pipe, so that its lines become objects too."""
        return self._drained()

    def take(self, data: bytes) -> None:
        """Append what another process has written; a line that is not whole yet waits for its end."""
        _take_whole_lines(self, data)

    def _shaped(self, text: str) -> str:
        return shaped(text, self.facts)


class BoundedJsonLog(BoundedLog):
    """A :class:`BoundedLog` whose lines are JSON objects with ``facts`` in each."""

    __slots__ = ("facts",)

    ends_lines = True
    facts: Mapping[str, Any]

    def take(self, data: bytes) -> None:
        """Append what another process has written; a line that is not whole yet waits for its end."""
        _take_whole_lines(self, data)

    def _shaped(self, text: str) -> str:
        return shaped(text, self.facts)

    def _left_out(self, count: int) -> str:
        return json_line(super()._left_out(count).rstrip("\n"), "warning", **self.facts)


def _take_whole_lines(log: StepLog, data: bytes) -> None:
    # Only the router of a run, which stands for stdout while it lasts, knows of a terminal.
    terminal = getattr(sys.stdout, "terminal_for", lambda _log: None)(log)
    log.write_bytes(data, STDOUT, terminal)


def shaped(text: str, facts: Mapping[str, Any]) -> str:
    """Return each line of ``text`` as an object with ``facts``."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return "".join(
        f"{line}\n" if _is_record(line, facts) else json_line(_clean(line), **facts)
        for line in lines
    )


def _clean(line: str) -> str:
    """Return the line as text: bytes that are no UTF-8 are shown as the escapes they are."""
    raw = line.removesuffix("\r").encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "backslashreplace")


def _is_record(line: str, facts: Mapping[str, Any]) -> bool:
    """Say whether a logger of this very attempt wrote the line; nobody can forge another's."""
    if not line.startswith('{"time": '):
        return False
    try:
        fields = json.loads(line)
    except ValueError:
        return False
    return (
        isinstance(fields, dict)
        and fields.keys() >= {"level", "message"}
        and all(fields.get(name) == facts.get(name) for name in _ID)
    )
