"""What one job used: processor time, peak memory, bytes read from and written to devices."""

from __future__ import annotations

import os
import resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_KIBIBYTE: Final = 1024

_BLOCK: Final = 512
"""Bytes; what ``ru_inblock`` and ``ru_oublock`` count in, whatever the device does (getrusage(2))."""

_RESET_PEAK: Final = b"5"
"""Written to ``/proc/self/clear_refs``: from now on the peak is counted anew (proc(5))."""


class Usage:
    """Reads the kernel's own counters, once a job: what is between two jobs is next to nothing.

    Children count once they were waited for. Where the peak cannot be set back, it is that of the
    worker so far.
    """

    def __init__(self) -> None:
        try:
            self._reset = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
        # No /proc, or a kernel that does not let a process do that to itself.
        except OSError:
            self._reset = -1
        self._before = _counters()

    def begin(self) -> None:
        """Count the peak of memory from here."""
        if self._reset >= 0:
            try:
                os.pwrite(self._reset, _RESET_PEAK, 0)
            except OSError:
                self._reset = -1

    def so_far(self) -> tuple[float, int, int, int]:
        """Return processor seconds, peak bytes of memory, bytes read and bytes written since the last time."""
        now, before = _counters(), self._before
        self._before = now
        peak = now[1]
        if now[2] > before[2]:
            peak = max(peak, now[2])
        return (
            now[0] - before[0],
            peak * _KIBIBYTE,
            (now[3] - before[3]) * _BLOCK,
            (now[4] - before[4]) * _BLOCK,
        )


def _counters() -> tuple[float, int, int, int, int]:
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (
        own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime,
        own.ru_maxrss,
        children.ru_maxrss,
        own.ru_inblock + children.ru_inblock,
        own.ru_oublock + children.ru_oublock,
    )
