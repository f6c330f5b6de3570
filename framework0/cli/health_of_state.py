"""What ``doctor`` looks at in a workspace: its state folder, its disk, its locks and its journal.

Nothing is created that stays: before the first run there is no state folder, and the nearest folder
above it answers in its place.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from framework0.cli.finding import FAIL, OK, WARN, Finding, judged
from framework0.errors import Framework0Error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from framework0.artifacts import Artifact
    from framework0.runner import RunSummary
    from framework0.workspace import FileSystem, Workspace

LITTLE_SPACE: Final = 1024**3
TOO_LITTLE_SPACE: Final = 64 * 1024**2
"""Bytes. Below the first a warning, below the second SQLite may not even be able to close its log."""

LARGEST_CHECKED: Final = 256 * 1024**2
"""Bytes of a journal whose pages are all looked at; a larger one would keep the person waiting."""

SHOWN_RUNS: Final = 3


def examine_state(workspace: Workspace) -> list[Finding]:
    """Return the findings about the workspace's state."""
    from framework0.workspace import filesystem_of

    state = workspace.state
    nearest = _nearest(state)
    found = [
        _folder(state, nearest),
        file_system_finding(filesystem_of(state)),
        _space(nearest),
    ]
    if os.access(nearest, os.W_OK | os.X_OK):
        found.append(_locks(nearest))
    return [*found, *_journal(workspace)]


def _nearest(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _folder(state: Path, nearest: Path) -> Finding:
    advice = "set FRAMEWORK0_HOME to a folder that can be written"
    if not nearest.is_dir():
        return Finding("state", FAIL, f"{nearest} is no folder", f"move it away, or {advice}")
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Finding("state", FAIL, f"{nearest} cannot be written", advice)
    if nearest != state:
        return Finding("state", OK, f"{state}, which the first run makes")
    mode = state.stat().st_mode & 0o777
    return judged(
        "state",
        f"{state}, mode {mode:03o}",
        well=not mode & 0o022,
        advice=f"others may change it: chmod 700 {state}",
    )


def file_system_finding(found: FileSystem) -> Finding:
    """Judge the file system of the state folder: SQLite in WAL mode needs a local one."""
    kind = found.kind or "of a kind the system does not tell"
    return judged(
        "file system",
        f"{kind} at {found.mount}" if found.mount else kind,
        well=not found.remote,
        advice="the journal needs a local disk: set FRAMEWORK0_HOME to a folder on one",
        bad=FAIL,
    )


def _space(folder: Path) -> Finding:
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    # Some file systems have no fixed number of files and say 0 of 0.
    inodes = found.f_favail if found.f_files else 1
    return space_finding(free, inodes)


def space_finding(free: int, inodes: int) -> Finding:
    """Judge how many bytes, and how many files, the disk still takes."""
    advice = "make room; `framework0 runs prune` removes old runs"
    if not inodes:
        return Finding("disk", FAIL, "no more files can be created", advice)
    return judged(
        "disk",
        f"{free / 1024**3:,.1f} GB free",
        well=free >= LITTLE_SPACE,
        advice=advice,
        bad=FAIL if free < TOO_LITTLE_SPACE else WARN,
    )


def _locks(folder: Path) -> Finding:
    """Take a lock, see it held, free it, see it free."""
    from tempfile import TemporaryDirectory

    from framework0.workspace import hold, holder

    try:
        with TemporaryDirectory(prefix=".doctor-", dir=folder) as own:
            path = Path(own, "lock")
            with hold(path, "doctor"):
                held = holder(path) is not None
            works = held and holder(path) is None
    except (Framework0Error, OSError) as error:
        return Finding("locks", FAIL, str(error), "use a folder on a local disk")
    return judged(
        "locks",
        "held and freed as they should be" if works else "a lock that is held looks free",
        well=works,
        advice="the file system has no working locks: set FRAMEWORK0_HOME to another",
        bad=FAIL,
    )


def _journal(workspace: Workspace) -> Iterator[Finding]:
    from framework0.runner import Journal

    if not os.path.lexists(workspace.journal):
        yield Finding("journal", OK, "none yet: the first run makes it")
        return
    journal = Journal(workspace.journal)
    try:
        runs = journal.runs()
    except Framework0Error as error:
        yield Finding("journal", FAIL, str(error), _saved(workspace))
        return
    finally:
        journal.close()
    yield _pages(workspace, len(runs))
    yield from _damaged(workspace, runs)
    yield _interrupted(runs)
    yield from _artifacts(workspace)
    newest = max((run.created_at for run in runs), default=0.0)
    yield order_finding(newest, time.time())


def _saved(workspace: Workspace) -> str:
    return f"copy {workspace.state} before anything else is tried with it"


def _pages(workspace: Workspace, runs: int) -> Finding:
    """Have SQLite look at the structure of every page."""
    import sqlite3
    from contextlib import closing
    from urllib.parse import quote

    size = workspace.journal.stat().st_size
    try:
        where = f"file:{quote(str(workspace.journal))}?mode=ro"
        with closing(sqlite3.connect(where, uri=True)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            answer = "ok"
            if size <= LARGEST_CHECKED:
                answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        return Finding("journal", FAIL, str(error), _saved(workspace))
    shown = f"{runs:,} run{'' if runs == 1 else 's'}, format {version}, {size / 2**20:,.1f} MB"
    return judged(
        "journal",
        shown if answer == "ok" else f"{shown}: {answer}",
        well=answer == "ok",
        advice=_saved(workspace),
        bad=FAIL,
    )


def _damaged(workspace: Workspace, runs: Sequence[RunSummary]) -> Iterator[Finding]:
    """Name the runs whose record is not what was written; say nothing if there are none."""
    from framework0.runner import DAMAGED

    ids = [run.run_id for run in runs if run.state == DAMAGED]
    if ids:
        yield Finding("damaged runs", FAIL, _some(ids), _saved(workspace))


def _artifacts(workspace: Workspace) -> Iterator[Finding]:
    """Compare the artifacts with what the journal names; say nothing when there are none."""
    from framework0.artifacts import listed
    from framework0.cli.sizes import bytes_text
    from framework0.runner import Journal

    journal = Journal(workspace.journal)
    try:
        named = {one.digest: one for found in journal.referred().values() for one in found}
    except Framework0Error:
        # What is wrong with the journal stands in a line of its own.
        return
    finally:
        journal.close()
    there = {kept.digest: kept.bytes for kept in listed(workspace.artifacts)}
    if not named and not there:
        return
    missing = [digest for digest in named if digest not in there]
    damaged = _flipped(workspace, [one for one in named.values() if one.digest in there])
    bad = [f"{digest[:12]} is gone" for digest in missing]
    bad += [f"{digest[:12]} is damaged" for digest in damaged]
    shown = f"{len(there):,} files, {bytes_text(sum(there.values()))}"
    yield judged(
        "artifacts",
        f"{shown}: {_some(bad)}" if bad else shown,
        well=not bad,
        advice="`framework0 artifacts show` says who wrote them: restore a copy, or run those again",
        bad=FAIL,
    )


def _flipped(workspace: Workspace, named: Sequence[Artifact]) -> list[str]:
    """Return the digests whose files hold something else; of many bytes, the first ones are read."""
    from framework0.assembly import artifacts_of

    store = artifacts_of(workspace)
    damaged = []
    budget = LARGEST_CHECKED
    for artifact in named:
        budget -= artifact.bytes
        try:
            if budget >= 0:
                store.verify(artifact)
            elif not store.has(artifact):
                damaged.append(artifact.digest)
        except Framework0Error:
            damaged.append(artifact.digest)
    return damaged


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - SHOWN_RUNS} more" if len(ids) > SHOWN_RUNS else ""
    return f"{', '.join(ids[:SHOWN_RUNS])}{more}"


def _interrupted(runs: Sequence[RunSummary]) -> Finding:
    from framework0.runner import INTERRUPTED

    ids = [run.run_id for run in runs if run.state == INTERRUPTED]
    return judged(
        "interrupted",
        _some(ids) or "no run",
        well=not ids,
        advice=f"go on with `framework0 resume {ids[0] if ids else ''}`, or forget it: runs prune",
    )


def order_finding(newest: float, now: float) -> Finding:
    """Judge whether the clock went back since the newest run began (epoch seconds)."""
    from framework0.cli.times import seconds_text

    ahead = newest - now
    return judged(
        "order of runs",
        f"the newest run is {seconds_text(ahead)} ahead of the clock" if ahead > 0 else "by time",
        well=ahead <= 0,
        advice="the clock went back: until it has caught up, new runs sort before that one",
    )
