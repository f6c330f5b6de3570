"""What a step may use at most, and the powers it gives up for good."""

from __future__ import annotations

import re
import resource
from typing import TYPE_CHECKING, Final

from framework0.runner.sandbox.calls import LayerMissing, prctl, syscall

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

LAYER: Final = "process limit"

PER_NAMESPACE: Final = (6, 14)
"""The first kernel in which ``pid_max`` is a setting of each PID namespace, and not of the machine."""

_CPU_GRACE: Final = 2
"""Seconds between the signal that can be handled (SIGXCPU) and the one that cannot."""

# From <linux/prctl.h> and <linux/keyctl.h>.
_PR_SET_DUMPABLE: Final = 4
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_JOIN_SESSION_KEYRING: Final = 1
_CAPABILITIES: Final = 64


def limit(plan: Mapping[str, Any]) -> None:
    """Set the limits of ``plan``: seconds of processor, bytes of memory and of a file, counts."""
    for what, value in (
        (resource.RLIMIT_AS, plan["memory"]),
        (resource.RLIMIT_FSIZE, plan["scratch"]),
        (resource.RLIMIT_NOFILE, plan["descriptors"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        _set(what, value, value)
    _set(resource.RLIMIT_CPU, plan["cpu"], plan["cpu"] + _CPU_GRACE)
    # Elsewhere it would count all processes of the person, not those of the step.
    if LAYER not in plan["missing"]:
        _set(resource.RLIMIT_NPROC, plan["processes"], plan["processes"])


def _set(what: int, soft: int, hard: int) -> None:
    """Set one limit, never above what is set already."""
    _, most = resource.getrlimit(what)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(what, (soft, hard))


def check_process_limit(release: str, user: int) -> None:
    """Raise :class:`LayerMissing` where nothing would bound how many processes a step makes.

    The limit of a user (``RLIMIT_NPROC``) does not bind root, and before :data:`PER_NAMESPACE` there is no other.
    """
    if user == 0 and not has_own_pid_max(release):
        least = ".".join(map(str, PER_NAMESPACE))
        raise LayerMissing(
            LAYER, f"root's processes are bounded from Linux {least} on: start it as another user"
        )


def has_own_pid_max(release: str) -> bool:
    """Say whether a kernel of that release keeps ``pid_max`` for each PID namespace."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return found is not None and tuple(map(int, found.groups())) >= PER_NAMESPACE


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
