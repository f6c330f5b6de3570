"""Which process is this: its id alone is not enough, because the system gives ids out again."""

from __future__ import annotations

import os
import sys

from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class Identity(NamedTuple):
    """One process, distinguishable from any other that ever had or will have its id.

    ``started`` counts since boot on Linux (clock ticks) and since the epoch elsewhere (seconds); it
    is only ever compared for equality, within one ``boot`` of one ``host``.
    """

    pid: int
    started: float
    host: str
    boot: str


def this_process() -> Identity:
    """Return who we are. Not kept: after a fork the answer differs."""
    pid = os.getpid()
    return Identity(pid, started_at(pid) or 0.0, _host(), _boot())


def started_at(pid: int) -> float | None:
    """Return when process ``pid`` started, or None when there is no such process."""
    if sys.platform != "linux":
        return _started_elsewhere(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            content = file.read()
    except OSError:
        return None
    # The command's name may hold spaces and brackets: fields count from the last bracket on.
    return float(content[content.rindex(b")") + 2 :].split()[19])


def is_alive(identity: Identity) -> bool:
    """Tell whether that very process still exists, on this host and in this boot."""
    here = this_process()
    if (identity.host, identity.boot) != (here.host, here.boot):
        return False
    return started_at(identity.pid) == identity.started


def _started_elsewhere(pid: int) -> float | None:
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def _host() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "localhost")


_BOOT: Final = "/proc/sys/kernel/random/boot_id"


def _boot() -> str:
    try:
        # As bytes: a text file in ASCII would have the module of that encoding be loaded.
        with open(_BOOT, "rb") as file:
            return file.read().decode("ascii").strip()
    except OSError:
        return ""
