"""A copy of a workspace to try things in: the files a recipe may need, and no state."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING, Final

from framework0.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LEFT_OUT: Final = frozenset(
    {
        *(".framework0", ".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv", "venv"),
        *(".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache"),
    }
)
"""Folders no step reads: state, versions, environments and caches."""

MOST_BYTES: Final = 1024**3
MOST_FILES: Final = 50_000
"""A larger workspace takes longer to copy than its recipe to run, and may fill the disk."""


def copy_workspace(root: Path, to: Path, state: Path | None) -> None:
    """Copy the files below ``root``, links as links, without ``state``.

    Raises :class:`~framework0.errors.RefusedError` when there is too much to copy.
    """
    skipped = _skipping(state)
    _measure(root, skipped)
    shutil.copytree(root, to, symlinks=True, ignore=skipped)


def _skipping(state: Path | None) -> Callable[[str, list[str]], set[str]]:
    home = None if state is None else os.path.realpath(state)

    def skipped(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if _is_left_out(os.path.join(folder, name), name, home)}

    return skipped


def _is_left_out(path: str, name: str, home: str | None) -> bool:
    mode = os.lstat(path).st_mode
    if stat.S_ISDIR(mode):
        return name in LEFT_OUT or os.path.realpath(path) == home
    # Nothing waits at the other end of a copied pipe or socket.
    return not (stat.S_ISREG(mode) or stat.S_ISLNK(mode))


def _measure(root: Path, skipped: Callable[[str, list[str]], set[str]]) -> None:
    size = files = 0
    for folder, folders, names in os.walk(root):
        out = skipped(folder, [*folders, *names])
        folders[:] = [name for name in folders if name not in out]
        for name in names:
            if name not in out:
                files += 1
                size += os.lstat(os.path.join(folder, name)).st_size
        if size > MOST_BYTES or files > MOST_FILES:
            raise RefusedError(
                f"{root} is too large to copy for a trial (more than {MOST_BYTES >> 30} GiB or "
                f"{MOST_FILES:,} files): move data elsewhere, or name a smaller --workspace"
            )
