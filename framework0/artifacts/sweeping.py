"""Removing artifacts: first look at all there are, then ask who refers to them, then remove.

In that order nothing that is in use can go. Whoever begins to rely on a file after the look sets its
time, and is seen by that; whoever did before is still living and has pinned it, or has ended, and
then the journal that is read afterward names it. The last look at a file's time and its removal
happen behind the gate that :meth:`Artifacts.hold` passes too. A kill at any point leaves files that
the next sweep removes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from framework0.artifacts.reference import DIGEST
from framework0.artifacts.store import TEMPORARY
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

ABANDONED: Final = 3600.0
"""Seconds after its last byte at which a file that never got its name counts as left behind."""


class Kept(NamedTuple):
    """One file: the digest it is named by, its path, its size, when it was last used (epoch seconds).

    ``mark`` is its time to the nanosecond, by which a later use is noticed.
    """

    digest: str
    path: str
    bytes: int
    used_at: float
    mark: int


class Roots(NamedTuple):
    """What may not go: ``referred`` digests only by age or size, ``protected`` ones never."""

    referred: Collection[str]
    protected: Collection[str]


class Retention(NamedTuple):
    """How long referred artifacts stay. None: as long as something refers to them.

    ``max_age`` is in seconds since the last use, ``max_bytes`` what all together may take: the ones
    not used for longest go first.
    """

    max_age: float | None = None
    max_bytes: int | None = None


def listed(folder: Path) -> Iterator[Kept]:
    """Yield the artifacts in a store's folder, in the order of their digests."""
    for path, digest, found in _files(folder):
        if DIGEST.fullmatch(digest):
            yield Kept(digest, path, found.st_size, found.st_mtime, found.st_mtime_ns)


def sweep(
    folder: Path,
    gate: AbstractContextManager[None],
    roots: Callable[[], Roots],
    *,
    now: float,
    retention: Retention | None = None,
    dry_run: bool = False,
) -> list[Kept]:
    """Remove what nobody needs, and what ``retention`` gives up; return what went, or would go.

    ``roots`` is asked after the files were looked at. ``now`` is epoch seconds.
    """
    there = list(listed(folder))
    going = chosen(there, roots(), retention or Retention(), now)
    if dry_run:
        return going
    gone = []
    for kept in going:
        with gate:
            if _remove_unused(kept):
                gone.append(kept)
    _remove_abandoned(folder, now)
    return gone


def chosen(there: Sequence[Kept], roots: Roots, retention: Retention, now: float) -> list[Kept]:
    """Return which of the files may go, those that nobody refers to first."""
    garbage: list[Kept] = []
    referred: list[Kept] = []
    for kept in there:
        if kept.digest in roots.protected:
            continue
        (referred if kept.digest in roots.referred else garbage).append(kept)
    if retention.max_age is None and retention.max_bytes is None:
        return garbage
    referred.sort(key=lambda kept: kept.used_at)
    since = -1.0 if retention.max_age is None else now - retention.max_age
    expired = [kept for kept in referred if kept.used_at < since]
    staying = referred[len(expired) :]
    if retention.max_bytes is not None:
        protected = sum(kept.bytes for kept in there if kept.digest in roots.protected)
        total = protected + sum(kept.bytes for kept in staying)
        for kept in staying:
            if total <= retention.max_bytes:
                break
            expired.append(kept)
            total -= kept.bytes
    return garbage + expired


def _files(folder: Path) -> Iterator[tuple[str, str, os.stat_result]]:
    """Yield path, would-be digest and facts of every file; what vanishes meanwhile is left out."""
    for inner in sorted(_entries(folder), key=lambda entry: entry.name):
        if not inner.is_dir(follow_symlinks=False):
            continue
        for entry in sorted(_entries(inner.path), key=lambda entry: entry.name):
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if entry.is_file(follow_symlinks=False):
                yield entry.path, inner.name + entry.name, found


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except FileNotFoundError:
        return []


def _remove_unused(kept: Kept) -> bool:
    try:
        if os.lstat(kept.path).st_mtime_ns != kept.mark:
            return False
        os.unlink(kept.path)
    except FileNotFoundError:
        return False
    return True


def _remove_abandoned(folder: Path, now: float) -> None:
    for path, _, found in _files(folder):
        if os.path.basename(path).startswith(TEMPORARY) and found.st_mtime < now - ABANDONED:
            try:
                os.unlink(path)
            except FileNotFoundError:
                continue
