"""What one job used: processor time, peak memory, bytes read from and written to devices."""

from __future__ import annotations

import os
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_KIBIBYTE: Final = 1024
_MICRO: Final = 1e6

_BLOCK: Final = 512
"""Bytes; what ``ru_inblock`` and ``ru_oublock`` count in, whatever the device does (getrusage(2))."""

_RESET_PEAK: Final = b"5"
"""Written to ``/proc/self/clear_refs``: from now on the peak is counted anew (proc(5))."""

SHORT: Final = 0.0001
"""Seconds. In less, no job fills memory or disk, or has a child; asking the kernel would be a good part
of all that such a job costs. Its own thread's processor time is known anyway."""


class Usage:
    """Reads the kernel's own counters, once a job: what is between two jobs is next to nothing.

    Children count once they were waited for. Where the peak cannot be set back, it is that of the
    worker so far. What a short job read and wrote counts for the next one that is not short.
    """

    def __init__(self) -> None:
        try:
            self._reset = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
        # No /proc, or a kernel that does not let a process do that to itself.
        except OSError:
            self._reset = -1
        self._before = _counters()
        self._peak = 0
        self._asked = True
        self._between = 0.0
        self._forget_peak()

    def used(self, seconds: float, processor: float) -> tuple[float, int, int, int]:
        """Return processor seconds, peak bytes of memory, bytes read and bytes written by a job.

        ``seconds`` is how long it took, ``processor`` the processor time of its own thread.
        """
        # One that follows a job that was asked about is, too: its peak is not that one's.
        if seconds < SHORT and not self._asked:
            self._between += processor
            return processor, self._peak, 0, 0
        self._asked = seconds >= SHORT
        now, before = _counters(), self._before
        self._before = now
        self._peak = max(now[1], now[2] if now[2] > before[2] else 0) * _KIBIBYTE
        processor = max(0.0, now[0] - before[0] - self._between)
        self._between = 0.0
        self._forget_peak()
        # As many digits as the kernel gave: what subtraction adds to them takes long to write down.
        processor = int(processor * _MICRO + 0.5) / _MICRO
        return (
            processor,
            self._peak,
            (now[3] - before[3]) * _BLOCK,
            (now[4] - before[4]) * _BLOCK,
        )

    def _forget_peak(self) -> None:
        """Count the peak of memory from here."""
        if self._reset >= 0:
            try:
                os.pwrite(self._reset, _RESET_PEAK, 0)
            except OSError:
                self._reset = -1


class Unmeasured:
    """Stands for :class:`Usage` where nothing is measured."""

    def used(self, _seconds: float, _processor: float) -> tuple[float, int, int, int]:
        """Return no figures."""
        return 0.0, 0, 0, 0


def _counters() -> tuple[float, int, int, int, int]:
    own, children = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
    return (
        own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime,
        own.ru_maxrss,
        children.ru_maxrss,
        own.ru_inblock + children.ru_inblock,
        own.ru_oublock + children.ru_oublock,
    )
