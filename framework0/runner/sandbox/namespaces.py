"""Namespaces of the step's own: users, processes, mounts, network, IPC and host name."""

from __future__ import annotations

import os
from typing import Final

from framework0.runner.sandbox.calls import LayerMissing, call

LAYER: Final = "namespaces"

_ALL: Final = {
    "user": 0x1000_0000,
    "mount": 0x0002_0000,
    "UTS": 0x0400_0000,
    "IPC": 0x0800_0000,
    "PID": 0x2000_0000,
    "network": 0x4000_0000,
}
"""From <linux/sched.h>."""

INSIDE: Final = 1000
"""User and group inside: not 0, so that a program started there gets no capability back."""


def separate() -> None:
    """Leave the namespaces of this process; its next child is process 1 of the new ones.

    Raises :class:`LayerMissing`, which names the namespaces that this machine refuses.
    """
    # What a process may map is what it was, and after unshare it is nobody.
    user, group = os.geteuid(), os.getegid()
    try:
        call("unshare", sum(_ALL.values()))
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{INSIDE} {user} 1"),
            ("gid_map", f"{INSIDE} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
        call("sethostname", "sandbox", 7)
    except OSError as error:
        names = ", ".join(_ALL)
        raise LayerMissing(
            LAYER,
            f"{names} namespaces are refused here ({error.strerror}); "
            "see /proc/sys/user/max_user_namespaces and the distribution's rule on user namespaces",
        ) from error
