"""On what kind of file system a path lies: SQLite's shared memory needs a local one.

See https://www.sqlite.org/wal.html, "all processes using a database must be on the same host".
"""

from __future__ import annotations

import os

from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

_MOUNTS: Final = "/proc/self/mountinfo"

_REMOTE: Final = frozenset(
    {
        *("9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs"),
        *("lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "prl_fs", "pvfs2", "smb2", "smb3"),
        *("smbfs", "vboxsf", "virtiofs", "vmhgfs"),
    }
)

_LOCAL_FUSE: Final = frozenset({"fuse.fuse-overlayfs", "fuse.ntfs-3g", "fuse.exfat", "fuse.ext4"})
"""File systems in user space that live on a local disk; of any other we assume the worst."""


class FileSystem(NamedTuple):
    """Where a path lies. ``kind`` is the kernel's name, empty when the system does not tell."""

    kind: str
    mount: str

    @property
    def remote(self) -> bool:
        """True when several hosts may share it, or when a program of unknown manners serves it."""
        if self.kind.startswith("fuse.") or self.kind == "fuse":
            return self.kind not in _LOCAL_FUSE
        return self.kind in _REMOTE


def filesystem_of(path: Path, mounts: str = _MOUNTS) -> FileSystem:
    """Return the file system that ``path`` (or its nearest existing parent) lies on."""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.readlines()
    except OSError:
        return FileSystem("", "")
    target = os.path.realpath(path)
    best = FileSystem("", "")
    for line in lines:
        before, _, after = line.partition(" - ")
        mount = _unescape(before.split(" ")[4])
        inside = target == mount or target.startswith(mount.rstrip("/") + "/")
        # Of two on one point, the later lies on top.
        if inside and len(mount) >= len(best.mount):
            best = FileSystem(after.split(" ")[0], mount)
    return best


def _unescape(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
