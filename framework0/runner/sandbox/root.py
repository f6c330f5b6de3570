"""A root folder of the step's own: what it needs, read-only, and a scratch folder in memory.

The new root is an empty tmpfs. What is not bound into it does not exist for the step: no home, no state
folder, no socket of anybody's, no disk. What lies beneath a scratch folder outside is bound aside, and a link
is put in its place: Landlock lets a step write all that is beneath a scratch folder.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import TYPE_CHECKING, Final

from framework0.runner.sandbox.calls import LayerMissing, call, syscall
from framework0.runner.sandbox.limits import has_own_pid_max

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

LAYER: Final = "own root"
# Both are folders of the sandbox, in memory, and nobody else's.
SCRATCH: Final = "/tmp"  # noqa: S108
SHARED: Final = "/dev/shm"  # noqa: S108
OLD: Final = "/.old"
ASIDE: Final = "/.seen"

# From <linux/mount.h>.
_NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE = 2, 4, 8, 0x1000, 0x4000, 1 << 18
_DETACH: Final = 2
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV, _ATTR_NOEXEC = 1, 2, 4, 8
_AT_RECURSIVE: Final = 0x8000
_AT_FDCWD: Final = -100

_DEVICES: Final = ("null", "zero", "full", "random", "urandom")
_LINKS: Final = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1"}
PROCESS_IDS: Final = 400
"""The largest process id inside: the kernel allows none below 301, and it binds root as well.

Only kernels that keep it for each PID namespace are told, since on others it is the machine's."""


def change_root(plan: Mapping[str, Any]) -> None:
    """Put this process (number 1 of its PID namespace) into a root made as ``plan`` says."""
    try:
        _change_root(plan)
    except OSError as error:
        raise LayerMissing(LAYER, error.strerror or error) from error


def _change_root(plan: Mapping[str, Any]) -> None:
    call("mount", "none", "/", None, _REC | _PRIVATE, None)
    call("mount", "root", SCRATCH, "tmpfs", _NOSUID | _NODEV, "size=1m,nr_inodes=4k,mode=755")
    os.mkdir(SCRATCH + OLD)
    syscall("pivot_root", SCRATCH, SCRATCH + OLD)
    os.chdir("/")
    os.mkdir(SCRATCH)
    size = plan["scratch"]
    sized = f"size={size},nr_inodes={plan['files']},mode=1777"
    call("mount", "scratch", SCRATCH, "tmpfs", _NOSUID | _NODEV, sized)
    _make_devices()
    for path, source in plan["readable"]:
        _show(path, source)
    for path in plan["covered"]:
        if os.path.isdir(path):
            _cover(path)
    _make_proc()
    call("umount2", OLD, _DETACH)
    os.rmdir(OLD)
    _restrict("/", _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, deep=False)


def _show(path: str, source: str) -> None:
    """Bind ``source`` of the old root to ``path``, read-only; a link is made again as a link."""
    old = OLD + path
    if os.path.islink(old):
        if not os.path.lexists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(os.readlink(old), path)
        return
    old = OLD + source
    if not os.path.exists(old):
        return
    aside = path.startswith((SCRATCH + "/", SHARED + "/"))
    place = ASIDE + path if aside else path
    if os.path.isdir(old):
        os.makedirs(place, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if not os.path.exists(place):
            os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o644))
    call("mount", old, place, None, _BIND | _REC, None)
    _restrict(place, _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV)
    if aside:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(place, path)


def _cover(path: str) -> None:
    """Put an empty folder before ``path``."""
    call("mount", "covered", path, "tmpfs", _NOSUID | _NODEV, "size=4k,nr_inodes=2,mode=555")
    _restrict(path, _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV | _ATTR_NOEXEC)


def _restrict(path: str, attributes: int, *, deep: bool = True) -> None:
    wanted = ctypes.create_string_buffer(struct.pack("=4Q", attributes, 0, 0, 0), 32)
    syscall("mount_setattr", _AT_FDCWD, path, _AT_RECURSIVE if deep else 0, wanted, 32)


def _make_devices() -> None:
    os.makedirs(SHARED)
    for name in _DEVICES:
        path = f"/dev/{name}"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o666))
        call("mount", OLD + path, path, None, _BIND, None)
        _restrict(path, _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NOEXEC)
    for name, target in _LINKS.items():
        os.symlink(target, f"/dev/{name}")
    call("mount", "shm", SHARED, "tmpfs", _NOSUID | _NODEV | _NOEXEC, "size=16m,nr_inodes=1k")


def _make_proc() -> None:
    os.mkdir("/proc")
    call("mount", "proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC, None)
    settings = {"user/max_user_namespaces": 0}
    if has_own_pid_max(os.uname().release):
        settings["kernel/pid_max"] = PROCESS_IDS
    for name, value in settings.items():
        with open(f"/proc/sys/{name}", "w") as file:
            file.write(str(value))
    # Where the runner is root, the step would own the files of sysctl as root does.
    _restrict("/proc", _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV | _ATTR_NOEXEC)
