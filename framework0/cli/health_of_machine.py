"""What ``doctor`` looks at whatever the workspace: Python, SQLite, limits, memory, terminal, clock."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from framework0.cli.finding import FAIL, Finding, judged

if TYPE_CHECKING:
    from collections.abc import Callable

OLDEST_PYTHON: Final = (3, 11)

OLDEST_SQLITE: Final = (3, 38, 0)
"""STRICT tables came with 3.37, and JSON functions are always built in since 3.38
(https://www.sqlite.org/releaselog/3_37_0.html, https://www.sqlite.org/releaselog/3_38_0.html)."""

FEWEST_FILES: Final = 512
"""A step in a process of its own needs about six descriptors, and many may run at once."""

SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108
LEAST_SHARED_MEMORY: Final = 16 * 1024 * 1024

FIRST_MOMENT: Final = 1_735_689_600
"""Epoch seconds of 2025-01-01: a clock before it was never set. Run ids sort by time."""


def examine_machine() -> list[Finding]:
    """Return the findings about this machine; those that do not apply to it are left out."""
    checks: tuple[Callable[[], Finding | None], ...] = (
        _python,
        _sqlite,
        _open_files,
        shared_memory,
        _terminal,
        _clock,
    )
    return [finding for finding in (check() for check in checks) if finding is not None]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return judged(
        "python",
        f"{version} at {sys.executable}",
        well=sys.version_info >= OLDEST_PYTHON,
        advice="install Python 3.11 or newer",
        bad=FAIL,
    )


def _sqlite() -> Finding:
    import sqlite3

    return sqlite_finding(sqlite3.sqlite_version_info, sqlite3.sqlite_version)


def sqlite_finding(version: tuple[int, ...], shown: str) -> Finding:
    """Judge the version of the SQLite library that Python was built with."""
    oldest = ".".join(map(str, OLDEST_SQLITE))
    return judged(
        "sqlite",
        shown,
        well=version >= OLDEST_SQLITE,
        advice=f"use a Python that was built with SQLite {oldest} or newer",
        bad=FAIL,
    )


def _open_files() -> Finding | None:
    try:
        import resource
    except ImportError:
        # Windows has no such limit.
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = soft == resource.RLIM_INFINITY
    return judged(
        "open files",
        "no limit" if unlimited else f"at most {soft:,} (ulimit -n)",
        well=unlimited or soft >= FEWEST_FILES,
        advice="many steps at once need more: `ulimit -n 4096`, or run with a small -j",
    )


def shared_memory(path: str = SHARED_MEMORY) -> Finding | None:
    """Look at the memory that processes share by name; systems other than Linux need no folder."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        found = os.statvfs(path)
    except OSError as error:
        advice = "user code that uses multiprocessing needs it: mount a tmpfs there"
        return judged("shared memory", f"{path}: {error.strerror}", well=False, advice=advice)
    free = found.f_bavail * found.f_frsize
    return judged(
        "shared memory",
        f"{free // 2**20:,} MB free in {path}",
        well=free >= LEAST_SHARED_MEMORY and os.access(path, os.W_OK),
        advice="make room there, or give the container more (`--shm-size`)",
    )


def _terminal() -> Finding:
    from framework0.cli.streams import columns_of, is_terminal, shows_signs

    encoding = getattr(sys.stdout, "encoding", None) or "unknown"
    if is_terminal(sys.stdout):
        what = f"{os.environ['TERM']}, {columns_of(sys.stdout)} columns"
    else:
        what = "none: output goes to a file or a pipe, in plain lines"
    return judged(
        "terminal",
        f"{what}, {encoding}",
        well=shows_signs(sys.stdout),
        advice="set PYTHONIOENCODING=utf-8 or a UTF-8 locale to see more than ASCII",
    )


def _clock() -> Finding:
    import time

    return clock_finding(time.time())


def clock_finding(now: float) -> Finding:
    """Judge the time of day, by which runs are named and sorted."""
    from framework0.cli.times import clock_text

    return judged(
        "clock",
        clock_text(now),
        well=now >= FIRST_MOMENT,
        advice="set the clock: runs are named and sorted by it",
    )
