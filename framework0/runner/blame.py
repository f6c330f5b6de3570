"""From an exception to what a person needs: its name, its message, and the user's own frames."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, Final

from framework0.runner.seams import Failure

if TYPE_CHECKING:
    from types import TracebackType

OUR_FOLDER: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
MESSAGE_LIMIT: Final = 10_000
"""Characters kept of a message: some libraries put whole documents into theirs."""
TRACE_LIMIT: Final = 50_000
"""Characters kept of a traceback; deep recursion repeats itself."""


def failure_of(error: BaseException) -> Failure:
    """Return the failure that ``error`` means. Never raises, whatever its ``__str__`` does."""
    kind = qualified_name(type(error))
    bases = tuple(
        qualified_name(base)
        for base in type(error).__mro__[1:]
        if base not in (object, BaseException)
    )
    user_frames = _without_ours(error.__traceback__)
    return Failure(kind, _message(error), _where(user_frames), _trace(error, user_frames), bases)


def qualified_name(cls: type) -> str:
    """Return the name people import the class by, builtins without their module."""
    module = cls.__module__
    return cls.__qualname__ if module == "builtins" else f"{module}.{cls.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    # The message of a foreign exception is foreign code.
    except Exception:  # noqa: BLE001
        text = "(its message could not be made)"
    if isinstance(error, SystemExit):
        text = f"called sys.exit({text})"
    return (text or "no message")[:MESSAGE_LIMIT]


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the first frame that is not ours, None if every frame is.

    What our own code raises about a step (a missing module, a wrong expression) says all in its
    message; our frames would only send the reader to the wrong place.
    """
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(OUR_FOLDER):
        trace = trace.tb_next
    return trace


def _where(trace: TracebackType | None) -> str:
    where = ""
    while trace is not None:
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where


def _trace(error: BaseException, user_frames: TracebackType | None) -> str:
    if user_frames is None:
        return ""
    try:
        text = "".join(traceback.format_exception(type(error), error, user_frames))
    # A foreign exception may break its own formatting.
    except Exception:  # noqa: BLE001
        return ""
    return text if len(text) <= TRACE_LIMIT else text[:TRACE_LIMIT] + "\n…\n"
