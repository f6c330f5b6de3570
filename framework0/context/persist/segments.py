"""Ending a segment: a snapshot, an index of the keys since the last one, and what is kept.

All of it is one transaction of the writer, within the gate. Readers that look at an older state go on
seeing it (:mod:`framework0.context.persist.readers`).
"""

from __future__ import annotations

from json import dumps

from framework0.context.persist.answers import keep_answers
from framework0.context.persist.reading import is_snapshot, last_of, picture_at
from framework0.context.persist.retention import Segment, floor
from framework0.context.persist.snapshot import write_parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from typing import Final

    from framework0.context.change import Change, Entry
    from framework0.context.persist.batches import Batch
    from framework0.context.persist.reading import State
    from framework0.context.persist.retention import Retention

SEGMENT_CHANGES: Final = 4_096
SEGMENT_BATCHES: Final = 512
"""How many of either end a segment: replaying so many takes about 4 ms, and a picture of the past is
one snapshot and at most one segment."""

SNAPSHOT_SHARE: Final = 4
"""A segment has at least this part of its snapshot's bytes: a large context, written in small steps,
would otherwise be mostly snapshots."""

_FREE_PAGES: Final = 1_024
"""Free pages that the file may hold; they are used again by what comes next."""


class Growth:
    """What has been written since the last snapshot: when the next one is due, and its index."""

    __slots__ = (
        "batches",
        "bytes",
        "calls",
        "changes",
        "first_at",
        "keys",
        "last_at",
        "most_changes",
        "not_before",
        "snapshot",
        "snapshot_bytes",
    )

    def __init__(self, most_changes: int = SEGMENT_CHANGES) -> None:
        self.most_changes = most_changes
        self.begin(0, 0)

    def begin(self, snapshot: int, snapshot_bytes: int) -> None:
        """Begin to count anew behind the snapshot at that version, which has so many bytes."""
        self.snapshot = snapshot
        self.snapshot_bytes = snapshot_bytes
        self.changes = self.batches = self.bytes = self.calls = self.not_before = 0
        self.keys: dict[str, list[int]] = {}
        self.first_at, self.last_at = float("inf"), 0.0

    def add(self, batch: Batch, changes: Sequence[Change], calls: int) -> None:
        """Count a batch, which made ``changes`` for so many calls with an id, and others."""
        self.batches += 1
        self.changes += batch.changes
        self.bytes += len(batch.text) + len(batch.large or b"")
        self.calls += calls
        if not changes:
            return
        self.first_at, self.last_at = min(self.first_at, batch.first_at), batch.last_at
        keys = self.keys
        for change in changes:
            versions = keys.get(change[1])
            if versions is None:
                keys[change[1]] = [change[0]]
            else:
                versions.append(change[0])

    def due(self) -> bool:
        """Tell whether the segment should end."""
        return (
            (self.changes >= self.most_changes or self.batches >= SEGMENT_BATCHES)
            and self.bytes * SNAPSHOT_SHARE >= self.snapshot_bytes
            and self.batches >= self.not_before
        )

    def postpone(self) -> None:
        """Let the segment go on: it could not be ended now."""
        self.not_before = self.batches + SEGMENT_BATCHES


def end_segment(
    connection: sqlite3.Connection,
    state: State,
    growth: Growth,
    entries: Mapping[str, Entry],
    removed: Mapping[str, int],
) -> int:
    """Write the snapshot of the present and the index of the segment; return the snapshot's bytes.

    ``state`` is what the transaction sees, and the present and ``growth`` are at its version.
    """
    version, size, parts = state.version, 0, 0
    for part in write_parts(version, entries, removed, state.kept_since):
        _insert_part(connection, part)
        size += len(part.text)
        parts += 1
    connection.executemany(
        "INSERT INTO key_changes VALUES (?, ?, ?)",
        [
            (version, key, dumps(growth.keys[key], separators=(",", ":")))
            for key in sorted(growth.keys)
        ],
    )
    connection.execute(
        "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            version,
            parts,
            size,
            growth.bytes,
            growth.calls,
            growth.first_at,
            growth.last_at,
        ),
    )
    connection.execute("UPDATE state SET snapshot = ?", (version,))
    return size


def forget(connection: sqlite3.Connection, state: State, rule: Retention, now: float) -> int:
    """Remove what ``rule`` does not keep; return how many changes that were."""
    rows = connection.execute(
        "SELECT version, size + segment, last_at FROM snapshots WHERE version > ? ORDER BY version",
        (state.kept_since,),
    )
    segments = [Segment(*row) for row in rows]
    upto = floor(segments, rule, state.version, 0, now)
    if upto <= state.kept_since:
        return 0
    _keep_tagged(connection, state, upto)
    keep_answers(connection, state, upto, now)
    number, crc, last_at = connection.execute(
        "SELECT number, crc, last_at FROM batches WHERE number <= ? ORDER BY number DESC LIMIT 1",
        (last_of(upto),),
    ).fetchone()
    connection.execute("DELETE FROM batches WHERE number <= ?", (number,))
    connection.execute("DELETE FROM key_changes WHERE segment <= ?", (upto,))
    connection.execute(
        "UPDATE state SET kept_number = ?, kept_crc = ?, kept_at = ?", (number, crc, last_at)
    )
    forget_untagged(connection, upto)
    return upto - state.kept_since


def forget_untagged(connection: sqlite3.Connection, kept_since: int) -> None:
    """Remove the snapshots before ``kept_since`` that no tag needs any more."""
    unneeded = "version < ? AND version NOT IN (SELECT version FROM tags)"
    connection.execute(f"DELETE FROM snapshot_parts WHERE {unneeded}", (kept_since,))  # noqa: S608
    connection.execute(f"DELETE FROM snapshots WHERE {unneeded}", (kept_since,))  # noqa: S608


def give_back(connection: sqlite3.Connection, most: int | None = None) -> None:
    """Return free pages to the file system: all of them, or ``most`` when there are very many."""
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    # As a script: of a statement without columns Python runs the first step only, which is one page.
    if most is None:
        connection.executescript("PRAGMA incremental_vacuum")
    else:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        if free > max(_FREE_PAGES, pages // 2):
            connection.executescript(f"PRAGMA incremental_vacuum({most})")


def _keep_tagged(connection: sqlite3.Connection, state: State, upto: int) -> None:
    """Write a snapshot of each tagged version that is about to lose what it is made of."""
    tagged = connection.execute(
        "SELECT DISTINCT version FROM tags WHERE version >= ? AND version < ?",
        (state.kept_since, upto),
    ).fetchall()
    for (version,) in tagged:
        if is_snapshot(connection, version):
            continue
        picture = picture_at(connection, state, version, None)
        parts = size = 0
        for part in write_parts(version, picture.entries, picture.removed, version):
            _insert_part(connection, part)
            parts += 1
            size += len(part.text)
        connection.execute(
            "INSERT INTO snapshots VALUES (?, ?, ?, 0, 0, 0.0, 0.0)", (version, parts, size)
        )


def _insert_part(connection: sqlite3.Connection, part: tuple[object, ...]) -> None:
    connection.execute(
        "INSERT INTO snapshot_parts (version, first, text, crc) VALUES (?, ?, ?, ?)", part
    )
