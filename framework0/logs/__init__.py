"""The logs' door: loggers that know their step, and the capture of what steps print."""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.logs.binding import Binding as Binding
    from framework0.logs.binding import bind as bind
    from framework0.logs.binding import bound_step as bound_step
    from framework0.logs.bounded import BoundedLog as BoundedLog
    from framework0.logs.capture import Capture as Capture
    from framework0.logs.capture import capture_output as capture_output
    from framework0.logs.jsonlog import json_line as json_line
    from framework0.logs.jsonlog import json_log as json_log
    from framework0.logs.loggers import configure as configure
    from framework0.logs.loggers import get_logger as get_logger
    from framework0.logs.steplog import STDERR as STDERR
    from framework0.logs.steplog import STDOUT as STDOUT
    from framework0.logs.steplog import Mask as Mask
    from framework0.logs.steplog import StepLog as StepLog
    from framework0.logs.terminal import for_terminal as for_terminal
    from framework0.logs.terminal import one_line as one_line
    from framework0.logs.terminal import plain_lines as plain_lines

_HOMES = {
    "STDERR": "steplog",
    "STDOUT": "steplog",
    "Binding": "binding",
    "BoundedLog": "bounded",
    "Capture": "capture",
    "Mask": "steplog",
    "StepLog": "steplog",
    "bind": "binding",
    "bound_step": "binding",
    "capture_output": "capture",
    "configure": "loggers",
    "for_terminal": "terminal",
    "get_logger": "loggers",
    "json_line": "jsonlog",
    "json_log": "jsonlog",
    "one_line": "terminal",
    "plain_lines": "terminal",
}

__all__ = [
    "STDERR",
    "STDOUT",
    "Binding",
    "BoundedLog",
    "Capture",
    "Mask",
    "StepLog",
    "bind",
    "bound_step",
    "capture_output",
    "configure",
    "for_terminal",
    "get_logger",
    "json_line",
    "json_log",
    "one_line",
    "plain_lines",
]


__getattr__ = opening(__name__, _HOMES)
