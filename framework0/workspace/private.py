"""Small files that nobody else may read: read only where they are that, replaced whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat

from framework0.errors import RefusedError, WorkspaceError
from framework0.workspace.files import (
    make_private_folder,
    open_private,
    open_to_look,
    sync_folder,
    trouble,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

_OTHERS: Final = 0o077
_MOST: Final = 1024 * 1024
"""Bytes of such a file: more is something else."""


def read_private(path: Path) -> bytes | None:
    """Return the content of a file of our own that nobody else may read or write; None: no file.

    Raises :class:`~framework0.errors.RefusedError` when others may, when it is another user's, a
    link or no file, and :class:`~framework0.errors.WorkspaceError` when it cannot be read.
    """
    descriptor = open_to_look(path)
    if descriptor is None:
        return None
    try:
        found = os.fstat(descriptor)
        if hasattr(os, "geteuid"):
            _refuse_what_others_reach(path, found)
        if found.st_size > _MOST:
            raise WorkspaceError(f"{path} has {found.st_size:,} bytes: that is no file of ours")
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read(_MOST)
    except OSError as error:
        raise trouble("read", path, error) from error
    finally:
        os.close(descriptor)


def replace_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 in the place of ``path``: after a crash the old one is there or the new.

    Missing folders are made. Raises :class:`~framework0.errors.WorkspaceError`.
    """
    make_private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = open_private(draft)
    try:
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise trouble("write", path, error) from error


def _refuse_what_others_reach(path: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise RefusedError(f"{path} belongs to user {found.st_uid}: it must be a file of your own")
    if stat.S_IMODE(found.st_mode) & _OTHERS:
        raise RefusedError(
            f"{path} can be read or written by others (mode {stat.S_IMODE(found.st_mode):04o}): "
            f"`chmod 600 {path}`, and make its secrets anew"
        )
