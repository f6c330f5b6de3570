"""Recipes that were found right, remembered: a short run neither reads, checks nor compares them again.

A verdict is one small JSON file in the workspace's cache, named by a checksum of the recipe's bytes:
the text, the checked recipe, and with which code it was compared. It holds for as long as the text is
the same to the letter (a cryptographic hash would cost more to load than the comparison), the version of the
product and of Python, the places code is looked for, the pools of the workspace, and the size and time of every file of code that
was read are the same. Only full approval is kept, and only a recipe that comes back equal; anything
wrong with a verdict means that the recipe is checked again. Nothing here can fail a run.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from zlib import crc32

from framework0.assembly.remembered import from_json, to_json
from framework0.errors import WorkspaceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, Final

    from framework0.recipe import Recipe
    from framework0.workspace import Workspace

FORMAT: Final = 3

MAX_RECIPE: Final = 64 * 1024
"""Bytes of a recipe that is remembered; for a larger one reading and checking is what takes time."""

MAX_VERDICTS: Final = 256
"""Recipes of a workspace that are remembered; when there are more, all are forgotten."""

MAX_BYTES: Final = 1024 * 1024
"""Bytes of a verdict: the recipe, and the names of the files it was compared with."""


class Verdicts:
    """The verdicts of one workspace, for code looked for in ``roots``."""

    def __init__(self, workspace: Workspace, roots: Sequence[str]) -> None:
        self._workspace = workspace
        self._folder = os.path.join(workspace.cache, "verdicts")
        self._roots = list(roots)

    def recall(self, file: str) -> Recipe | None:
        """Return the recipe in ``file`` if it was found right as it is now, else None."""
        content = _small_file(file)
        if content is None:
            return None
        try:
            with open(self._path(content), "rb") as stream:
                verdict = json.loads(stream.read(MAX_BYTES))
            text = _text(content)
            if verdict["basis"] != self._basis() or verdict["text"] != text:
                return None
            if any(_stamp(path) != stamp for path, stamp in verdict["files"].items()):
                return None
            return from_json(verdict["recipe"], file, text)
        # Damaged, or not written by this version: as good as absent.
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None

    def keep(self, recipe: Recipe, files: Iterable[str]) -> None:
        """Remember that ``recipe``, as its file is now, is right with the code in ``files``."""
        content = _small_file(recipe.file)
        if content is None:
            return
        try:
            stamps = {path: _stamp(path) for path in files}
            text = _text(content)
            checked = {"basis": self._basis(), "files": stamps, "recipe": to_json(recipe)}
            written = json.dumps({**checked, "text": text})
            again = from_json(json.loads(written)["recipe"], recipe.file, text)
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return
        if again == recipe and len(written) < MAX_BYTES:
            self._write(self._path(content), written)

    def _write(self, path: str, written: str) -> None:
        try:
            self._workspace.ensure_state()
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            if len(os.listdir(self._folder)) >= MAX_VERDICTS:
                self._forget()
            beside = f"{path}.{os.getpid()}"
            with open(beside, "w", encoding="utf-8") as file:
                file.write(written)
            os.replace(beside, path)
        # A read-only or full disk: the next run checks again, and says what is wrong if it must.
        except (OSError, WorkspaceError):
            return

    def _path(self, content: bytes) -> str:
        return os.path.join(self._folder, f"{crc32(content):08x}-{len(content)}")

    def _basis(self) -> list[Any]:
        from framework0 import __version__

        pools = dict(self._workspace.settings.pools)
        return [FORMAT, __version__, sys.version, self._roots, pools]

    def _forget(self) -> None:
        for name in os.listdir(self._folder):
            os.unlink(os.path.join(self._folder, name))


def _small_file(file: str) -> bytes | None:
    """Return the bytes of a small regular file, None for anything else: the reader tells what it is."""
    try:
        found = os.stat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_RECIPE:
            return None
        with open(file, "rb") as stream:
            content = stream.read(MAX_RECIPE + 1)
    except (OSError, ValueError):
        return None
    return content if len(content) <= MAX_RECIPE else None


def _text(content: bytes) -> str:
    return content.decode("utf-8").removeprefix("\ufeff")


def _stamp(path: str) -> list[int]:
    found = os.stat(path)
    return [found.st_mtime_ns, found.st_size]
