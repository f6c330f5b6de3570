"""Reading a context's file: every function looks at one state of it, that of the caller's transaction.

What was read is checked before it is told: each batch against the checksum it continues, each part of
a snapshot against its own. Raises ValueError (or what JSON raises) for what is not as it was written;
the caller knows the file's name.
"""

from __future__ import annotations

from framework0.context.change import Change, Entry
from framework0.context.persist.batches import (
    PART_BITS,
    Batch,
    add_values,
    read_changes,
    value_of,
)
from framework0.context.persist.snapshot import Part, Picture, read_part, read_values
from framework0.errors import ContextError, HistoryTrimmed
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from framework0.context.persist.texts import Home


class State(NamedTuple):
    """The row ``state``.

    The last batch and its checksum, the version of the last snapshot, and the last batch that is not
    kept, with its checksum and moment.
    """

    epoch: str
    number: int
    crc: int
    snapshot: int
    kept_number: int
    kept_crc: int
    kept_at: float

    @property
    def version(self) -> int:
        """The version of the latest change."""
        return self.number >> PART_BITS

    @property
    def kept_since(self) -> int:
        """The version from which on every change is kept."""
        return self.kept_number >> PART_BITS


def last_of(version: int) -> int:
    """Return the largest number of a batch that makes no version later than ``version``."""
    return ((version + 1) << PART_BITS) - 1


def state_of(connection: sqlite3.Connection) -> State:
    """Return the state of the file."""
    row = connection.execute(
        "SELECT epoch, number, crc, snapshot, kept_number, kept_crc, kept_at FROM state"
    ).fetchone()
    if row is None:
        raise ValueError("its table of state is empty")
    return State(*row)


def check_version(connection: sqlite3.Connection, state: State, version: int) -> None:
    """Raise ContextError unless the picture at ``version`` can be read."""
    if version > state.version:
        raise ContextError(f"version {version} has not happened yet: the latest is {state.version}")
    if version < state.kept_since and not is_snapshot(connection, version):
        raise HistoryTrimmed(version, state.kept_since)


def is_snapshot(connection: sqlite3.Connection, version: int) -> bool:
    """Tell whether there is a snapshot of exactly that version."""
    found = connection.execute("SELECT 1 FROM snapshots WHERE version = ?", (version,))
    return found.fetchone() is not None


def snapshot_before(connection: sqlite3.Connection, version: int) -> int:
    """Return the version of the last snapshot at or before ``version``, 0 when there is none."""
    found = connection.execute("SELECT max(version) FROM snapshots WHERE version <= ?", (version,))
    return found.fetchone()[0] or 0


def batches(connection: sqlite3.Connection, state: State, after: int) -> Iterator[Batch]:
    """Yield the batches numbered above ``after``, up to the last; each one is checked."""
    before, crc = state.kept_number, state.kept_crc
    if after > before:
        found = connection.execute(
            "SELECT number, crc FROM batches WHERE number <= ? ORDER BY number DESC LIMIT 1",
            (after,),
        ).fetchone()
        before, crc = found or (before, crc)
    rows = connection.execute(
        "SELECT number, before, changes, first_at, last_at, operations, text, large, crc FROM batches"
        " WHERE number > ? ORDER BY number",
        (before,),
    )
    for row in rows:
        batch = Batch(*row)
        crc = batch.checksum(crc)
        if batch.before != before or batch.crc != crc:
            raise ValueError(
                f"the row of version {batch.version} (batch {batch.number}) or the one before it is "
                "not what was written; what came before it is whole"
            )
        before = batch.number
        yield batch
    if before != state.number:
        raise ValueError(
            f"version {state.version} was committed, and what is there ends with version "
            f"{before >> PART_BITS}"
        )


class Overlay:
    """A dict that lies over another one: what is changed here is not changed there."""

    __slots__ = ("_below", "_own")

    def __init__(self, below: Mapping[str, Any]) -> None:
        self._below = below
        self._own: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """Return what is there, or None."""
        if key in self._own:
            return self._own[key]
        return self._below.get(key)

    def pop(self, key: str, default: Any = None) -> Any:
        """Remove what is there and return it."""
        found = self.get(key)
        self._own[key] = None
        return default if found is None else found

    def __setitem__(self, key: str, value: Any) -> None:
        self._own[key] = value


def replay(
    found: Iterable[Batch],
    picture: Picture,
    home: Home | None,
    since: int = 0,
    upto: int | None = None,
    only: str | None = None,
) -> Iterator[Change]:
    """Yield the changes of ``found`` after ``since``, up to ``upto``, moving ``picture`` along.

    With ``only``, those of that key alone.
    """
    entries, removed_at = picture.entries, picture.removed
    for batch in found:
        for told in read_changes(batch, home):
            version, key, value, removed, expires, form, who, run, step, attempt, at = told
            if version <= since or (only is not None and key != only):
                continue
            if upto is not None and version > upto:
                return
            before = entries.get(key)
            if form:
                value = value_of(told, before, home)
            if before is not None:
                old, previous, _ = before
                existed = True
            else:
                old, previous, existed = None, removed_at.pop(key, 0), False
            if removed:
                entries.pop(key, None)
                removed_at[key] = version
            else:
                entries[key] = Entry(value, version, expires)
            # fmt: off
            yield Change(
                version, key, value, removed, old, existed,
                who, run, step, attempt, at, previous, expires,
            )
            # fmt: on
        if upto is not None and batch.version >= upto:
            return


def picture_at(
    connection: sqlite3.Connection, state: State, version: int, home: Home | None
) -> Picture:
    """Return the picture at ``version``, which must be readable: one snapshot, and what followed."""
    start = snapshot_before(connection, version)
    picture = snapshot_at(connection, state, start, home)
    if start < version:
        found = batches(connection, state, last_of(start))
        for _ in replay(found, picture, home, start, version):
            pass
    return picture


def snapshot_at(
    connection: sqlite3.Connection, state: State, version: int, home: Home | None
) -> Picture:
    """Return the picture of the snapshot at ``version``; that of version 0 is empty."""
    picture = Picture()
    for part in _parts(connection, version):
        read_part(part, picture, state.kept_since, home)
    return picture


def values_at(
    connection: sqlite3.Connection, state: State, version: int, home: Home | None
) -> dict[str, Any]:
    """Return the values at ``version``, which must be readable: :func:`picture_at`, twice as fast."""
    start = snapshot_before(connection, version)
    values: dict[str, Any] = {}
    for part in _parts(connection, start):
        read_values(part, values, home)
    if start < version:
        for batch in batches(connection, state, last_of(start)):
            add_values(batch, values, home, version)
            if batch.version >= version:
                break
    return values


def _parts(connection: sqlite3.Connection, version: int) -> Iterator[Part]:
    if version == 0:
        return
    (parts,) = connection.execute(
        "SELECT parts FROM snapshots WHERE version = ?", (version,)
    ).fetchone()
    rows = connection.execute(
        "SELECT version, first, text, crc FROM snapshot_parts WHERE version = ? ORDER BY first",
        (version,),
    )
    count = 0
    for row in rows:
        yield Part(*row)
        count += 1
    if count != parts:
        raise ValueError(f"the snapshot of version {version} has {count} of its {parts} parts")
