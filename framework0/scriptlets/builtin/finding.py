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

LONGEST_PATTERN: Final = 4096
"""Characters of a pattern: no path that it could match is longer."""

MOST_PARTS: Final = 64
"""Parts of a pattern between slashes: each may cost a comparison for each name that is looked at."""

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
    if len(pattern) > LONGEST_PATTERN:
        raise UsageError(
            f"a pattern of {len(pattern):,} characters; at most {LONGEST_PATTERN:,} are allowed, as in paths"
        )
    parts = pattern.split("/")
    if len(parts) > MOST_PARTS:
        raise UsageError(f"a pattern of {len(parts)} parts; at most {MOST_PARTS} are allowed")
    fixed = next((at for at, part in enumerate(parts) if _MAGIC & set(part)), len(parts) - 1)
    start = "/".join(parts[:fixed]) or "."
    wanted = Pattern(parts[fixed:])
    top = roots.resolve(start)
    found: list[str] = []
    reached = {top: wanted.beginning()}
    for folder, folders, files in os.walk(top):
        look()
        here = reached.pop(folder)
        for name in folders:
            reached[os.path.join(folder, name)] = wanted.after(here, name)
        reached.pop(roots.state, None)
        # Where nothing can match any more, nobody needs to look.
        folders[:] = sorted(name for name in folders if reached.get(os.path.join(folder, name)))
        for name in files:
            path = os.path.join(folder, name)
            if wanted.is_whole(wanted.after(here, name)) and _is_allowed(roots, path):
                found.append(roots.shown(path))
                if len(found) > MOST_FOUND:
                    raise UsageError(f"{pattern} matches more than {MOST_FOUND:,} files")
    return sorted(found)


def _is_allowed(roots: Roots, path: str) -> bool:
    try:
        return os.path.isfile(roots.resolve(path))
    except RefusedError:
        return False


class Pattern:
    """A pattern part by part; a name costs at most as many comparisons as there are parts.

    One regular expression for all of it would try every way of sharing a path between several ``**``.
    So what is kept, as an automaton does, is which parts could come next.
    """

    def __init__(self, parts: Sequence[str]) -> None:
        import fnmatch

        self._parts: list[Callable[[str], object] | None] = []
        for part in [*parts, "*"] if parts[-1] == "**" else parts:
            if part == "**":
                # Several in a row mean what one does.
                if self._parts[-1:] != [None]:
                    self._parts.append(None)
                continue
            hidden = "" if part.startswith(".") else r"(?!\.)"
            self._parts.append(re.compile(hidden + fnmatch.translate(part)).match)

    def beginning(self) -> set[int]:
        """Return which parts the first name of a path may be."""
        return self._with_skipped({0})

    def after(self, reached: set[int], name: str) -> set[int]:
        """Return which parts may come behind ``name``, which came where ``reached`` were possible."""
        following: set[int] = set()
        for at in reached:
            part = self._parts[at] if at < len(self._parts) else _nothing
            if part is None:
                following |= set() if name.startswith(".") else {at}
            elif part(name):
                following.add(at + 1)
        return self._with_skipped(following)

    def is_whole(self, reached: set[int]) -> bool:
        """Say whether the path so far matches the whole pattern."""
        return len(self._parts) in reached

    def _with_skipped(self, reached: set[int]) -> set[int]:
        """Add what comes behind each ``**``, which may stand for no folder at all."""
        behind = {at + 1 for at in reached if at < len(self._parts) and self._parts[at] is None}
        return reached | behind


def _nothing(_name: str) -> None:
    """Match no name: the pattern has ended."""
