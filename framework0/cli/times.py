"""Moments and lengths of time as people read them."""

from __future__ import annotations

import time

MINUTE = 60
HOUR = 3600
DAY = 86_400


def seconds_text(seconds: float) -> str:
    """Return a length of time in at most two units: ``0.25 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 0:
        return f"-{seconds_text(-seconds)}"
    if seconds < 1:
        return f"{seconds:.3f} s"
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02} min"
    return f"{whole // DAY} d {whole % DAY // HOUR:02} h"


def clock_text(at: float) -> str:
    """Return the local date and time of ``at`` (epoch seconds); any number has an answer."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    except (OverflowError, ValueError, OSError):
        return f"{at:.0f} s after 1970"


def stopwatch_text(seconds: float) -> str:
    """Return a length of time as a stopwatch shows it: ``0:07``, ``12:34``, ``1:02:03``."""
    whole = max(0, int(seconds))
    if whole < HOUR:
        return f"{whole // MINUTE}:{whole % MINUTE:02}"
    return f"{whole // HOUR}:{whole % HOUR // MINUTE:02}:{whole % MINUTE:02}"
