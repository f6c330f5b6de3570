"""What an attempt uses: time, CPU and memory."""

from __future__ import annotations

import time
from _thread import get_ident

from framework0.tuples import NamedTuple


class Resources(NamedTuple):
    """Figures since the attempt began. Seconds and bytes.

    ``cpu`` counts the attempt's own thread when asked from that thread, else the whole process.
    ``memory`` is what the process holds now and ``peak_memory`` the most it ever held: memory
    belongs to a process, so attempts that share one share these figures.
    """

    wall: float
    cpu: float
    memory: int
    peak_memory: int


class Meter:
    """Starts counting when made."""

    __slots__ = ("_process", "_thread", "_thread_cpu", "_wall")

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._thread = get_ident()
        self._thread_cpu = time.thread_time()
        self._process = time.process_time()

    def read(self) -> Resources:
        """Return the figures so far. The first call imports psutil."""
        if get_ident() == self._thread:
            cpu = time.thread_time() - self._thread_cpu
        else:
            cpu = time.process_time() - self._process
        now, peak = _memory()
        return Resources(time.perf_counter() - self._wall, cpu, now, peak)


def _memory() -> tuple[int, int]:
    import psutil

    info = psutil.Process().memory_info()
    return info.rss, max(info.rss, _peak(info))


def _peak(info: object) -> int:
    """Return the process's highest resident size in bytes, 0 where nobody keeps it."""
    peak_working_set = getattr(info, "peak_wset", None)
    if peak_working_set is not None:
        return int(peak_working_set)
    import resource
    import sys

    # getrusage(2): kilobytes on Linux and the BSDs, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
