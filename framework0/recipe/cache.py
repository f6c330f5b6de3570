"""What a recipe's text was read as, kept by the text's hash so that it need not be read again.

An entry is one file: a line with the format, the framework's version and the SHA-256 of the rest,
then JSON. An entry that is damaged, of another version or of another format is as good as absent and
is written anew; nothing about the cache can make a run fail, or change what a recipe means.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import Place, Problem
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT: Final = 1
"""Grows by one whenever what an entry holds, or how a text is read, changes."""

MAX_ENTRIES: Final = 64
"""Recipes a workspace reads again and again; an older entry makes place for a new one."""

MAX_BYTES: Final = 256 * 1024 * 1024
"""What all entries may take: a handful of the largest recipes."""

_SUFFIX: Final = ".recipe.json"
_DIGEST: Final = "[0-9a-f]{64}"


class Cached(NamedTuple):
    """What was read: plain data, and the problems with the name of the file asked for."""

    data: dict[str, Any]
    problems: tuple[Problem, ...]


class RecipeCache:
    """The entries in one folder, which is made when the first one is stored.

    ``version`` is that of the framework: what another version read is not trusted.
    """

    def __init__(self, folder: Path, *, version: str) -> None:
        self.folder = folder
        self._head = f"framework0-recipe {FORMAT} {version}"

    def load(self, digest: str, file: str) -> Cached | None:
        """Return what the text with that SHA-256 was read as, its places in ``file``; or None."""
        try:
            with self._path(digest).open("rb") as stream:
                head, _, body = stream.read(MAX_BYTES).partition(b"\n")
        except OSError:
            return None
        if head != self._header(digest, body):
            return None
        try:
            entry = json.loads(body)
            data = entry["data"]
            problems = tuple(_problem(row, file) for row in entry["problems"])
        except (ValueError, KeyError, TypeError, RecursionError):
            # The hashes fit, so somebody else wrote it: read the recipe instead.
            return None
        return Cached(data, problems) if isinstance(data, dict) else None

    def store(self, digest: str, data: dict[str, Any], problems: Sequence[Problem]) -> bool:
        """Keep what was read, if the folder can be written; return whether it was kept.

        The entry appears whole or not at all: it is written beside and renamed.
        """
        rows = [_row(problem) for problem in problems]
        body = json.dumps({"data": data, "problems": rows}, separators=(",", ":")).encode("ascii")
        if len(body) > MAX_BYTES // 2:
            return False
        path = self._path(digest)
        beside = path.with_name(f"{path.name}.{os.urandom(4).hex()}.new")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with beside.open("xb") as stream:
                stream.write(self._header(digest, body) + b"\n" + body)
            beside.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink()
            return False
        self._make_room()
        return True

    def _path(self, digest: str) -> Path:
        if re.fullmatch(_DIGEST, digest) is None:
            raise ValueError(f"{digest!r} is not a SHA-256: 64 hexadecimal digits")
        return self.folder / (digest + _SUFFIX)

    def _header(self, digest: str, body: bytes) -> bytes:
        return f"{self._head} {digest} {hashlib.sha256(body).hexdigest()}".encode()

    def _make_room(self) -> None:
        """Remove the entries written longest ago until the rest keeps the limits."""
        entries = []
        with contextlib.suppress(OSError), os.scandir(self.folder) as found:
            for entry in found:
                # Another process may remove one between listing and looking.
                with contextlib.suppress(OSError):
                    # What a killed writer left behind counts as well.
                    if _SUFFIX in entry.name and entry.is_file(follow_symlinks=False):
                        status = entry.stat(follow_symlinks=False)
                        entries.append((status.st_mtime_ns, status.st_size, Path(entry.path)))
        entries.sort(reverse=True)
        kept_bytes = 0
        for number, (_, size, path) in enumerate(entries):
            kept_bytes += size
            if number >= MAX_ENTRIES or kept_bytes > MAX_BYTES:
                with contextlib.suppress(OSError):
                    path.unlink()


def _row(problem: Problem) -> list[Any]:
    place = problem.place
    return [
        problem.code,
        problem.message,
        None if place is None else [place.line, place.column],
        problem.severity,
        problem.hint,
        [[words, other.line, other.column] for words, other in problem.related],
    ]


def _problem(row: list[Any], file: str) -> Problem:
    code, message, position, severity, hint, related = row
    return Problem(
        code,
        message,
        None if position is None else Place(file, *position),
        severity=severity,
        hint=hint,
        related=tuple((words, Place(file, line, column)) for words, line, column in related),
    )
