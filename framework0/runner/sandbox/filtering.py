"""System calls that a step has no use for, refused by a filter that the process sets on itself.

Two reasons. No namespace is around some sockets: a virtual machine's line to its host (``AF_VSOCK``), and a
Unix socket whose file the step can see. And what the kernel does not have to do for a step cannot have
a hole in it. See seccomp(2); the program is one of the classic packet filter (BPF).
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct
from typing import TYPE_CHECKING, Final

from framework0.runner.sandbox.calls import LayerMissing, prctl

if TYPE_CHECKING:
    from collections.abc import Iterator

LAYER: Final = "system call filter"

FAMILIES: Final = (socket.AF_INET, socket.AF_INET6, getattr(socket, "AF_NETLINK", 16))
"""The sockets a step may make: they end in its own, empty network. Socket pairs are another call."""

_BY_MACHINE: Final = {
    # From <linux/audit.h>, and the column of the table below.
    "x86_64": (0xC000_003E, 0),
    "aarch64": (0xC000_00B7, 1),
}

_SOCKET: Final = (41, 198)

_REFUSED: Final = {
    # Mounts and namespaces.
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    # Other processes.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    # Keys.
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # Large and seldom used parts of the kernel; a ring of requests would pass by this filter as well.
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    # The machine itself.
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "open_by_handle_at": (304, 265),
}
"""The numbers on x86-64 and on AArch64, from the kernel's ``unistd.h``."""

_OTHER_TABLE: Final = 0x4000_0000
"""On x86-64, from this number on the calls are those of another table (x32)."""

# From <linux/bpf_common.h>, <linux/filter.h> and <linux/seccomp.h>.
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _ANSWER = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _MACHINE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ALLOW, _ERROR, _KILL = 0x7FFF_0000, 0x0005_0000, 0x8000_0000
_PR_SET_SECCOMP: Final = 22
_FILTER: Final = 2


def refuse_calls() -> None:
    """Refuse the calls of the table to this process and to all it starts, for ever.

    The process must have given up gaining powers (``no_new_privs``).
    """
    machine = platform.machine()
    if machine not in _BY_MACHINE:
        raise LayerMissing(LAYER, f"the numbers of system calls on {machine} are not known here")
    text = b"".join(struct.pack("=HBBI", *one) for one in program(machine))
    held = ctypes.create_string_buffer(text, len(text))
    fields = struct.pack("@HP", len(text) // 8, ctypes.addressof(held))
    try:
        prctl(_PR_SET_SECCOMP, _FILTER, ctypes.create_string_buffer(fields, len(fields)))
    except OSError as error:
        raise LayerMissing(LAYER, error.strerror or error) from error


def program(machine: str) -> list[tuple[int, int, int, int]]:
    """Return the filter as instructions: what, how far to jump if so and if not, and its number."""
    name, column = _BY_MACHINE[machine]
    return [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_IF_EQUAL, 1, 0, name),
        (_ANSWER, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_IF_AT_LEAST, 0, 1, _OTHER_TABLE),
        (_ANSWER, 0, 0, _ERROR | errno.ENOSYS),
        *_refusals(column),
        (_IF_EQUAL, 1, 0, _SOCKET[column]),
        (_ANSWER, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        *_families(),
        (_ANSWER, 0, 0, _ERROR | errno.EAFNOSUPPORT),
    ]


def _refusals(column: int) -> Iterator[tuple[int, int, int, int]]:
    for numbers in _REFUSED.values():
        yield _IF_EQUAL, 0, 1, numbers[column]
        yield _ANSWER, 0, 0, _ERROR | errno.EPERM


def _families() -> Iterator[tuple[int, int, int, int]]:
    for family in FAMILIES:
        yield _IF_EQUAL, 0, 1, family
        yield _ANSWER, 0, 0, _ALLOW
