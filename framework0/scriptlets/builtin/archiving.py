"""Archives that are equal byte for byte when the files in them are."""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import zipfile
from typing import IO, TYPE_CHECKING, Any, Final

from framework0.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from framework0.scriptlets.builtin.confined import Roots

KINDS: Final = {
    ".zip": "zip",
    ".tar": "tar",
    ".tar.gz": "tar.gz",
    ".tgz": "tar.gz",
    ".tar.bz2": "tar.bz2",
    ".tar.xz": "tar.xz",
}

TIME: Final = (1980, 1, 1, 0, 0, 0)
"""When every member was last changed, as far as an archive tells: the first time that zip knows."""

_SECONDS: Final = 315_532_800
"""The same, since 1970."""

MOST_FILES: Final = 100_000


def kind_of(path: str, given: str | None) -> str:
    """Return the kind of archive; raise UsageError where nothing tells."""
    found = given or next((kind for end, kind in KINDS.items() if path.lower().endswith(end)), None)
    if found is None:
        raise UsageError(
            f"{path} has no ending that tells its format: {', '.join(KINDS)}, or add `format`"
        )
    return found


def archive(
    roots: Roots,
    paths: Sequence[str],
    target: str,
    given: str | None,
    look: Callable[[], None],
    *,
    overwrite: bool,
) -> dict[str, Any]:
    """Put files and folders into an archive, each below its own last name, sorted, without owners.

    Links are refused: an archive that holds one means something else wherever it is unpacked.
    """
    kind = kind_of(target, given)
    goal = roots.resolve(target, writing=True)
    members: dict[str, str] = {}
    for path in paths:
        for name, real in _members(roots, path):
            if real == goal:
                continue
            if members.setdefault(name, real) != real:
                raise UsageError(f"two files would be called {name} in the archive")
            if len(members) > MOST_FILES:
                raise UsageError(f"the archive would hold more than {MOST_FILES:,} files")
    size = 0
    with roots.replacing(target, overwrite=overwrite) as file:
        write = _zip if kind == "zip" else _tar
        size = write(roots, sorted(members.items()), file, kind, look)
    return {"path": roots.shown(goal), "files": len(members), "bytes": size}


def _members(roots: Roots, path: str) -> Iterator[tuple[str, str]]:
    """Yield the name within the archive and the real path of every file."""
    real = roots.resolve(path)
    top = os.path.basename(real)
    if not os.path.isdir(real):
        os.stat(real)
        yield top, real
        return
    for folder, folders, files in os.walk(real):
        folders.sort()
        inside = os.path.relpath(folder, os.path.dirname(real)).replace(os.sep, "/")
        for name in sorted([*files, *folders]):
            member = os.path.join(folder, name)
            mode = os.lstat(member).st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise UsageError(
                    f"{roots.shown(member)} is a link or no file: archives hold files only"
                )
            if stat.S_ISREG(mode):
                yield f"{inside}/{name}", roots.resolve(member)


def _zip(
    roots: Roots,
    members: Sequence[tuple[str, str]],
    file: IO[bytes],
    _kind: str,
    look: Callable[[], None],
) -> int:
    size = 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, real in members:
            look()
            with os.fdopen(roots.open_to_read(real), "rb") as source:
                entry = zipfile.ZipInfo(name, TIME)
                entry.create_system = 3
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = (stat.S_IFREG | _mode(source)) << 16
                found = os.fstat(source.fileno()).st_size
                with whole.open(entry, "w", force_zip64=found > zipfile.ZIP64_LIMIT // 2) as member:
                    while data := source.read(1024 * 1024):
                        look()
                        member.write(data)
                        size += len(data)
    return size


def _tar(
    roots: Roots,
    members: Sequence[tuple[str, str]],
    file: IO[bytes],
    kind: str,
    look: Callable[[], None],
) -> int:
    size = 0
    stream, close = _compressor(file, kind)
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as whole:
        for name, real in members:
            look()
            with os.fdopen(roots.open_to_read(real), "rb") as source:
                entry = tarfile.TarInfo(name)
                entry.size = os.fstat(source.fileno()).st_size
                entry.mtime = _SECONDS
                entry.mode = _mode(source)
                whole.addfile(entry, source)
                size += entry.size
    close()
    return size


def _compressor(file: IO[bytes], kind: str) -> tuple[Any, Callable[[], None]]:
    if kind == "tar":
        return file, lambda: None
    stream: Any
    if kind == "tar.gz":
        # Neither the time nor the file's name in its header: they would differ each time. Closed by
        # whoever called, after the archive within it.
        stream = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)
    elif kind == "tar.bz2":
        import bz2

        stream = bz2.BZ2File(file, "wb")
    else:
        import lzma

        # As above: closed by whoever called.
        stream = lzma.LZMAFile(file, "wb")  # noqa: SIM115
    return stream, stream.close


def _mode(file: IO[bytes]) -> int:
    """Return 0755 for what its owner may run, else 0644: the rest is the machine's affair."""
    return 0o755 if os.fstat(file.fileno()).st_mode & stat.S_IXUSR else 0o644
