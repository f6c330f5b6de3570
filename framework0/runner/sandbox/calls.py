"""System calls that Python has no function for, each raising OSError with the name of the call."""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache
from typing import Any, Final

_NUMBERS: Final = {
    "x86_64": {"pivot_root": 155, "keyctl": 250},
    "aarch64": {"pivot_root": 41, "keyctl": 219},
}
_EVERYWHERE: Final = {
    "mount_setattr": 442,
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
}


class LayerMissing(OSError):
    """A wall cannot be put up; ``layer`` names it."""

    def __init__(self, layer: str, why: object) -> None:
        super().__init__(f"{layer}: {why}")
        self.layer = layer
        self.why = str(why)


def syscall(name: str, *arguments: Any) -> int:
    """Make the system call ``name``; raise OSError when the kernel refuses or has none."""
    number = _EVERYWHERE.get(name) or _NUMBERS.get(platform.machine(), {}).get(name)
    if number is None:
        raise OSError(38, f"{name} has no known number on {platform.machine()}")
    return _checked(name, _libc().syscall(ctypes.c_long(number), *map(_as_long, arguments)))


def call(name: str, *arguments: Any) -> int:
    """Call the C library's function ``name``; raise OSError when it answers -1."""
    return _checked(name, getattr(_libc(), name)(*map(_as_long, arguments)))


def prctl(option: int, *values: Any) -> int:
    """Make one request about this process; up to four values go with it."""
    return call("prctl", option, *values, *([0] * (4 - len(values))))


@cache
def _libc() -> ctypes.CDLL:
    # Looked up when it is used: what only names the walls runs on every system.
    return ctypes.CDLL(None, use_errno=True)


def _as_long(value: Any) -> Any:
    if isinstance(value, int):
        return ctypes.c_ulong(value & 0xFFFF_FFFF_FFFF_FFFF)
    if isinstance(value, str):
        return ctypes.c_char_p(os.fsencode(value))
    return value


def _checked(name: str, answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return answer
