"""How much memory a step and all that it started use together, looked at again and again.

The kernel counts for each process, not for a tree of them, so the supervisor adds up. A quick sum
counts pages that processes share (after a fork, say) more than once; only when it is over the limit
the exact one is made, in which shared pages are divided among those that share them (``Pss`` in
proc(5)). What is allocated between two looks is bounded by a limit of the kernel on each process.
"""

from __future__ import annotations

import os
import resource
from time import monotonic

from framework0.runner.processes.tree import descendants
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any, Final

OVER_MEMORY: Final = "over its memory limit"

LOOK_EVERY: Final = 0.05
"""Seconds between two looks."""

LOOK_SHARE: Final = 20
"""A look takes at most one part in so many of the supervisor's time: with many processes it is rarer."""

BACKSTOP: Final = 1 << 30
"""Bytes beyond twice the limit at which the kernel refuses one process more data (RLIMIT_DATA).

Generous, because it counts what was reserved and never touched, such as the stacks of threads.
"""

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_KIBIBYTE: Final = 1024


class Used(NamedTuple):
    """Bytes used by ``processes`` processes together, and the largest of them."""

    total: int
    processes: int
    largest: int
    largest_pid: int


class MemoryWatch:
    """Looks at everything below this process; ``limit`` is in bytes, ``peak`` the most ever seen."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.peak = 0
        self.found: Used | None = None
        self._next = monotonic() + LOOK_EVERY

    def until_next_look(self, seconds: float | None) -> float:
        """Return how long to wait at most, when nothing else needs more than ``seconds``."""
        rest = max(0.0, self._next - monotonic())
        return rest if seconds is None else min(rest, seconds)

    def look(self) -> str:
        """Return :data:`OVER_MEMORY` if it is time to look and more than the limit is in use, else nothing."""
        began = monotonic()
        if began < self._next or self.found is not None:
            return ""
        pids = [process.pid for process in descendants(os.getpid())]
        used = _sum(pids, _resident)
        if used.total > self.limit:
            used = _sum(pids, _share)
        self.peak = max(self.peak, used.total)
        ended = monotonic()
        self._next = ended + max(LOOK_EVERY, LOOK_SHARE * (ended - began))
        if used.total <= self.limit:
            return ""
        self.found = used
        return OVER_MEMORY

    def add_to(self, report: dict[str, Any]) -> None:
        """Put what was seen into the supervisor's report."""
        report["peak_memory"] = max(report["peak_memory"], self.peak)
        if self.found is not None:
            report["memory"] = list(self.found)


def confine(memory: int | None, cores: Collection[int] | None) -> None:
    """Put the limits of the kernel on this process and all it will start."""
    if memory:
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        data = 2 * memory + BACKSTOP
        if most != resource.RLIM_INFINITY:
            data = min(data, most)
        resource.setrlimit(resource.RLIMIT_DATA, (data, data))
    if cores:
        os.sched_setaffinity(0, cores)


def _sum(pids: list[int], measure: Any) -> Used:
    total, largest, largest_pid = 0, 0, 0
    for pid in pids:
        size = measure(pid)
        total += size
        if size > largest:
            largest, largest_pid = size, pid
    return Used(total, len(pids), largest, largest_pid)


def _resident(pid: int) -> int:
    """Return the bytes a process has in memory, shared ones in full; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _share(pid: int) -> int:
    """Return the bytes a process has in memory, its share of shared ones; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * _KIBIBYTE
    # Another user's process, or a kernel without it: the quick figure has to do.
    except PermissionError:
        return _resident(pid)
    except OSError:
        return 0
    return _resident(pid)
