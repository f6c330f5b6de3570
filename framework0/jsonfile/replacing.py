"""A file is never written in place: a draft beside it is, and then takes its name."""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress

from framework0.workspace import sync_folder, trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

# What a change leaves beside the file for a moment.
_DRAFT: Final = r"(\.bak)?\.[0-9a-f]{12}\.draft"
_PRIVATE: Final = 0o600
_ADVICE: Final = "the file is as it was"


class Draft:
    """A new content, complete and (if ``durable``) on the disk, in the folder of ``path``.

    Raises :class:`~framework0.errors.WorkspaceError`, and leaves nothing behind then.
    """

    __slots__ = ("_place", "content", "descriptor", "inode", "path")

    def __init__(
        self, path: Path | str, content: bytes, mode: int, *, durable: bool, place: str = ""
    ) -> None:
        self.path = path
        self.content = content
        self._place = place or draft_of(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        try:
            self.descriptor = os.open(self._place, flags | getattr(os, "O_BINARY", 0), _PRIVATE)
        except OSError as error:
            raise trouble("write beside", path, error, _ADVICE) from error
        self.inode = 0
        try:
            if mode != _PRIVATE:
                os.chmod(self._place, mode)
            _write(self.descriptor, content)
            if durable:
                os.fsync(self.descriptor)
            self.inode = os.fstat(self.descriptor).st_ino
        except OSError as error:
            self.discard()
            raise trouble("write", path, error, _ADVICE) from error
        except BaseException:
            self.discard()
            raise

    def put(self) -> None:
        """Take the name of the file."""
        try:
            os.replace(self._place, self.path)
        except OSError as error:
            raise trouble("replace", self.path, error, _ADVICE) from error

    def is_waiting(self) -> bool:
        """Tell whether it has not taken the name of the file yet."""
        return os.path.lexists(self._place)

    def close(self) -> None:
        """Close the open file; it stays where it is."""
        os.close(self.descriptor)

    def discard(self) -> None:
        """Close and remove the draft."""
        os.close(self.descriptor)
        remove(self._place)


class Former:
    """The state before a change, kept beside the file as ``path`` when the change has been made.

    It is the former file itself under a second name, which takes no writing and is on the disk already;
    where there are no such names, a copy. ``place`` is that name until it takes its own.
    Raises as :class:`Draft` does.
    """

    __slots__ = ("path", "place")

    def __init__(self, path: str, file: Path, place: str, content: bytes, mode: int) -> None:
        self.path = path
        self.place = place
        if os.path.isdir(path) and not os.path.islink(path):
            error = IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            raise trouble("replace", path, error, _ADVICE)
        try:
            os.link(file, place)
        except OSError:
            Draft(path, content, mode, durable=False, place=place).close()

    def put(self) -> None:
        """Take the name of the copy from the state before."""
        try:
            os.replace(self.place, self.path)
        except OSError as error:
            hint = "the change is in the file, but not the state before it in its copy"
            raise trouble("replace", self.path, error, hint) from error


def draft_of(path: Path | str) -> str:
    """Return a new name for what will be at ``path``."""
    return f"{path}.{os.urandom(6).hex()}.draft"


def remove(place: str) -> None:
    """Remove a file that may be gone."""
    with suppress(FileNotFoundError):
        os.unlink(place)


def sync_names(folder: Path) -> None:
    """Have the names in a folder survive a power cut.

    Raises :class:`~framework0.errors.WorkspaceError`; the change is in the file then.
    """
    try:
        sync_folder(folder)
    except OSError as error:
        hint = "the change is in the file, but may not survive a power cut"
        raise trouble("sync the folder", folder, error, hint) from error


def remove_drafts(path: Path) -> None:
    """Remove the drafts that killed processes left beside ``path``; only under its lock."""
    litter = re.compile(re.escape(path.name) + _DRAFT)
    for name in os.listdir(path.parent):
        if litter.fullmatch(name):
            path.with_name(name).unlink(missing_ok=True)


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
