"""The files that a step declares as its inputs, by content, and whether they changed meanwhile."""

from __future__ import annotations

import os
import stat
import time
from hashlib import sha256
from typing import Final

from framework0.runner.stepcache.parts import ABSENT
from framework0.tuples import NamedTuple

CHUNK: Final = 1024 * 1024

SETTLED: Final = 2.0
"""Seconds after which a change of a file shows in its times for certain, on every file system."""

MOST_FILES: Final = 10_000
"""Files below a declared folder; more than that are a data set, which should have a version in ``key``."""


class Seen(NamedTuple):
    """A file as it was read: what the system said of it, its hash, and whether that said enough."""

    stamp: tuple[int, ...]
    digest: str
    settled: bool


class InputFiles:
    """Hashes of files relative to ``root``; a file that has not changed is read once."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._seen: dict[str, Seen] = {}

    def digest(self, path: str) -> str:
        """Return the SHA-256 of what ``path`` holds now: a file, or a folder with all below it.

        ``(absent)`` when there is nothing. Raises OSError for what cannot be read, and ValueError for
        what has no content of its own (a pipe, a device) or holds too many files.
        """
        full = os.path.join(self._root, path)
        if os.path.isdir(full):
            return self._folder(full)
        try:
            return self._file(full)
        except (FileNotFoundError, NotADirectoryError):
            return ABSENT

    def _folder(self, folder: str) -> str:
        lines = []
        for place, folders, files in os.walk(folder):
            folders.sort()
            for name in sorted(files):
                path = os.path.join(place, name)
                inside = os.path.relpath(path, folder).replace(os.sep, "/")
                lines.append(f"{self._file(path)} {inside}")
                if len(lines) > MOST_FILES:
                    raise ValueError(f"it holds more than {MOST_FILES:,} files")
        return sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    def _file(self, path: str) -> str:
        known = self._seen.get(path)
        if known is not None and known.settled and _stamp(os.stat(path)) == known.stamp:
            return known.digest
        found = _read(path)
        self._seen[path] = found
        return found.digest


def _read(path: str) -> Seen:
    # Not blocking: a pipe in the place of a file must not hang the run.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise ValueError("it is no regular file")
        began = time.time()
        digest = sha256()
        while chunk := file.read(CHUNK):
            digest.update(chunk)
        after = os.fstat(descriptor)
    # A change right after a look can leave the times as they were: their grain is coarse.
    latest = max(after.st_mtime, after.st_ctime)
    settled = _stamp(before) == _stamp(after) and 0 <= latest < began - SETTLED
    return Seen(_stamp(after), digest.hexdigest(), settled)


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev
