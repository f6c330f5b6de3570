"""The folders that built-in steps may touch, and opening what is in them without following a link.

Allowed is the workspace, or what ``files.roots`` of its settings names. A path is resolved first,
links and ``..`` included, and must then lie below an allowed folder. What is opened is reached from
that folder's descriptor, one name at a time and through no link (``openat`` with ``O_NOFOLLOW``): a
link that appears after the check leads nowhere.

The workspace's state folder is never touched, and its settings are never written: whoever could
change them could widen what is allowed.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Final

from framework0.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SETTINGS: Final = ("framework0.toml", "pyproject.toml")

_THROUGH: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_RDONLY
_PLAIN: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Roots:
    """The allowed folders of one workspace. ``base`` is what relative paths count from."""

    def __init__(self, base: str, allowed: Sequence[str] = (), state: str = "") -> None:
        self.base = os.path.realpath(base)
        folders = allowed or (self.base,)
        self.allowed = tuple(
            os.path.realpath(os.path.join(self.base, os.path.expanduser(folder)))
            for folder in folders
        )
        self.state = os.path.realpath(state) if state else ""

    def resolve(self, path: str | os.PathLike[str], *, writing: bool = False) -> str:
        """Return the real path that ``path`` means.

        Raises :class:`~framework0.errors.UsageError` for what is no path, and
        :class:`~framework0.errors.RefusedError` for one outside of the allowed folders.
        """
        text = os.fspath(path)
        if not text or "\0" in text:
            raise UsageError(f"{text!r} is no path: name a file or a folder")
        real = os.path.realpath(os.path.join(self.base, text))
        self._root_of(real, text)
        if self.state and _within(real, self.state):
            raise RefusedError(
                f"{text} lies in the workspace's state folder, which no step may touch"
            )
        if writing and real in {os.path.join(self.base, name) for name in SETTINGS}:
            raise RefusedError(f"{text} holds the workspace's settings, which no step may change")
        return real

    def entry(self, path: str | os.PathLike[str]) -> str:
        """Return the real path of a name itself, which may be a link: for moving and removing it.

        Raises as :meth:`resolve` does, and for what holds an allowed folder or the state folder.
        """
        text = os.fspath(path)
        if not text or "\0" in text:
            raise UsageError(f"{text!r} is no path: name a file or a folder")
        folder, name = os.path.split(os.path.join(self.base, text).rstrip(os.sep))
        if name in {"", os.curdir, os.pardir}:
            folder, name = os.path.split(self.resolve(text))
        if any(
            _within(root, os.path.join(os.path.realpath(folder), name)) for root in self.allowed
        ):
            raise RefusedError(
                f"{text} is a folder that steps work in as a whole: name what is in it"
            )
        real = os.path.join(self.resolve(folder), name)
        if self.state and (_within(real, self.state) or _within(self.state, real)):
            raise RefusedError(f"{text} holds the workspace's state, which no step may touch")
        if real in {os.path.join(self.base, setting) for setting in SETTINGS}:
            raise RefusedError(f"{text} holds the workspace's settings, which no step may change")
        return real

    def shown(self, real: str) -> str:
        """Return a real path as it is best shown: relative within the workspace."""
        return os.path.relpath(real, self.base) if _within(real, self.base) else real

    def _root_of(self, real: str, shown: str) -> str:
        for root in self.allowed:
            if _within(real, root):
                return root
        folders = ", ".join(self.allowed)
        raise RefusedError(
            f"{shown} lies outside of the folders that steps may touch ({folders}): "
            "name its folder in roots of [files] in framework0.toml"
        )

    @contextmanager
    def folder(self, real: str, *, make: bool = False) -> Iterator[int]:
        """Yield a descriptor of the folder ``real``, reached through no link; ``make`` creates it."""
        root = self._root_of(real, real)
        descriptor = os.open(root, _THROUGH)
        try:
            for name in os.path.relpath(real, root).split(os.sep):
                if name == os.curdir:
                    continue
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(name, dir_fd=descriptor)
                inner = _open_inside(name, _THROUGH, descriptor, real)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    def open_to_read(self, path: str | os.PathLike[str]) -> int:
        """Open a regular file for reading and return its descriptor.

        Raises OSError with the path, and :class:`~framework0.errors.UsageError` for a folder, a pipe
        or a device.
        """
        real = self.resolve(path)
        folder, name = os.path.split(real)
        with self.folder(folder) as parent:
            descriptor = _open_inside(name, os.O_RDONLY | _PLAIN, parent, real)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise UsageError(f"{os.fspath(path)} is no regular file")
        return descriptor

    @contextmanager
    def replacing(
        self, path: str | os.PathLike[str], *, make_folders: bool = True, overwrite: bool = True
    ) -> Iterator[IO[bytes]]:
        """Yield a binary file that takes the place of ``path`` when the block ends well.

        It is written beside it under another name, brought to the disk, then renamed, so that a
        reader, or whoever comes after a crash, finds the old content or the new one, whole. An error
        in the block leaves the old one. Without ``overwrite`` a file that exists is an error.
        """
        real = self.resolve(path, writing=True)
        folder, name = os.path.split(real)
        with self.folder(folder, make=make_folders) as parent:
            mode = _mode_of(name, parent)
            beside = f".{name[:100]}.{secrets.token_hex(6)}.part"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN
            descriptor = os.open(beside, flags, 0o666, dir_fd=parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    yield file
                    file.flush()
                    if mode is not None:
                        os.fchmod(file.fileno(), mode)
                    os.fsync(file.fileno())
                _put_in_place(beside, name, parent, real, overwrite=overwrite)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(beside, dir_fd=parent)
                raise
            os.fsync(parent)


def _put_in_place(beside: str, name: str, parent: int, real: str, *, overwrite: bool) -> None:
    if overwrite:
        os.rename(beside, name, src_dir_fd=parent, dst_dir_fd=parent)
        return
    try:
        # A rename would replace what is there; a second name for it cannot.
        os.link(beside, name, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
    except FileExistsError:
        raise exists(real) from None
    os.unlink(beside, dir_fd=parent)


def exists(real: str) -> FileExistsError:
    """Return the error for something that is there already."""
    return FileExistsError(f"{real} exists: add `overwrite: true` to replace it")


def _mode_of(name: str, parent: int) -> int | None:
    """Return the mode of the file that will be replaced; refuse what is no file."""
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{name} is there and is no regular file: move it away")
    return stat.S_IMODE(found.st_mode) & 0o777


def _open_inside(name: str, flags: int, parent: int, real: str) -> int:
    try:
        return os.open(name, flags, dir_fd=parent)
    except OSError as error:
        # The system names the last part only.
        error.filename = real
        raise


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def allowed_roots() -> Roots:
    """Return what the running step may touch: by the workspace of its run, by hand the current one."""
    from framework0.scriptlets.usercode import active_roots
    from framework0.workspace import find_workspace

    active = active_roots()
    workspace = find_workspace(explicit=active[0]) if active else find_workspace()
    return Roots(str(workspace.root), workspace.settings.file_roots, str(workspace.state))
