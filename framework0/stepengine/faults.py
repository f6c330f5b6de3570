"""From what went wrong in a node to what a person needs: the kind, a message, and the node's own line."""

from __future__ import annotations

import os

from framework0.source import is_ours, message_of, trace_text, without_ours
from framework0.stepengine.seams import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from framework0.stepengine.seams import Answer, Call


def fault_from(error: BaseException) -> Fault:
    """Return the fault that an exception means. Never raises, whatever its ``__str__`` does."""
    theirs = without_ours(error.__traceback__)
    return Fault(type(error).__name__, message_of(error), _where(theirs), trace_text(error, theirs))


def fault_in(call: Call, answer: Answer) -> Fault | None:
    """Return why ``answer`` means that the call went badly, None when it went well.

    ``step_advance`` may return what an arrow is chosen by, which is judged there; of the others, 0
    and nothing are well.
    """
    if answer.fault is not None:
        return answer.fault
    value = answer.value
    if call.method == "step_advance" or value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and not value:
        return None
    return returned_badly(call.method, value)


def returned_badly(method: str, value: Any) -> Fault:
    """Return the fault of a method that has returned something that does not mean it went well."""
    wanted = "the key of an arrow, or nothing," if method == "step_advance" else "0, or nothing,"
    shown = f"{value!r:.60}" if isinstance(value, (int, str)) else f"a {type(value).__name__}"
    return Fault("return", f"{method} returned {shown}; {wanted} means that all is well")


def one_line(fault: Fault, node: str, state: str) -> str:
    """Return the fault as the one line that the parameter file shows."""
    message = " ".join(fault.message.split())
    where = f" ({fault.where})" if fault.where else ""
    return f"{node} in {state}: {fault.kind}: {message}"[: 500 - len(where)] + where


def _where(trace: TracebackType | None) -> str:
    """Return the place of the deepest frame that is neither ours nor the standard library's."""
    where = ""
    libraries = os.path.dirname(os.__file__) + os.sep
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not where or not (is_ours(file) or file.startswith((libraries, "<"))):
            where = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where
