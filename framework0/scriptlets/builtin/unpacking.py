"""Archives of strangers: read member by member, judged before anything is in its place.

Only regular files and folders are taken, under names that stay below the target on every system.
What is counted is what is really read, not what the archive says of itself. Everything goes to a
folder beside the target first, which is renamed at the end; ``extractall`` is never used.
"""

from __future__ import annotations

import errno
import os
import tarfile
import unicodedata
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any, Final

from framework0.errors import RefusedError
from framework0.scriptlets.builtin.archiving import kind_of
from framework0.scriptlets.builtin.copying import (
    EACH,
    beside_of,
    discard,
    put_in_place,
    sync_rest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from framework0.scriptlets.builtin.confined import Roots

CHUNK: Final = 64 * 1024
LONGEST_NAME: Final = 200
MOST_LEVELS: Final = 50
MOST_FILES: Final = 10_000
MOST_BYTES: Final = 1024**3

RATIO: Final = 100
"""Unpacked bytes for each packed one; text comes to 20, and what is made to grow to 1,000."""

FREE: Final = 10 * 1024 * 1024
"""Unpacked bytes below which the ratio does not matter: a small file of zeros is harmless."""

LARGEST_HEADER: Final = 1024 * 1024
"""Bytes of one header of a tar file: names are short, and headers are held in memory."""

_WRONG: Final = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError)


class Limits:
    """How much may come out of one archive. A bound given by hand takes the place of the ratio, too."""

    __slots__ = ("bytes", "files", "ratio")

    def __init__(self, files: int | None, most: int | None) -> None:
        self.files = MOST_FILES if files is None else files
        self.bytes = MOST_BYTES if most is None else most
        self.ratio = RATIO if most is None else 0


class _Member:
    """One file or folder of an archive: ``open`` gives its content."""

    __slots__ = ("executable", "is_folder", "name", "open")

    def __init__(self, name: str, is_folder: bool, executable: bool, opened: Any) -> None:
        self.name = name
        self.is_folder = is_folder
        self.executable = executable
        self.open = opened


def unpack(
    roots: Roots,
    source: str,
    target: str,
    given: str | None,
    limits: Limits,
    look: Callable[[], None],
    *,
    overwrite: bool,
) -> dict[str, Any]:
    """Unpack an archive into the folder ``target``, which appears whole or not at all."""
    kind = kind_of(source, given)
    goal = roots.entry(target)
    with (
        os.fdopen(roots.open_to_read(source), "rb") as file,
        roots.folder(os.path.dirname(goal), make=True) as parent,
    ):
        beside = beside_of(goal)
        os.mkdir(beside, 0o777, dir_fd=parent)
        try:
            place = os.path.join(os.path.dirname(goal), beside)
            packed = os.fstat(file.fileno()).st_size
            sink = _Sink(roots, place, source, limits, packed, look)
            try:
                for member in (_zip_members if kind == "zip" else _tar_members)(
                    file, source, kind, limits
                ):
                    sink.take(member)
            except _WRONG as error:
                raise RefusedError(
                    f"{source} is no {kind} archive that can be read: {error}"
                ) from None
            except (RuntimeError, ValueError, OverflowError) as error:
                # zipfile's way to say "encrypted" or "packed in another way", and both modules' about
                # numbers that cannot be.
                raise RefusedError(f"{source} cannot be unpacked: {error}") from None
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                # A place before the beginning of the file, which the archive named.
                raise RefusedError(f"{source} is no {kind} archive that can be read") from None
            sync_rest(sink.files)
            put_in_place(beside, goal, parent, overwrite=overwrite)
        except BaseException:
            discard(beside, parent)
            raise
    return {"path": roots.shown(goal), "files": sink.files, "bytes": sink.bytes}


class _Sink:
    """Where members are written; counts and judges them."""

    def __init__(
        self,
        roots: Roots,
        place: str,
        shown: str,
        limits: Limits,
        packed: int,
        look: Callable[[], None],
    ) -> None:
        self.files = 0
        self.bytes = 0
        self._roots = roots
        self._place = place
        self._shown = shown
        self._limits = limits
        self._packed = max(packed, 1)
        self._look = look
        self._names: dict[str, bool] = {}
        self._seen: set[str] = set()

    def take(self, member: _Member) -> None:
        """Write one member."""
        self._look()
        parts = self._judged(member)
        self.files += 1
        if self.files > self._limits.files:
            raise RefusedError(
                f"{self._shown} holds more than {self._limits.files:,} files: raise max_files"
            )
        if not parts:
            return
        folder = os.path.join(self._place, *(parts if member.is_folder else parts[:-1]))
        with self._roots.folder(folder, make=True) as parent:
            if not member.is_folder:
                self._write(member, parts[-1], parent)

    def _write(self, member: _Member, name: str, parent: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        mode = 0o777 if member.executable else 0o666
        with (
            os.fdopen(os.open(name, flags, mode, dir_fd=parent), "wb") as file,
            member.open() as content,
        ):
            while data := content.read(CHUNK):
                self._look()
                self.bytes += len(data)
                self._refuse_growth()
                file.write(data)
            file.flush()
            if self.files <= EACH:
                os.fsync(file.fileno())

    def _refuse_growth(self) -> None:
        limits = self._limits
        if self.bytes > limits.bytes:
            raise RefusedError(
                f"{self._shown} holds more than {limits.bytes:,} bytes: raise max_bytes"
            )
        if limits.ratio and self.bytes > max(FREE, limits.ratio * self._packed):
            raise RefusedError(
                f"{self._shown} grows to more than {limits.ratio} times its size: if that is right, give max_bytes"
            )

    def _judged(self, member: _Member) -> list[str]:
        """Return the parts of a member's name; raise RefusedError for one that could do harm."""
        name = member.name
        why = _fault_of(name)
        if why:
            raise RefusedError(f"{self._shown} holds {name[:80]!r}, {why}: nothing was unpacked")
        parts = [part for part in name.split("/") if part not in {"", "."}]
        key = ""
        for at, part in enumerate(parts):
            # Names that a file system takes for equal would be written into each other.
            key = f"{key}/{unicodedata.normalize('NFC', part).casefold()}"
            is_folder = member.is_folder or at < len(parts) - 1
            if not (self._names.setdefault(key, is_folder) and is_folder) and key in self._seen:
                raise RefusedError(f"{self._shown} holds {name[:80]!r} twice: nothing was unpacked")
            self._seen.add(key)
        return parts


def _fault_of(name: str) -> str:
    """Return what is wrong with a member's name, nothing if it can do no harm."""
    parts = name.rstrip("/").split("/")
    faults = {
        "which has no name": not name,
        "an absolute path": name.startswith("/") or name[1:2] == ":",
        "which has a backslash": "\\" in name,
        "which has control characters": any(
            unicodedata.category(letter) in {"Cc", "Cs"} for letter in name
        ),
        "which leads outside": ".." in parts,
        "which is too long or too deep": len(parts) > MOST_LEVELS
        or any(len(part.encode("utf-8", "replace")) > LONGEST_NAME for part in parts),
    }
    return next((words for words, holds in faults.items() if holds), "")


def _zip_members(file: IO[bytes], shown: str, _kind: str, limits: Limits) -> Iterator[_Member]:
    with zipfile.ZipFile(file) as whole:
        entries = whole.infolist()
        if len(entries) > limits.files:
            raise RefusedError(f"{shown} holds more than {limits.files:,} files: raise max_files")
        for entry in entries:
            mode = entry.external_attr >> 16
            kind = mode & 0o170000
            if kind not in {0, 0o100000, 0o040000}:
                raise RefusedError(f"{shown} holds {entry.filename[:80]!r}, a link or a device")
            if entry.flag_bits & 1:
                raise RefusedError(
                    f"{shown} is encrypted: unpack it with a program that asks for the password"
                )
            # What stood in the archive, and not what zipfile made of it up to a NUL.
            name = entry.orig_filename
            yield _Member(
                name, entry.is_dir(), bool(mode & 0o100), lambda entry=entry: whole.open(entry)
            )


def _tar_members(file: IO[bytes], shown: str, kind: str, limits: Limits) -> Iterator[_Member]:
    stream = _Counted(_decompressed(file, kind), limits.bytes + limits.files * 4096 + FREE, shown)
    with tarfile.open(fileobj=stream, mode="r:") as whole:  # type: ignore[call-overload]
        for entry in whole:
            if not (entry.isreg() or entry.isdir()) or entry.issparse():
                raise RefusedError(
                    f"{shown} holds {entry.name[:80]!r}, a link, a device or the like"
                )
            yield _Member(
                entry.name,
                entry.isdir(),
                bool(entry.mode & 0o100),
                lambda entry=entry: whole.extractfile(entry),
            )


def _decompressed(file: IO[bytes], kind: str) -> Any:
    if kind == "tar.gz":
        import gzip

        return gzip.GzipFile(fileobj=file, mode="rb")
    if kind == "tar.bz2":
        import bz2

        return bz2.BZ2File(file, "rb")
    if kind == "tar.xz":
        import lzma

        return lzma.LZMAFile(file, "rb")
    return file


class _Counted:
    """A stream read forward within bounds: in all, and for what tarfile takes into memory at once."""

    def __init__(self, stream: Any, most: int, shown: str) -> None:
        self._stream = stream
        self._left = most
        self._shown = shown
        self._at = 0
        self._last = b""
        self._again = False

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes."""
        if self._again and size:
            self._again = False
            self._at += 1
            return self._last
        if size > LARGEST_HEADER:
            raise RefusedError(
                f"{self._shown} has a header of {size:,} bytes: no honest archive has"
            )
        try:
            data: bytes = self._stream.read(size)
        except (OSError, EOFError) as error:
            raise tarfile.ReadError(str(error)) from None
        # lzma has an error of its own.
        except Exception as error:
            if type(error).__name__ != "LZMAError":
                raise
            raise tarfile.ReadError(str(error)) from None
        self._at += len(data)
        self._last = data[-1:] or self._last
        self._left -= len(data)
        if self._left < 0:
            raise RefusedError(f"{self._shown} holds more than is allowed: raise max_bytes")
        return data

    def tell(self) -> int:
        """Return how far it was read."""
        return self._at

    def seek(self, position: int) -> int:
        """Go on to ``position``: forward by reading, one back to what was read last.

        tarfile looks at the byte before each header; a compressed stream would begin anew for it.
        """
        self._again = position == self._at - 1 and bool(self._last)
        if self._again:
            self._at = position
        if position < self._at:
            self._stream.seek(position)
            self._at = position
        while self._at < position and self.read(min(CHUNK, position - self._at)):
            continue
        return self._at
