"""Which schedules a workspace has: kept durably, changed by one command at a time."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

from framework0.errors import UsageError, WorkspaceError
from framework0.schedules.database import Database
from framework0.schedules.firings import Firings
from framework0.schedules.limits import MOST_SCHEDULES
from framework0.schedules.schedule import schedule_from, schedule_text
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from framework0.schedules.schedule import Schedule
    from framework0.workspace import Workspace


class Kept(NamedTuple):
    """A schedule as it is kept. All that was due up to ``seen`` (epoch seconds) has been decided.

    ``version`` is another one after each change that a person made.
    """

    schedule: Schedule
    version: int
    paused: bool
    seen: float


class Store:
    """The schedules of one workspace and, in ``firings``, what became of their due times."""

    def __init__(self, path: Path, clock: Callable[[], float] = time) -> None:
        self._database = Database(path)
        self._clock = clock
        self.path = path
        self.firings = Firings(self._database, clock)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def stamp(self) -> int:
        """Return a number that is another one after any other process has changed the file."""
        return self._database.stamp()

    def all(self) -> list[Kept]:
        """Return all schedules by name."""
        rows = self._database.rows(
            "SELECT name, version, paused, seen, text FROM schedules ORDER BY name"
        )
        return [self._kept(*row) for row in rows]

    def get(self, name: str) -> Kept:
        """Return one schedule; raise UsageError naming the one that comes near."""
        rows = self._database.rows(
            "SELECT name, version, paused, seen, text FROM schedules WHERE name = ?", (name,)
        )
        if not rows:
            raise self.unknown(name)
        return self._kept(*rows[0])

    def unknown(self, name: str) -> UsageError:
        """Return the error for a schedule that is not there."""
        from framework0.recipe import near_name

        names = [kept.schedule.name for kept in self.all()]
        near = near_name(name, names)
        if near:
            return UsageError(f"there is no schedule {name!r}: did you mean {near!r}?")
        known = "`framework0 schedule list` lists them" if names else "there is none yet"
        return UsageError(f"there is no schedule {name!r}: {known}")

    def add(self, schedule: Schedule, *, replace: bool = False) -> Kept:
        """Keep a schedule; it counts from now on. Raises UsageError when the name is taken."""
        now = self._clock()
        with self._database.change() as connection:
            taken = connection.execute(
                "SELECT 1 FROM schedules WHERE name = ?", (schedule.name,)
            ).fetchone()
            if taken and not replace:
                raise UsageError(
                    f"there is a schedule {schedule.name!r} already: --replace puts this one in its "
                    "place"
                )
            (count,) = connection.execute("SELECT count(*) FROM schedules").fetchone()
            if count >= MOST_SCHEDULES and not taken:
                raise UsageError(f"a workspace has at most {MOST_SCHEDULES:,} schedules")
            kept = Kept(schedule, _next_version(connection), paused=False, seen=now)
            connection.execute(
                "INSERT OR REPLACE INTO schedules VALUES (?, ?, 0, ?, ?)",
                (schedule.name, kept.version, now, schedule_text(schedule)),
            )
        return kept

    def remove(self, name: str) -> None:
        """Forget a schedule; its history stays, and what it has waiting will not run."""
        with self._database.change() as connection:
            gone = connection.execute("DELETE FROM schedules WHERE name = ?", (name,)).rowcount
            if gone:
                self.firings.drop_waiting(connection, name, "the schedule was removed")
        if not gone:
            raise self.unknown(name)

    def pause(self, name: str, *, paused: bool) -> bool:
        """Pause a schedule or let it go on; return whether that changed anything.

        What is due while it is paused is neither fired nor missed.
        """
        kept = self.get(name)
        if kept.paused == paused:
            return False
        with self._database.change() as connection:
            connection.execute(
                "UPDATE schedules SET paused = ?, seen = ?, version = ? WHERE name = ?",
                (paused, self._clock(), _next_version(connection), name),
            )
        return True

    def _kept(self, name: str, version: int, paused: int, seen: float, text: str) -> Kept:
        try:
            schedule = schedule_from(text)
        except ValueError as error:
            raise WorkspaceError(
                f"{self.path}: schedule {name!r} is damaged ({error}): remove it and add it again"
            ) from error
        return Kept(schedule, version, bool(paused), seen)


def store_of(workspace: Workspace) -> Store:
    """Return the store of a workspace."""
    return Store(workspace.state / "schedules.db")


def _next_version(connection: object) -> int:
    (latest,) = connection.execute("SELECT max(version) FROM schedules").fetchone()  # type: ignore[attr-defined]
    return int(latest or 0) + 1
