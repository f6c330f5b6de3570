"""What calls with an id did, kept apart from the history that forgets it.

A client may repeat a call for an hour; where the past is kept for less, the answers of the young calls
in it are written down when it goes. Most contexts never have one: their past holds more calls than are
remembered at all.
"""

from __future__ import annotations

from json import loads

from framework0.context.change import Change
from framework0.context.limits import OPERATION_SECONDS, OPERATIONS
from framework0.context.persist.reading import batches, replay, snapshot_at
from framework0.context.persist.texts import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from framework0.context.persist.reading import State
    from framework0.context.persist.texts import Home


def keep_answers(connection: sqlite3.Connection, state: State, upto: int, now: float) -> None:
    """Write down what the calls did whose changes up to ``upto`` are about to be forgotten."""
    connection.execute("DELETE FROM answers WHERE at < ?", (now - OPERATION_SECONDS,))
    if not _is_any_remembered(connection, state, upto):
        return
    picture = snapshot_at(connection, state, state.kept_since, None)
    for batch in batches(connection, state, state.kept_number):
        if batch.version > upto:
            break
        made = list(replay((batch,), picture, None, state.kept_since))
        if batch.operations is None:
            continue
        at, *named = loads(batch.operations)
        if at < now - OPERATION_SECONDS:
            continue
        first = batch.version - batch.changes
        for operation, asked, since, count in named:
            changes = made[since - first : since - first + count]
            connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)",
                (operation, at, asked, encode(changes)),
            )
    connection.execute(
        "DELETE FROM answers WHERE operation NOT IN"
        " (SELECT operation FROM answers ORDER BY at DESC LIMIT ?)",
        (OPERATIONS,),
    )


def answer_to(
    connection: sqlite3.Connection, operation: str, home: Home | None
) -> tuple[Change, ...] | None:
    """Return the changes that a call made, None when its answer is not kept here."""
    row = connection.execute(
        "SELECT changes FROM answers WHERE operation = ?", (operation,)
    ).fetchone()
    if row is None:
        return None
    return tuple(Change(*told) for told in decode(row[0], home))


def _is_any_remembered(connection: sqlite3.Connection, state: State, upto: int) -> bool:
    """Tell whether a call up to ``upto`` can still be among those that are remembered."""
    count = "SELECT coalesce(sum(calls), 0) FROM snapshots WHERE version > ? AND version <= ?"
    (here,) = connection.execute(count, (state.kept_since, upto)).fetchone()
    (behind,) = connection.execute(count, (upto, state.version)).fetchone()
    return bool(here) and behind < OPERATIONS
