"""What user code has raised, as text: its message, and its traceback without our frames."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Final

_OUR_FOLDER: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

_LONGEST_MESSAGE: Final = 10_000
"""Characters kept of a message: some libraries put whole documents into theirs."""

_LONGEST_TRACE: Final = 50_000
"""Characters kept of a traceback; deep recursion repeats itself."""


def is_ours(file: str) -> bool:
    """Tell whether the code of a file is ours and not a user's."""
    return file.startswith(_OUR_FOLDER)


def message_of(error: BaseException) -> str:
    """Return an exception's message, in every case as a text and never an empty one."""
    try:
        text = str(error)
    # The message of a foreign exception is foreign code.
    except Exception:  # noqa: BLE001
        text = "(its message could not be made)"
    if isinstance(error, SystemExit):
        text = f"called sys.exit({text})"
    return (text or "no message")[:_LONGEST_MESSAGE]


def without_ours(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the first frame that is not ours, None if every frame is.

    What our own code raises about a step (a missing module, a wrong expression) says all in its
    message; our frames would only send the reader to the wrong place.
    """
    while trace is not None and is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def trace_text(error: BaseException, theirs: TracebackType | None) -> str:
    """Return the traceback ``theirs`` of ``error`` as Python prints it; empty when there is none."""
    if theirs is None:
        return ""
    import traceback

    try:
        text = "".join(traceback.format_exception(type(error), error, theirs))
    # A foreign exception may break its own formatting.
    except Exception:  # noqa: BLE001
        return ""
    return text if len(text) <= _LONGEST_TRACE else text[:_LONGEST_TRACE] + "\n…\n"
