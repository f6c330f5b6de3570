"""The second wall, should the first have a hole: Landlock, which the process sets on itself.

Reading and executing everywhere it can see, writing in the scratch folders alone; no TCP; no signals and
no abstract sockets outward. What lies beneath a scratch folder could be written to, so nothing else is ever
shown there. See the kernel's userspace-api/landlock.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final

from framework0.runner.sandbox.calls import LayerMissing, syscall

LAYER: Final = "Landlock"

_VERSION: Final = 1
_BENEATH: Final = 1
_READING: Final = 0b1101
"""Execute, read a file, read a folder."""

_READ_OR_WRITE: Final = 0b110
"""Write a file, read a file: the rights on a single one."""

_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full")
_FILES_BY_ABI: Final = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many rights on files each version of Landlock knows."""

_TCP_ABI: Final = 4
_SCOPE_ABI: Final = 6


def confine(writable: tuple[str, ...]) -> None:
    """Keep this process and all it starts from writing outside ``writable``, for ever."""
    try:
        _confine(writable)
    except OSError as error:
        raise LayerMissing(LAYER, error.strerror or error) from error


def _confine(writable: tuple[str, ...]) -> None:
    abi = syscall("landlock_create_ruleset", None, 0, _VERSION)
    files = (1 << max(count for least, count in _FILES_BY_ABI.items() if least <= abi)) - 1
    facts = [files]
    if abi >= _TCP_ABI:
        facts.append(3)
    if abi >= _SCOPE_ABI:
        facts.append(3)
    text = struct.pack(f"={len(facts)}Q", *facts)
    rules = syscall(
        "landlock_create_ruleset", ctypes.create_string_buffer(text, len(text)), len(text), 0
    )
    _allow(rules, "/", files & _READING)
    for path in writable:
        _allow(rules, path, files)
    for path in _DEVICES:
        _allow(rules, path, _READ_OR_WRITE)
    syscall("landlock_restrict_self", rules, 0)
    os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, folder), 12)
    syscall("landlock_add_rule", rules, _BENEATH, rule, 0)
    os.close(folder)
