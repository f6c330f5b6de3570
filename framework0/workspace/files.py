"""Files and folders that belong to one user only: modes that no umask can widen, no link followed."""

from __future__ import annotations

import os
import stat

from framework0.errors import RefusedError, WorkspaceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600

_CAREFUL: Final = (
    getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
)
"""Not for our children, through no link, and without waiting for a pipe's other end."""

_NOT_A_FILE: Final = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def trouble(verb: str, path: Path | str, error: OSError, hint: str = "") -> WorkspaceError:
    """Return the error for a failed system call: what was tried, which file, which errno."""
    after = f"; {hint}" if hint else ""
    return WorkspaceError(f"cannot {verb} {path}: {error.strerror} (errno {error.errno}){after}")


def make_private_folder(path: Path) -> None:
    """Create ``path`` and its missing parents; every folder created here is for its owner only.

    A folder that exists keeps its mode: it may be one that the user shares on purpose.

    Raises :class:`~framework0.errors.WorkspaceError` when it cannot be created.
    """
    if path.is_dir():
        return
    make_private_folder(path.parent)
    try:
        path.mkdir(mode=FOLDER_MODE)
        # mkdir's mode passes through the umask, which can also take the owner's own bits away.
        path.chmod(FOLDER_MODE)
    except FileExistsError:
        if not path.is_dir():
            raise WorkspaceError(
                f"{path} is a file where a folder is needed: move it away, then try again"
            ) from None
    except OSError as error:
        hint = "set FRAMEWORK0_HOME to a folder that can be written"
        raise trouble("create the folder", path, error, hint) from error


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power cut, where the system lets us ask for it.

    A folder that may be searched and not read cannot be synced by us. Raises :class:`OSError`.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_private(path: Path) -> int:
    """Open a regular file of our own for reading and writing; create it; return its descriptor.

    Raises :class:`~framework0.errors.RefusedError` for a link, a hard link, a pipe, a device, a
    folder or another user's file (none of them is touched), and
    :class:`~framework0.errors.WorkspaceError` when it cannot be opened.
    """
    _refuse_what_is_no_file(path)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _CAREFUL, FILE_MODE)
    except FileNotFoundError:
        raise WorkspaceError(f"cannot create {path}: its folder does not exist") from None
    except OSError as error:
        raise trouble("open", path, error) from error
    try:
        found = os.fstat(descriptor)
        _refuse(path, found)
        _refuse_another_owner(path, found)
        if stat.S_IMODE(found.st_mode) != FILE_MODE:
            os.fchmod(descriptor, FILE_MODE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_to_look(path: Path, *, named_twice: bool = False) -> int | None:
    """Open a regular file for reading only, also on a read-only disk; None when there is none.

    Raises as :func:`open_private` does, except that the file may be another user's, and, with
    ``named_twice``, have other names: looking at it changes none of them.
    """
    _refuse_what_is_no_file(path, named_twice=named_twice)
    try:
        return os.open(path, os.O_RDONLY | _CAREFUL)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise trouble("open", path, error) from error


def _refuse_what_is_no_file(path: Path, *, named_twice: bool = False) -> None:
    # Looked at before opening, because opening a device can already do something.
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise trouble("look at", path, error) from error
    _refuse(path, found, named_twice=named_twice)


def _refuse(path: Path, found: os.stat_result, *, named_twice: bool = False) -> None:
    for is_kind, words in _NOT_A_FILE:
        if is_kind(found.st_mode):
            raise RefusedError(
                f"{path} is {words}, not a file of our own: move it away, then retry"
            )
    if found.st_nlink > 1 and not named_twice:
        raise RefusedError(
            f"{path} has a second name (hard link): writing would change another file; move it away"
        )


def _refuse_another_owner(path: Path, found: os.stat_result) -> None:
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise RefusedError(f"{path} belongs to user {found.st_uid}: ask them, or move it away")
