"""The files: each is named by the SHA-256 of its content, written whole or not at all.

A file comes into being beside its final place, is forced to the disk and renamed: whatever kills the
process leaves the whole file or a temporary one that :func:`~framework0.artifacts.sweep` removes.
The same content is written once. What is loaded is compared with its name first.
"""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import contextmanager, nullcontext
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any, Final

from framework0.artifacts.formats import decode, encode, format_of, holds_references
from framework0.artifacts.handed import Handed
from framework0.artifacts.reference import Artifact, references
from framework0.errors import ArtifactError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from framework0.artifacts.formats import Part

TEMPORARY: Final = ".tmp-"
"""How the name of a file begins that is still being written."""

_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_BLOCK: Final = 1024 * 1024
"""Bytes read or written at once: large enough to cost nothing, small enough to hold nothing up."""

_CAREFUL: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Artifacts:
    """The artifacts of one workspace, in ``folder``. Any thread and any number of processes may use it.

    ``gate`` is a lock shared with those who remove files; without one nothing may be removed while
    this is used. ``pins`` is a file in which the digests this process relies on are noted, one a
    line, before anything refers to them durably. ``hides`` says whether content holds a secret, which
    is then refused. ``told`` returns who wrote a digest, for messages. Without ``durable`` nothing is
    forced to the disk: files survive any kill, not a power cut.

    Calls raise :class:`~framework0.errors.ArtifactError` when the disk does not do as it is told.
    """

    def __init__(
        self,
        folder: Path,
        *,
        gate: AbstractContextManager[None] | None = None,
        pins: Path | None = None,
        hides: Callable[[bytes | memoryview], bool] | None = None,
        told: Callable[[str], str] | None = None,
        durable: bool = True,
    ) -> None:
        self.folder = folder
        self._gate = nullcontext() if gate is None else gate
        self._pins = pins
        self._hides = hides
        self._told = told
        self._durable = durable
        # A gate keeps processes apart; threads of this one share its opening of the file.
        self._lock = Lock()
        self._pinned: set[str] = set()
        self._handed = Handed()
        self._verified: dict[str, tuple[int, int, int]] = {}

    def put(self, value: Any) -> Artifact:
        """Keep ``value`` and return its reference; the file is durable when this returns.

        Arrays, tables and bytes are kept as they are, everything else as JSON. An object that was
        loaded from here and cannot be changed is not looked at again. Raises
        :class:`~framework0.errors.ValueRefused` for what has no format, and
        :class:`~framework0.errors.RefusedError` when it holds a secret.
        """
        known = self._handed.artifact_of(value)
        if known is not None and self.hold(known):
            return known
        kind = format_of(value)
        if kind is None:
            kind = "tree" if holds_references(value) else "json"
            for inner in references(value) if kind == "tree" else ():
                self.hold(inner)
        return self.put_content(kind, encode(kind, value))

    def put_content(self, kind: str, parts: list[Part]) -> Artifact:
        """Keep a file's content, given in parts, that is already in the format ``kind``."""
        hasher = hashlib.sha256()
        size = 0
        for part in parts:
            if self._hides is not None and kind not in ("json", "tree") and self._hides(part):
                raise RefusedError(
                    "it holds a secret, and only text of JSON can be masked: leave the secret out"
                )
            hasher.update(part)
            size += memoryview(part).nbytes
        artifact = Artifact(hasher.hexdigest(), kind, size, self)
        with self._explained("write", artifact):
            # Noted before the file is looked for: from here on nobody takes it away.
            if not self.hold(artifact):
                self._write(artifact, parts)
        return artifact

    def load(self, artifact: Artifact) -> Any:
        """Return the value, after its content was compared with its digest.

        Arrays are read-only, and mapped when they are large; tables are mapped; JSON is fresh each
        time. Raises :class:`~framework0.errors.ArtifactError` when the file is gone or is not what
        was written, naming it and who wrote it, and when its format needs a library that is missing.
        """
        there = self._handed.object_of(artifact)
        if there is not None:
            return there
        self._verify(artifact)
        path = str(self.path(artifact))
        try:
            value = decode(artifact.format, path)
        # The digest is right, so whoever made the reference to it gave a format that it does not have.
        except (ValueError, RecursionError) as error:
            raise ArtifactError(
                f"{path} is no {artifact.format}, as its reference says ({error}); run the step again"
            ) from error
        if artifact.format == "tree":
            from framework0.artifacts.reference import revive

            return self.resolve(revive(value, self))
        if artifact.format in ("npy", "arrow"):
            self._handed.remember(value, artifact)
        return value

    def resolve(self, value: Any) -> Any:
        """Return a copy of a JSON value with what each reference in it stands for in its place."""
        if isinstance(value, Artifact):
            return self.load(value)
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if isinstance(value, dict):
            return {key: self.resolve(item) for key, item in value.items()}
        return value

    def path(self, artifact: Artifact | str) -> Path:
        """Return the file of an artifact, or of a digest, whether it exists or not."""
        digest = artifact if isinstance(artifact, str) else artifact.digest
        return self.folder / digest[:2] / digest[2:]

    def has(self, artifact: Artifact) -> bool:
        """Say whether the file is there, with the size it should have."""
        try:
            return os.lstat(self.path(artifact)).st_size == artifact.bytes
        except OSError:
            return False

    def hold(self, artifact: Artifact) -> bool:
        """Keep the file from being removed while this process lives; False when it is not there.

        Its time is set to now: it counts as used.
        """
        path = self.path(artifact)
        with self._explained("keep", artifact), self._lock, self._gate:
            self._pin(artifact.digest)
            try:
                before = os.lstat(path)
                if before.st_size != artifact.bytes:
                    return False
                os.utime(path)
            except FileNotFoundError:
                return False
            if self._verified.get(artifact.digest) == _identity(before):
                self._verified[artifact.digest] = _identity(os.lstat(path))
        return True

    def verify(self, artifact: Artifact) -> None:
        """Read the whole file and compare it with its digest, whatever was found before."""
        self._verified.pop(artifact.digest, None)
        self._verify(artifact)

    def _pin(self, digest: str) -> None:
        """Note that this process relies on a digest. No kill loses what the kernel has taken."""
        if self._pins is None or digest in self._pinned:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _CAREFUL
        descriptor = os.open(self._pins, flags, _FILE_MODE)
        try:
            _write_all(descriptor, f"{digest}\n".encode())
        finally:
            os.close(descriptor)
        self._pinned.add(digest)

    def _write(self, artifact: Artifact, parts: list[Part]) -> None:
        path = self.path(artifact)
        self._make_folder(path.parent)
        temporary = path.parent / f"{TEMPORARY}{os.getpid()}-{get_ident()}-{artifact.digest[2:18]}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _CAREFUL
        descriptor = os.open(temporary, flags, _FILE_MODE)
        try:
            try:
                for part in parts:
                    _write_all(descriptor, part)
                if self._durable:
                    os.fsync(descriptor)
                found = os.fstat(descriptor)
            finally:
                os.close(descriptor)
            os.replace(temporary, path)
        # Whatever ends it, a signal too. The disk may be full: what is left would only take more of it.
        except BaseException:
            _remove(temporary)
            raise
        if self._durable:
            _sync_folder(path.parent)
        self._verified[artifact.digest] = _identity(found)

    def _make_folder(self, folder: Path) -> None:
        for part in (self.folder, folder):
            try:
                os.mkdir(part, _FOLDER_MODE)
            except FileExistsError:
                continue
            os.chmod(part, _FOLDER_MODE)
            if self._durable:
                _sync_folder(part.parent)

    def _verify(self, artifact: Artifact) -> None:
        path = self.path(artifact)
        with self._explained("read", artifact):
            descriptor = os.open(path, os.O_RDONLY | _CAREFUL)
            try:
                seen = _identity(os.fstat(descriptor))
                if self._verified.get(artifact.digest) == seen:
                    return
                digest = _digest_of(descriptor)
            finally:
                os.close(descriptor)
        if digest != artifact.digest:
            raise ArtifactError(
                f"{path} is damaged: its {seen[1]:,} bytes are not the {artifact.bytes:,} that were "
                f"written{self._who(artifact)}; restore a copy, or remove it and run the step again"
            )
        self._verified[artifact.digest] = seen

    @contextmanager
    def _explained(self, verb: str, artifact: Artifact) -> Iterator[None]:
        """Say which file it was, what the system says, who wrote it, and what to do."""
        try:
            yield
        except OSError as error:
            path = self.path(artifact)
            if verb == "read" and error.errno == errno.ENOENT:
                raise ArtifactError(
                    f"{path} is gone: an artifact of {artifact.bytes:,} bytes"
                    f"{self._who(artifact)}; restore a copy, or run the step again"
                ) from error
            advice = "check the disk and who may use the folder"
            if error.errno in _NO_ROOM:
                advice = "make room (`framework0 runs prune` removes old runs) or raise the limit"
            raise ArtifactError(
                f"cannot {verb} {path}, {artifact.bytes:,} bytes: {error.strerror} "
                f"(errno {error.errno}); nothing half written is left; {advice}"
            ) from error

    def _who(self, artifact: Artifact) -> str:
        told = self._told(artifact.digest) if self._told is not None else ""
        return f" {told}" if told else ""


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    """Return what tells that a file has not been written to since."""
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _write_all(descriptor: int, content: Part) -> None:
    view = memoryview(content).cast("B")
    done = 0
    while done < len(view):
        done += os.write(descriptor, view[done : done + _BLOCK])


def _digest_of(descriptor: int) -> str:
    hasher = hashlib.sha256()
    while block := os.read(descriptor, _BLOCK):
        hasher.update(block)
    return hasher.hexdigest()


def _remove(path: Path) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
