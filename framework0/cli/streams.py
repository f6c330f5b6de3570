"""The three standard streams: usable whatever the caller did to them, and what they can show."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FALLBACK_COLUMNS = 100
"""Columns of a table when nobody says how wide the terminal is: a log or a pipe."""

FEWEST_COLUMNS = 20
"""A terminal narrower than this is treated as that wide: its lines wrap, and nothing breaks."""


def ready_streams() -> None:
    """Open what the caller closed, and let no character be one that cannot be written.

    A closed descriptor would be given to the next file that is opened, which may be the journal:
    then a step that prints would print into it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one, since those below are open by now.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def is_terminal(stream: Any) -> bool:
    """Say whether a person watches the stream on a terminal that can move its cursor."""
    try:
        return bool(stream.isatty()) and os.environ.get("TERM", "") not in ("", "dumb")
    except ValueError:
        # A stream that was closed.
        return False


def wants_color(stream: Any) -> bool:
    """Say whether colors help: a terminal, and nobody asked for none (https://no-color.org)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def shows_signs(stream: Any) -> bool:
    """Say whether the stream can write more than ASCII, such as arrows and bars."""
    try:
        "█←✓".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def columns_of(stream: Any) -> int:
    """Return how many columns a line on the stream may take."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return max(int(told), FEWEST_COLUMNS)
    try:
        found = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError, AttributeError):
        return FALLBACK_COLUMNS
    return max(found, FEWEST_COLUMNS) if found else FALLBACK_COLUMNS
