"""Copying, moving and removing, each by descriptors of folders reached through no link."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import UsageError
from framework0.scriptlets.builtin.confined import exists

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework0.scriptlets.builtin.confined import Roots

CHUNK: Final = 1024 * 1024

EACH: Final = 100
"""Files brought to the disk one by one; of more, one call for the whole machine is quicker."""

MOST_LEVELS: Final = 100
"""Folders within folders that are copied; each holds two descriptors open meanwhile."""

_INTO: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAKE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class _Count:
    __slots__ = ("bytes", "files")

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0


def copy(
    roots: Roots, source: str, target: str, look: Callable[[], None], *, overwrite: bool
) -> dict[str, Any]:
    """Copy a file or a folder; links within a folder stay links."""
    real, goal = roots.resolve(source), roots.entry(target)
    _refuse_inside(real, goal)
    count = _Count()
    with (
        roots.folder(os.path.dirname(real)) as old,
        roots.folder(os.path.dirname(goal), make=True) as new,
    ):
        beside = beside_of(goal)
        try:
            _copy_entry(os.path.basename(real), old, beside, new, look, count, source, 0)
            sync_rest(count.files)
            put_in_place(beside, goal, new, overwrite=overwrite)
        except BaseException:
            discard(beside, new)
            raise
    return {"path": roots.shown(goal), "files": count.files, "bytes": count.bytes}


def move(
    roots: Roots, source: str, target: str, look: Callable[[], None], *, overwrite: bool
) -> dict[str, Any]:
    """Move a file, a folder or a link; to another disk by copying it whole, then removing it."""
    real, goal = roots.entry(source), roots.entry(target)
    _refuse_inside(real, goal)
    with (
        roots.folder(os.path.dirname(real)) as old,
        roots.folder(os.path.dirname(goal), make=True) as new,
    ):
        name = os.path.basename(real)
        _stat(name, old, source)
        try:
            put_in_place(name, goal, new, overwrite=overwrite, old=old)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            beside = beside_of(goal)
            try:
                count = _Count()
                _copy_entry(name, old, beside, new, look, count, source, 0)
                sync_rest(count.files)
                put_in_place(beside, goal, new, overwrite=overwrite)
            except BaseException:
                discard(beside, new)
                raise
            discard(name, old)
    return {"path": roots.shown(goal)}


def remove(roots: Roots, path: str, *, missing_ok: bool) -> dict[str, Any]:
    """Remove a file, a link (not what it leads to), or a folder with everything in it."""
    real = roots.entry(path)
    try:
        with roots.folder(os.path.dirname(real)) as parent:
            name = os.path.basename(real)
            if stat.S_ISDIR(_stat(name, parent, path).st_mode):
                # By descriptors, so that a folder exchanged for a link is not followed.
                shutil.rmtree(name, dir_fd=parent)
            else:
                os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        if not missing_ok:
            raise
        return {"path": path, "removed": False}
    return {"path": path, "removed": True}


def put_in_place(
    beside: str, goal: str, parent: int, *, overwrite: bool, old: int | None = None
) -> None:
    """Rename ``beside`` to the goal; what is there is put away first and removed only afterwards."""
    name = os.path.basename(goal)
    source = parent if old is None else old
    if os.path.lexists(goal):
        if not overwrite:
            raise exists(goal)
        away = beside_of(goal)
        os.rename(name, away, src_dir_fd=parent, dst_dir_fd=parent)
        try:
            os.rename(beside, name, src_dir_fd=source, dst_dir_fd=parent)
        except BaseException:
            os.rename(away, name, src_dir_fd=parent, dst_dir_fd=parent)
            raise
        discard(away, parent)
    else:
        os.rename(beside, name, src_dir_fd=source, dst_dir_fd=parent)
    os.fsync(parent)


def beside_of(goal: str) -> str:
    """Return a name beside the goal under which it is made."""
    return f".{os.path.basename(goal)[:100]}.{secrets.token_hex(6)}.part"


def discard(name: str, parent: int) -> None:
    """Remove what was made in part, or has been replaced."""
    with suppress(FileNotFoundError):
        if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)


def _refuse_inside(real: str, goal: str) -> None:
    if goal == real or goal.startswith(real + os.sep) or real.startswith(goal + os.sep):
        raise UsageError(f"{goal} and {real} lie within each other: choose another place")


def _stat(name: str, parent: int, shown: str) -> os.stat_result:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError as error:
        error.filename = shown
        raise


def _copy_entry(
    name: str,
    old: int,
    fresh: str,
    new: int,
    look: Callable[[], None],
    count: _Count,
    shown: str,
    level: int,
) -> None:
    found = _stat(name, old, shown)
    if level > MOST_LEVELS:
        raise UsageError(f"{shown} is nested deeper than {MOST_LEVELS} folders")
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(name, dir_fd=old), fresh, dir_fd=new)
    elif stat.S_ISREG(found.st_mode):
        count.files += 1
        count.bytes += _copy_file(name, old, fresh, new, look, sync=count.files <= EACH)
    elif stat.S_ISDIR(found.st_mode):
        os.mkdir(fresh, 0o700, dir_fd=new)
        inner_old, inner_new = os.open(name, _INTO, dir_fd=old), os.open(fresh, _INTO, dir_fd=new)
        try:
            for entry in sorted(os.listdir(inner_old)):
                inside = f"{shown}/{entry}"
                _copy_entry(entry, inner_old, entry, inner_new, look, count, inside, level + 1)
            os.fchmod(inner_new, stat.S_IMODE(found.st_mode) & 0o777)
            os.utime(inner_new, ns=(found.st_atime_ns, found.st_mtime_ns))
        finally:
            os.close(inner_old)
            os.close(inner_new)
    else:
        raise UsageError(f"{shown} is no file, folder or link: it cannot be copied")


def sync_rest(files: int) -> None:
    """Bring to the disk what was not brought there one by one."""
    if files > EACH:
        os.sync()


def _copy_file(
    name: str, old: int, fresh: str, new: int, look: Callable[[], None], *, sync: bool
) -> int:
    """Copy one file to the disk with its mode (no set-user-id) and times; return its bytes."""
    with (
        os.fdopen(os.open(name, _READ, dir_fd=old), "rb") as source,
        os.fdopen(os.open(fresh, _MAKE, 0o600, dir_fd=new), "wb") as target,
    ):
        found = os.fstat(source.fileno())
        size = 0
        while data := source.read(CHUNK):
            look()
            target.write(data)
            size += len(data)
        target.flush()
        os.fchmod(target.fileno(), stat.S_IMODE(found.st_mode) & 0o777)
        os.utime(target.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))
        if sync:
            os.fsync(target.fileno())
    return size
