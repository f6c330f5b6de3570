"""Two requests to the Linux kernel about parents and children, by prctl(2).

Elsewhere both answer False and the caller goes on without them: macOS and Windows have neither.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# From <linux/prctl.h>.
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36


def become_subreaper(wanted: bool = True) -> bool:
    """Make this process the parent of every descendant that loses its own; False if that failed."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, int(wanted))


def die_with_parent(parent: int, number: int) -> bool:
    """Have the kernel send signal ``number`` to this process when the *thread* that forked it ends.

    ``parent`` is the process id of the parent as it was at the fork: it may have ended before the
    request was made, and then this process ends at once with the status of a killed one.
    """
    done = _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(128 + number)
    return done


def _prctl(option: int, value: int) -> bool:
    if sys.platform != "linux":
        return False
    import ctypes

    call = ctypes.CDLL(None).prctl
    call.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    return bool(call(option, value, 0, 0, 0) == 0)
