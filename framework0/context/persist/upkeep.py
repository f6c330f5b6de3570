"""Checking a whole file, and copying it while it is in use."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from json import loads

from framework0.context.persist.reading import batches, last_of, replay, snapshot_at
from framework0.context.persist.schema import new_epoch
from framework0.errors import StoreError
from framework0.workspace import open_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from framework0.context.persist.reading import State
    from framework0.context.persist.snapshot import Picture


def verify(connection: sqlite3.Connection, state: State) -> int:
    """Return the number of changes, all checked; raises ValueError naming the first wrong place."""
    picture = snapshot_at(connection, state, state.kept_since, None)
    snapshots = {version for (version,) in connection.execute("SELECT version FROM snapshots")}
    for version in snapshots:
        if version < state.kept_since:
            snapshot_at(connection, state, version, None)
    keys: dict[str, list[int]] = {}
    count = 0
    for batch in batches(connection, state, last_of(state.kept_since)):
        for change in replay((batch,), picture, None, state.kept_since):
            keys.setdefault(change.key, []).append(change.version)
            count += 1
        if batch.version in snapshots and keys:
            _check_segment(connection, state, batch.version, picture, keys)
            keys = {}
    return count


def _check_segment(
    connection: sqlite3.Connection,
    state: State,
    version: int,
    picture: Picture,
    keys: dict[str, list[int]],
) -> None:
    if snapshot_at(connection, state, version, None).entries != picture.entries:
        raise ValueError(f"the snapshot of version {version} is not what its changes lead to")
    rows = connection.execute("SELECT key, versions FROM key_changes WHERE segment = ?", (version,))
    if {key: loads(versions) for key, versions in rows} != keys:
        raise ValueError(f"the index of the changes up to version {version} is not what they are")


def copy_to(connection: sqlite3.Connection, target: Path) -> None:
    """Copy the database as ``connection`` sees it to ``target``, a new private file.

    The copy has a name of its own for its history: whoever goes on with it makes other changes of the
    same versions, and clients must not take the one for the other.
    """
    if os.path.lexists(target):
        raise StoreError(f"{target} exists: name a file that does not, nothing was overwritten")
    os.close(open_private(target))
    with closing(sqlite3.connect(target)) as copy:
        connection.backup(copy)
        with copy:
            copy.execute("UPDATE state SET epoch = ?", (new_epoch(),))
