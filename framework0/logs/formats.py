"""The two shapes of a log line: for people, and JSON for programs. One record is one line.

Both show foreign text harmlessly: a message cannot forge a second record or move a cursor. A
traceback follows its human line indented; in JSON it is one field.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from framework0.logs.terminal import one_line

_INDENT = "    "


def _where(record: logging.LogRecord) -> str:
    step = getattr(record, "step", None)
    if step is None:
        return ""
    return f" [{one_line(str(step))}#{getattr(record, 'attempt', None)}]"


class HumanFormat(logging.Formatter):
    """``2026-01-31 12:00:00.123 INFO [step#attempt] name: message``, in local time."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line, a traceback below it indented."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        line = (
            f"{stamp}.{int(record.msecs):03d} {record.levelname}{_where(record)} "
            f"{one_line(record.name)}: {one_line(record.getMessage())}"
        )
        below = [*self._trace(record)]
        return "\n".join([line, *(_INDENT + one_line(text) for text in below)])

    def _trace(self, record: logging.LogRecord) -> list[str]:
        lines: list[str] = []
        if record.exc_info:
            lines += self.formatException(record.exc_info).splitlines()
        if record.stack_info:
            lines += record.stack_info.splitlines()
        return lines


class JsonFormat(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, run, step, attempt, error."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of ASCII JSON."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, Any] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("run", "step", "attempt"):
            value = getattr(record, name, None)
            if value is not None:
                fields[name] = value
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(fields)
