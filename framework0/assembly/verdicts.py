"""Which recipes were found right, and with which code: so that a run need not compare them again.

A verdict is one small JSON file in the workspace's cache, named by the SHA-256 of the recipe's text.
It holds for as long as the version of the product and of Python, the places code is looked for, and
the size and time of every file of code that was read are the same. Only full approval is kept, and
anything wrong with a verdict means that the recipe is checked again; nothing here can fail a run.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from framework0.workspace import Workspace

FORMAT: Final = 1

MAX_VERDICTS: Final = 256
"""Recipes of a workspace that are remembered; when there are more, all are forgotten."""

MAX_BYTES: Final = 1024 * 1024
"""A recipe over so many files that its verdict is larger is checked each time."""


class Verdicts:
    """The verdicts of one workspace, for code looked for in ``roots``."""

    def __init__(self, workspace: Workspace, roots: Sequence[str]) -> None:
        self._workspace = workspace
        self._folder = os.path.join(workspace.cache, "verdicts")
        self._roots = list(roots)

    def kinds_if_right(self, digest: str) -> list[str] | None:
        """Return the step kinds a recipe was approved with, None when it must be checked."""
        try:
            with open(self._path(digest), "rb") as file:
                verdict = json.loads(file.read(MAX_BYTES))
            fits = verdict["basis"] == self._basis()
            unchanged = all(_stamp(path) == stamp for path, stamp in verdict["files"].items())
            kinds: list[str] = verdict["kinds"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return kinds if fits and unchanged and isinstance(kinds, list) else None

    def keep(self, digest: str, files: Iterable[str], kinds: Mapping[str, Any]) -> None:
        """Remember that the recipe with that digest is right with the code in ``files``."""
        try:
            stamps = {path: _stamp(path) for path in files}
            verdict = {"basis": self._basis(), "files": stamps, "kinds": list(kinds)}
            self._workspace.ensure_state()
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            if len(os.listdir(self._folder)) >= MAX_VERDICTS:
                self._forget()
            beside = f"{self._path(digest)}.{os.getpid()}"
            with open(beside, "w", encoding="utf-8") as file:
                json.dump(verdict, file)
            os.replace(beside, self._path(digest))
        # A read-only or full disk: the next run checks again, and says what is wrong if it must.
        except (OSError, WorkspaceError):
            return

    def _path(self, digest: str) -> str:
        return os.path.join(self._folder, digest)

    def _basis(self) -> list[Any]:
        from framework0 import __version__

        return [FORMAT, __version__, sys.version, self._roots]

    def _forget(self) -> None:
        for name in os.listdir(self._folder):
            os.unlink(os.path.join(self._folder, name))


def _stamp(path: str) -> list[int]:
    found = os.stat(path)
    return [found.st_mtime_ns, found.st_size]
