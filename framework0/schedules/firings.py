"""What became of each due time, decided once and recorded before anything is done about it.

A firing is decided together with the id of its run. Whoever comes after a crash finds either no
decision, and decides, or a run's id, and asks the journal whether that run exists. The journal takes
an id only once, so however often a firing is carried out, it is one run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from framework0.schedules.deciding import FIRE, MISS
from framework0.schedules.limits import KEPT_FIRINGS, LONGEST_COMPLAINT
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from typing import Final

    from framework0.schedules.database import Database
    from framework0.schedules.deciding import Verdict
    from framework0.schedules.store import Kept

PENDING: Final = "pending"
FIRED: Final = "fired"
SKIPPED: Final = "skipped"
MISSED: Final = "missed"
FAILED: Final = "failed"

_COLUMNS: Final = "id, schedule, due, until, decision, decided, run, caught_up, ended, note"


class Firing(NamedTuple):
    """One due time and what became of it; moments are epoch seconds.

    ``decision`` is ``pending`` (the run has an id, and has not begun as far as is known), ``fired`` (it
    has begun), ``skipped`` (another run was in the way), ``missed`` (nobody was there in time) or
    ``failed`` (the run could not begin; the note says why). ``until`` is given when the line stands for
    all due times from ``due`` to before it. ``ended`` is when the run was found to have ended.
    """

    id: int
    schedule: str
    due: float
    until: float | None
    decision: str
    decided: float
    run: str | None
    caught_up: bool
    ended: float | None
    note: str


class Firings:
    """The firings of all schedules of a workspace, in the same file as these."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def record(self, kept: Kept, verdicts: Sequence[Verdict], seen: float) -> list[Firing]:
        """Record what was decided up to ``seen``, durably, all or nothing; return it as recorded.

        Nothing is recorded when somebody has changed the schedule since it was read. A due time that
        has a run keeps it: that it comes again, when the clock is set back, changes nothing.
        """
        from framework0.runner import new_run_id

        name, now = kept.schedule.name, self._clock()
        recorded = []
        with self._database.change() as connection:
            current = connection.execute(
                "UPDATE schedules SET seen = ? WHERE name = ? AND version = ?",
                (seen, name, kept.version),
            ).rowcount
            if not current:
                return []
            for verdict in verdicts:
                if verdict.replaces:
                    note = f"a later one took its place (due {verdict.due:.0f})"
                    self.drop_waiting(connection, name, note)
                run = new_run_id(now, os.urandom) if verdict.kind == FIRE else None
                if _insert(connection, name, verdict, now, run):
                    recorded.append((name, verdict.due))
            _forget_old(connection, name)
        where = "WHERE schedule = ? AND due = ?"
        return [firing for key in recorded for firing in self._found(where, key)]

    def open(self) -> list[Firing]:
        """Return those whose runs have not ended as far as is known, in the order of their due times."""
        return self._found("WHERE run IS NOT NULL AND ended IS NULL ORDER BY due, id")

    def latest(self, name: str, count: int) -> list[Firing]:
        """Return the last ``count`` lines of one schedule, the newest first."""
        return self._found("WHERE schedule = ? ORDER BY due DESC, id DESC LIMIT ?", (name, count))

    def of_run(self, run: str) -> Firing | None:
        """Return the firing whose run has that id."""
        found = self._found("WHERE run = ?", (run,))
        return found[0] if found else None

    def confirm(self, run: str) -> None:
        """Record that the run exists in the journal."""
        with self._database.change() as connection:
            connection.execute(
                "UPDATE firings SET decision = ? WHERE run = ? AND decision = ?",
                (FIRED, run, PENDING),
            )

    def end(self, run: str, complaint: str | None = None) -> None:
        """Record that the run has ended, or with a ``complaint`` that it could not begin."""
        decision = FIRED if complaint is None else FAILED
        with self._database.change() as connection:
            connection.execute(
                "UPDATE firings SET decision = ?, ended = ?, note = coalesce(?, note) WHERE run = ?",
                (decision, self._clock(), complaint and complaint[:LONGEST_COMPLAINT], run),
            )

    def drop_waiting(self, connection: sqlite3.Connection, name: str, note: str) -> None:
        """Record, within a change, that those of a schedule whose run has not begun will not run."""
        connection.execute(
            "UPDATE firings SET decision = ?, ended = ?, note = ?"
            " WHERE schedule = ? AND decision = ? AND ended IS NULL",
            (SKIPPED, self._clock(), note, name, PENDING),
        )

    def _found(self, where: str, values: Sequence[object] = ()) -> list[Firing]:
        query = f"SELECT {_COLUMNS} FROM firings {where}"  # noqa: S608
        return [
            Firing._make(row)._replace(caught_up=bool(row[7]))
            for row in self._database.rows(query, values)
        ]


def _insert(
    connection: sqlite3.Connection, name: str, verdict: Verdict, now: float, run: str | None
) -> bool:
    """Add a line, or change the one of the same due time from missed or skipped to one with a run."""
    decision = PENDING if run else MISSED if verdict.kind == MISS else SKIPPED
    return bool(
        connection.execute(
            "INSERT INTO firings (schedule, due, until, decision, decided, run, caught_up, note)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (schedule, due) DO UPDATE SET until = excluded.until,"
            " decision = excluded.decision, decided = excluded.decided, run = excluded.run,"
            " caught_up = excluded.caught_up, ended = NULL, note = excluded.note"
            " WHERE firings.run IS NULL AND excluded.run IS NOT NULL",
            (
                name,
                verdict.due,
                verdict.until,
                decision,
                now,
                run,
                verdict.caught_up,
                verdict.note,
            ),
        ).rowcount
    )


def _forget_old(connection: sqlite3.Connection, name: str) -> None:
    connection.execute(
        "DELETE FROM firings WHERE schedule = ? AND (run IS NULL OR ended IS NOT NULL) AND id <="
        " (SELECT id FROM firings WHERE schedule = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (name, name, KEPT_FIRINGS),
    )
