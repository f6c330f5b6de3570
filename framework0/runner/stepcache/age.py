"""How old an entry is, whatever happens to the wall clock.

The clock that counts since boot is the same for all processes of a machine and never jumps, so within
one boot the age is exact. Across a reboot, or where there is no such clock, only the wall clock is left:
an entry from its future is taken for expired, since nothing can be said about its age.
"""

from __future__ import annotations

import time
from functools import cache

from framework0.tuples import NamedTuple
from framework0.workspace import this_process


class Moment(NamedTuple):
    """A moment: epoch seconds, which boot of the machine it was in, and seconds since that boot."""

    wall: float
    boot: str
    uptime: float


def now() -> Moment:
    """Return this moment. ``boot`` is empty where the system has no clock that counts since boot."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    boot = _this_boot()
    if clock is None or not boot:
        return Moment(time.time(), "", 0.0)
    return Moment(time.time(), boot, time.clock_gettime(clock))


@cache
def _this_boot() -> str:
    """Return which boot this is: no process lives through two."""
    return this_process().boot


def age(then: Moment, moment: Moment) -> float | None:
    """Return the seconds from ``then`` to ``moment``; None when they cannot be told."""
    if then.boot and then.boot == moment.boot:
        return max(moment.uptime - then.uptime, 0.0)
    seconds = moment.wall - then.wall
    return seconds if seconds >= 0 else None
