"""Looking back at one key, or at one moment, without reading what else happened.

A segment's index says at which of its versions a key changed; where it says nothing, the key held what
the snapshot before the segment says. The connection is in a transaction, as for
:mod:`framework0.context.persist.reading`.
"""

from __future__ import annotations

from json import loads

from framework0.context.persist.batches import PART_BITS, read_changes
from framework0.context.persist.reading import (
    batches,
    check_version,
    last_of,
    replay,
    snapshot_before,
)
from framework0.context.persist.snapshot import Part, Picture, read_part
from framework0.errors import HistoryTrimmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from framework0.context.change import Change, Entry
    from framework0.context.persist.reading import State
    from framework0.context.persist.texts import Home


def entry_at(
    connection: sqlite3.Connection, state: State, key: str, version: int, home: Home | None
) -> Entry | None:
    """Return the entry of ``key`` at ``version``; raises like :meth:`Store.at`."""
    check_version(connection, state, version)
    return _picture_of(connection, state, key, version, home).entries.get(key)


def changes_of(
    connection: sqlite3.Connection, state: State, key: str, since: int, home: Home | None
) -> Iterator[Change]:
    """Yield the changes of ``key`` after ``since``, oldest first."""
    picture = _picture_of(connection, state, key, since, home)
    rows = connection.execute(
        # In this order, or all keys of all segments would be walked through.
        "SELECT key_changes.versions FROM snapshots CROSS JOIN key_changes"
        " ON key_changes.segment = snapshots.version AND key_changes.key = ?"
        " WHERE snapshots.version > ? ORDER BY snapshots.version",
        (key, since),
    )
    for (text,) in rows:
        yield from _told(connection, state, key, loads(text), picture, since, home)
    start = max(since, state.snapshot)
    found = batches(connection, state, last_of(start))
    yield from replay(found, picture, home, start, only=key)


def version_at(connection: sqlite3.Connection, state: State, time: float) -> int:
    """Return the version of the last change made at or before ``time`` (epoch seconds)."""
    upper = state.number
    start = state.snapshot
    found = connection.execute(
        "SELECT version, first_at FROM snapshots WHERE version > ? ORDER BY version DESC",
        (state.kept_since,),
    )
    while True:
        row = connection.execute(
            "SELECT number FROM batches WHERE number > ? AND number <= ? AND first_at <= ?"
            " AND changes > 0 ORDER BY number DESC LIMIT 1",
            (last_of(start), upper, time),
        ).fetchone()
        if row is not None:
            return _last_before(connection, state, row[0], time)
        segment = next((row for row in found if row[1] <= time), None)
        if segment is None:
            break
        upper = last_of(segment[0])
        start = snapshot_before(connection, segment[0] - 1)
    if state.kept_since and time < state.kept_at:
        raise HistoryTrimmed(float(time), state.kept_since)
    return state.kept_since


def _last_before(connection: sqlite3.Connection, state: State, number: int, time: float) -> int:
    batch = next(batches(connection, state, number - 1))
    return max(told.version for told in read_changes(batch, None) if told.at <= time)


def _picture_of(
    connection: sqlite3.Connection, state: State, key: str, version: int, home: Home | None
) -> Picture:
    """Return a picture that is right about ``key`` at ``version``."""
    start = snapshot_before(connection, version)
    picture = _part_of(connection, state, key, start, home)
    if start == version:
        return picture
    segment = connection.execute(
        "SELECT min(version) FROM snapshots WHERE version > ?", (version,)
    ).fetchone()[0]
    if segment is None:
        found = batches(connection, state, last_of(start))
        for _ in replay(found, picture, home, start, version, key):
            pass
        return picture
    row = connection.execute(
        "SELECT versions FROM key_changes WHERE segment = ? AND key = ?", (segment, key)
    ).fetchone()
    versions = [] if row is None else [each for each in loads(row[0]) if each <= version]
    for _ in _told(connection, state, key, versions, picture, start, home):
        pass
    return picture


def _part_of(
    connection: sqlite3.Connection, state: State, key: str, version: int, home: Home | None
) -> Picture:
    """Return what the one part of a snapshot that could hold ``key`` tells."""
    picture = Picture()
    if version == 0:
        return picture
    row = connection.execute(
        "SELECT version, first, text, crc FROM snapshot_parts WHERE version = ? AND first <= ?"
        " ORDER BY first DESC LIMIT 1",
        (version, key),
    ).fetchone()
    if row is None:
        raise ValueError(f"the first part of the snapshot of version {version} is missing")
    read_part(Part(*row), picture, state.kept_since, home)
    return picture


def _told(
    connection: sqlite3.Connection,
    state: State,
    key: str,
    versions: list[int],
    picture: Picture,
    since: int,
    home: Home | None,
) -> Iterator[Change]:
    """Yield the changes of ``key`` at ``versions``, those after ``since``."""
    done = since
    for version in versions:
        if version <= done:
            continue
        batch = next(batches(connection, state, (version << PART_BITS) - 1))
        for change in replay((batch,), picture, home, done, versions[-1], key):
            done = change.version
            yield change
