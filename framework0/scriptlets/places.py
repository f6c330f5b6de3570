"""Where a class was written: ``file:line``, for messages that name a place."""

from __future__ import annotations

import sys


class Written:
    """A place in the source: ``file`` as Python knows it, ``line`` from 1 (0: not known)."""

    __slots__ = ("file", "line")

    def __init__(self, file: str, line: int) -> None:
        self.file = file
        self.line = line

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


def calling_place(depth: int) -> Written:
    """Return where the caller ``depth`` frames above this function's caller is."""
    frame = sys._getframe(depth + 1)  # noqa: SLF001
    return Written(frame.f_code.co_filename, frame.f_lineno)


def place_of(cls: type) -> Written:
    """Return where a class begins, as near as it can be told: at its first method."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None) or f"<{cls.__module__}>"
    methods = (getattr(value, "__func__", value) for value in vars(cls).values())
    codes = [code for method in methods if (code := getattr(method, "__code__", None)) is not None]
    lines = [code.co_firstlineno for code in codes if code.co_filename == file]
    return Written(file, min(lines, default=0))
