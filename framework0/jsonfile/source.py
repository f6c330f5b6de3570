"""The file as it is now, parsed once and asked again: an answer is never older than the question."""

from __future__ import annotations

import os
import stat
import sys
import time

from framework0.errors import JsonFileBroken
from framework0.jsonfile.copies import Document
from framework0.jsonfile.text import MOST_BYTES, parse_object
from framework0.workspace import filesystem_of, open_to_look, trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

    Mark = tuple[int, int, int, int]

# Windows does not replace a file that is open; there each question opens it.
_KEEPS: Final = sys.platform != "win32"

_TICK: Final = 100_000_000
"""Nanoseconds, ten times as long as the coarsest clock by which a kernel notes changes."""

EMPTY: Final = Document({})


class Source:
    """Reads one file. Its bytes are compared with those that were parsed, so nothing can be stale.

    The file stays open: as long as it is, no other can get its inode. Its bytes are not even compared
    when it has the times that it had at an earlier comparison, made so long after its last change
    that a later one has another time: nobody but the kernel sets the time of a change (``ctime``).
    """

    __slots__ = (
        "_descriptor",
        "_document",
        "_inode",
        "_local",
        "_settled",
        "content",
        "mark",
        "mode",
        "names",
        "path",
    )

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        self._inode = (0, 0)
        self.content = b""
        self._document = EMPTY
        self._local: bool | None = None
        self._settled = (0, 0)
        self.mark: Mark | None = None
        self.mode = 0o600
        # How many the file has; that of a change going on is not counted against it.
        self.names = 1

    def document(self) -> Document:
        """Return the document; a file that is not there holds nothing.

        Raises :class:`~framework0.errors.JsonFileBroken`, :class:`~framework0.errors.RefusedError`
        for a link or anything that is no file, and :class:`~framework0.errors.WorkspaceError`.
        """
        if self._descriptor >= 0:
            now = time.time_ns()
            there = look(self.path)
            if (
                there is not None
                and (there.st_dev, there.st_ino) == self._inode
                and there.st_size == len(self.content)
            ):
                self.names = there.st_nlink
                times = (there.st_mtime_ns, there.st_ctime_ns)
                if times == self._settled:
                    return self._document
                if os.pread(self._descriptor, there.st_size, 0) == self.content:
                    self.mark = _mark(there)
                    if now - there.st_ctime_ns > _TICK and self._is_local():
                        self._settled = times
                    return self._document
        return self._open()

    def _is_local(self) -> bool:
        # Far away, the times are another host's.
        if self._local is None:
            self._local = not filesystem_of(self.path).remote
        return self._local

    def unchanged(self) -> bool:
        """Tell whether the file is still the one that was read last."""
        there = look(self.path)
        return self.mark == (None if there is None else _mark(there))

    def keep(self, descriptor: int, content: bytes, document: Document) -> None:
        """Take over the open file that has just been put in place, and what it holds."""
        self.close()
        found = os.fstat(descriptor)
        self._inode = (found.st_dev, found.st_ino)
        self.content = content
        self._document = document
        self._settled = (0, 0)
        self.mark = _mark(found)
        self.names = found.st_nlink
        if _KEEPS:
            self._descriptor = descriptor
        else:
            os.close(descriptor)

    def close(self) -> None:
        """Close the file; the next question opens it again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _open(self) -> Document:
        self.close()
        self.mark = None
        self.content = b""
        self.names = 1
        descriptor = open_to_look(self.path, named_twice=True)
        if descriptor is None:
            return EMPTY
        try:
            found = os.fstat(descriptor)
            content = self._read(descriptor, found)
            document = Document(parse_object(content, str(self.path)))
        except BaseException:
            os.close(descriptor)
            raise
        self.mode = stat.S_IMODE(found.st_mode)
        self.keep(descriptor, content, document)
        # What was parsed counts, also when it was being written in place meanwhile.
        self.mark = _mark(found)
        return document

    def _read(self, descriptor: int, found: os.stat_result) -> bytes:
        if found.st_size > MOST_BYTES:
            raise JsonFileBroken(
                f"{self.path} has {found.st_size:,} bytes, more than the {MOST_BYTES:,} "
                "that such a file may have"
            )
        try:
            parts = []
            while part := os.read(descriptor, 1 << 20):
                parts.append(part)
        except OSError as error:
            raise trouble("read", self.path, error) from error
        return b"".join(parts)


def look(path: Path) -> os.stat_result | None:
    """Return what stands at ``path``, a link itself and not its target; None: nothing."""
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise trouble("look at", path, error) from error


def _mark(found: os.stat_result) -> Mark:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
