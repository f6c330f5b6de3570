"""Files found by a pattern, and their checksums."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import RefusedError, StepError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from framework0.scriptlets.builtin.confined import Roots

CHUNK: Final = 1024 * 1024

MOST_FOUND: Final = 100_000
"""Paths of one pattern: as many as a foreach takes."""

_MAGIC: Final = frozenset("*?[")


def checksums(
    roots: Roots, paths: Sequence[str], algorithm: str, expect: str | None, look: Callable[[], None]
) -> dict[str, Any]:
    """Return the checksum of each file; raise StepError where one is not what was expected."""
    found: dict[str, str] = {}
    for path in paths:
        # Not for security but to compare with what others publish, whatever they chose.
        digest = hashlib.new(algorithm, usedforsecurity=False)
        with os.fdopen(roots.open_to_read(path), "rb") as file:
            while data := file.read(CHUNK):
                digest.update(data)
                look()
        found[path] = digest.hexdigest()
        if expect is not None and found[path] != expect.strip().lower():
            raise StepError(
                f"{path} has the {algorithm} {found[path]}, not {expect.strip().lower()}"
            )
    only = {"checksum": found[paths[0]]} if len(paths) == 1 else {}
    return {"checksums": found, **only}


def matching(roots: Roots, pattern: str, look: Callable[[], None]) -> list[str]:
    """Return the files that a pattern matches, sorted, relative to the workspace if they are in it.

    ``*`` and ``?`` stand for characters within a name, ``[abc]`` for one of several, ``**`` for any
    folders. Names that begin with a dot match only a pattern that begins so. Links to folders are not
    followed; a link to a file counts if it stays within the allowed folders.
    """
    if os.path.isabs(pattern):
        raise UsageError("a pattern counts from the workspace: it begins with no /")
    parts = pattern.split("/")
    fixed = next((at for at, part in enumerate(parts) if _MAGIC & set(part)), len(parts) - 1)
    start = "/".join(parts[:fixed]) or "."
    wanted = _compiled(parts[fixed:])
    top = roots.resolve(start)
    found: list[str] = []
    for folder, folders, files in os.walk(top):
        look()
        folders[:] = sorted(name for name in folders if os.path.join(folder, name) != roots.state)
        inside = os.path.relpath(folder, top)
        prefix = "" if inside == os.curdir else inside.replace(os.sep, "/") + "/"
        for name in files:
            if wanted.fullmatch(prefix + name) and _is_allowed(roots, os.path.join(folder, name)):
                found.append(roots.shown(os.path.join(folder, name)))
                if len(found) > MOST_FOUND:
                    raise UsageError(f"{pattern} matches more than {MOST_FOUND:,} files")
    return sorted(found)


def _is_allowed(roots: Roots, path: str) -> bool:
    try:
        return os.path.isfile(roots.resolve(path))
    except RefusedError:
        return False


def _compiled(parts: Sequence[str]) -> re.Pattern[str]:
    import fnmatch

    pieces: list[str] = []
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if part == "**":
            pieces.append(r"(?:[^/.][^/]*/)*" + (r"[^/.][^/]*" if last else ""))
            continue
        # fnmatch gives (?s:…)\Z; a name holds no slash, so its stars cannot cross one.
        name = (
            fnmatch.translate(part).removeprefix("(?s:").removesuffix(r")\Z").replace(".*", "[^/]*")
        )
        hidden = "" if part.startswith(".") else r"(?!\.)"
        pieces.append(f"{hidden}(?:{name})" + ("" if last else "/"))
    return re.compile("".join(pieces), re.DOTALL)
