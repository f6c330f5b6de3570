"""What a step may use at most, and the powers it gives up for good."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Final

from framework0.runner.sandbox.calls import prctl, syscall

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# From <linux/prctl.h> and <linux/keyctl.h>.
_PR_SET_DUMPABLE: Final = 4
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_JOIN_SESSION_KEYRING: Final = 1
_CAPABILITIES: Final = 64


def limit(plan: Mapping[str, Any]) -> None:
    """Set the limits of ``plan``: seconds of processor, bytes of memory and of a file, counts."""
    for what, value in (
        (resource.RLIMIT_CPU, plan["cpu"]),
        (resource.RLIMIT_AS, plan["memory"]),
        (resource.RLIMIT_NPROC, plan["processes"]),
        (resource.RLIMIT_FSIZE, plan["scratch"]),
        (resource.RLIMIT_NOFILE, plan["descriptors"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        _, most = resource.getrlimit(what)
        if most != resource.RLIM_INFINITY:
            value = min(value, most)  # noqa: PLW2901 - never above what is set already
        resource.setrlimit(what, (value, value))


def hide() -> None:
    """Let nobody of the same user look into this process: it is a copy of one that knows more."""
    prctl(_PR_SET_DUMPABLE, 0)


def give_up_powers() -> None:
    """Gain nothing by any program from here on, keep no capability over exec, and no one's keys."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    for number in range(_CAPABILITIES):
        try:
            prctl(_PR_CAPBSET_DROP, number)
        # One more than the kernel has, or none to drop where there is no namespace of users.
        except OSError:
            break
    try:
        syscall("keyctl", _JOIN_SESSION_KEYRING, 0)
    # A kernel without keyrings has no keys either.
    except OSError:
        return
