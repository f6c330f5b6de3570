"""From an exception to what a person needs: its name, its message, and the user's own frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.runner.seams import Failure
from framework0.source import message_of, trace_text, without_ours

if TYPE_CHECKING:
    from types import TracebackType


def failure_of(error: BaseException) -> Failure:
    """Return the failure that ``error`` means. Never raises, whatever its ``__str__`` does."""
    kind = qualified_name(type(error))
    bases = tuple(
        qualified_name(base)
        for base in type(error).__mro__[1:]
        if base not in (object, BaseException)
    )
    theirs = without_ours(error.__traceback__)
    return Failure(kind, message_of(error), _where(theirs), trace_text(error, theirs), bases)


def qualified_name(cls: type) -> str:
    """Return the name people import the class by, builtins without their module."""
    module = cls.__module__
    return cls.__qualname__ if module == "builtins" else f"{module}.{cls.__qualname__}"


def _where(trace: TracebackType | None) -> str:
    where = ""
    while trace is not None:
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where
