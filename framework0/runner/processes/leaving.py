"""The streams of a step's process, and its end: nothing outlives the outcome for long."""

from __future__ import annotations

import atexit
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import TextIOWrapper
    from typing import Final, NoReturn

EXIT_LIMIT: Final = 1
"""Seconds that exit functions may take after the outcome; then the kernel ends the process."""


def text_stream(descriptor: int) -> TextIOWrapper:
    """Return a text stream into the step's log.

    Line by line, so that `logs -f` follows and a killed step's last words are there. The keeper's own
    streams cannot serve: they were made for what the descriptors were before.
    """
    return open(
        descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )


def flush_streams() -> None:
    """Write out what is printed so far, as far as anybody takes it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        # The step closed it, replaced it by something else, or the disk is full: not its result's fault.
        except (OSError, ValueError, AttributeError):
            continue


def end_process() -> NoReturn:
    """Call the exit functions, within their time, and end the process."""
    # Exit functions may hang; the default action of an alarm needs no interpreter.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(EXIT_LIMIT)
    atexit._run_exitfuncs()  # noqa: SLF001
    flush_streams()
    os._exit(0)
