"""Where cached results are kept: one SQLite file of the workspace, which may be deleted at any time.

Its name carries the format, so that no version reads what another wrote. An entry carries a checksum;
one that does not fit counts as absent and is removed. A file that is no database any more is begun anew.
Nothing is synced: what a power cut takes is computed again. Entries that were not used longest make
place for new ones; which those are is told by a count of uses, not by a clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from framework0.runner.stepcache.age import Moment
from framework0.runner.stepcache.parts import FORMAT
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

NAME: Final = f"steps.{FORMAT}.db"

BUSY_MS: Final = 2_000
"""How long one waits for another process that is writing; then the entry is done without."""

MOST_GONE: Final = 10_000
"""Removed entries that are remembered, so that a miss can say that there was one."""

AHEAD_AFTER: Final = 16
"""Entries asked for one by one before all of a recipe are read at once: a query costs mostly itself."""

MOST_AHEAD: Final = 20_000
MOST_AHEAD_BYTES: Final = 64 * 1024 * 1024
LONGEST_AHEAD: Final = 64 * 1024
"""What is read ahead at most: entries, their bytes, and bytes of one."""

LOOK_EVERY: Final = 256
"""Entries written between two looks at the size of all."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries(
  key TEXT PRIMARY KEY, recipe TEXT NOT NULL, step TEXT NOT NULL, run TEXT NOT NULL,
  wall REAL NOT NULL, boot TEXT NOT NULL, uptime REAL NOT NULL,
  used INTEGER NOT NULL, bytes INTEGER NOT NULL, parts TEXT NOT NULL, content TEXT NOT NULL,
  crc INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS by_step ON entries(recipe, step);
CREATE INDEX IF NOT EXISTS by_use ON entries(used, bytes);
CREATE TABLE IF NOT EXISTS gone(key TEXT PRIMARY KEY, why TEXT NOT NULL);
"""

_COLUMNS: Final = "key, recipe, step, run, wall, boot, uptime, parts, content"


class Entry(NamedTuple):
    """One kept result: of which step of which run, made when, from which parts (JSON of their short form)."""

    key: str
    recipe: str
    step: str
    run: str
    made: Moment
    parts: str
    content: dict[str, Any]


class Line(NamedTuple):
    """What a list of the cache says of one step: entries, bytes, and the last of them (epoch seconds)."""

    recipe: str
    step: str
    entries: int
    bytes: int
    latest: float


class CacheStore:
    """The cached results of one workspace, in ``folder``; any thread and process may use them.

    It is kept below ``max_bytes``; entries older than ``ttl`` seconds count as absent (0: no bound
    of its own). No call raises for what is wrong with the file: ``trouble`` says it, and there is no
    entry then. Times are handed in.
    """

    def __init__(self, folder: Path, *, max_bytes: int, ttl: float) -> None:
        self.path = os.path.join(folder, NAME)
        self.max_bytes = max_bytes
        self.ttl = ttl
        self.trouble = ""
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._turn = 0
        self._used: list[str] = []
        self._written = 0
        self._asked = 0
        self._ahead: dict[str, tuple[Any, ...]] = {}

    def find(self, key: str, recipe: str = "") -> Entry | None:
        """Return the entry of a key, whatever its age; ``recipe`` is the one that asks."""
        found: Entry | None = self._guarded(lambda: self._find(key, recipe))
        return found

    def latest(self, recipe: str, step: str) -> Entry | None:
        """Return the last entry that a step of that name made."""
        clause = "recipe = ? AND step = ? ORDER BY rowid DESC LIMIT 1"
        found: Entry | None = self._guarded(lambda: self._entry(clause, (recipe, step)))
        return found

    def why_gone(self, key: str) -> str:
        """Return why an entry is no longer there; nothing if there never was one, as far as is known."""
        query = "SELECT why FROM gone WHERE key = ?"
        found = self._guarded(lambda: self._open().execute(query, (key,)).fetchone())
        return "" if found is None else str(found[0])

    def note_use(self, key: str) -> None:
        """Remember that an entry was used; written down in :meth:`close`."""
        self._used.append(key)

    def put(self, entry: Entry) -> None:
        """Keep an entry, in the place of one of the same key."""
        self._guarded(lambda: self._put(entry))

    def drop(self, key: str, why: str) -> None:
        """Remove an entry."""
        self._guarded(lambda: self._drop([(key, why)]))

    def prune(self, now: Moment) -> tuple[int, int]:
        """Remove what is too old, then what exceeds the size; return how many entries and bytes went."""
        return self._guarded(lambda: self._prune(now)) or (0, 0)

    def clear(self, recipe: str | None = None, step: str | None = None) -> int:
        """Remove all entries, or those of a recipe or of a step of that name; return how many."""
        if recipe is None and step is None:
            count = sum(line.entries for line in self.lines())
            self.close()
            self._ahead.clear()
            self._remove_files()
            return count
        clause = "(?1 IS NULL OR recipe = ?1) AND (?2 IS NULL OR step = ?2 OR step GLOB ?3)"
        pattern = None if step is None else step.replace("[", "[[]").replace("*", "[*]") + "[[]*"

        def remove() -> int:
            self._ahead.clear()
            with self._open() as connection:
                deleted = connection.execute(
                    f"DELETE FROM entries WHERE {clause}", (recipe, step, pattern)  # noqa: S608
                )
            return deleted.rowcount

        return self._guarded(remove) or 0

    def lines(self) -> list[Line]:
        """Return what there is, by recipe and step."""
        if not os.path.exists(self.path):
            return []
        query = (
            "SELECT recipe, step, count(*), sum(bytes), max(wall) FROM entries"
            " GROUP BY recipe, step ORDER BY recipe, step"
        )
        found = self._guarded(lambda: self._open().execute(query).fetchall())
        return [Line(*row) for row in found or ()]

    def close(self, now: Moment | None = None) -> None:
        """Write down what was used, keep the bounds, and let go of the file; it opens again by itself."""
        if self._used or self._written:
            self._guarded(lambda: self._settle(now))
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    # ------------------------------------------------------------------ below: under the lock

    def _guarded(self, work: Callable[[], Any]) -> Any:
        with self._lock:
            try:
                return work()
            except sqlite3.OperationalError as error:
                # Locked, full, read-only, no folder: the file itself may be sound.
                self._fail(f"the cache cannot be used: {error}")
            except (sqlite3.DatabaseError, ValueError, OverflowError) as error:
                self._fail(f"the cache was damaged and begins anew: {error}")
                self._begin_anew()
            except OSError as error:
                self._fail(f"the cache cannot be used: {error.strerror or error}")
            return None

    def _fail(self, text: str) -> None:
        self.trouble = self.trouble or text

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            folder = os.path.dirname(self.path)
            os.makedirs(folder, mode=0o700, exist_ok=True)
            if not os.path.exists(self.path):
                # Created here, since SQLite would leave it open to others.
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = sqlite3.connect(
                self.path, timeout=BUSY_MS / 1000, check_same_thread=False, isolation_level=None
            )
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.executescript(_SCHEMA)
                row = connection.execute("SELECT coalesce(max(used), 0) + 1 FROM entries")
                self._turn = row.fetchone()[0]
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _begin_anew(self) -> None:
        self._ahead.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._remove_files()

    def _remove_files(self) -> None:
        """Remove the file, also of older formats. Who has it open still reads what it was."""
        folder = os.path.dirname(self.path)
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                if name.startswith("steps.") and ".db" in name:
                    with contextlib.suppress(OSError):
                        os.unlink(os.path.join(folder, name))

    def _find(self, key: str, recipe: str) -> Entry | None:
        self._asked += 1
        if self._asked == AHEAD_AFTER:
            self._read_ahead(recipe)
        row = self._ahead.get(key)
        return self._entry("key = ?", (key,)) if row is None else self._checked(row)

    def _read_ahead(self, recipe: str) -> None:
        """Take the latest entries of a recipe into memory: a run that asks for many asks for these."""
        left = MOST_AHEAD_BYTES
        query = (
            f"SELECT {_COLUMNS}, crc, bytes FROM entries"  # noqa: S608
            " WHERE recipe = ? AND bytes <= ? ORDER BY rowid DESC LIMIT ?"
        )
        for row in self._open().execute(query, (recipe, LONGEST_AHEAD, MOST_AHEAD)):
            left -= row[-1]
            if left < 0:
                break
            self._ahead[row[0]] = row[:-1]

    def _entry(self, clause: str, values: tuple[Any, ...]) -> Entry | None:
        query = f"SELECT {_COLUMNS}, crc FROM entries WHERE {clause}"  # noqa: S608
        row = self._open().execute(query, values).fetchone()
        return None if row is None else self._checked(row)

    def _checked(self, row: tuple[Any, ...]) -> Entry | None:
        """Return what a row holds, or remove it if it is not what was written."""
        key, recipe, step, run, wall, boot, uptime, parts, content, crc = row
        if _seal(row[:-1]) != crc:
            self._drop([(str(key), "it was damaged")])
            return None
        made = Moment(wall, boot, uptime)
        return Entry(key, recipe, step, run, made, parts, json.loads(content))

    def _put(self, entry: Entry) -> None:
        connection = self._open()
        self._ahead.pop(entry.key, None)
        parts = entry.parts
        content = json.dumps(entry.content, separators=(",", ":"), allow_nan=False)
        if len(content) > self.max_bytes // 2:
            return
        row = (*entry[:4], *entry.made, parts, content)
        connection.execute(
            f"INSERT OR REPLACE INTO entries({_COLUMNS}, used, bytes, crc)"  # noqa: S608
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            (*row, self._turn, len(parts) + len(content), _seal(row)),
        )
        self._written += 1
        if self._written % LOOK_EVERY == 0:
            self._shrink(connection)

    def _drop(self, keys: Iterable[tuple[str, str]]) -> None:
        with self._transaction() as connection:
            for key, why in keys:
                self._ahead.pop(key, None)
                connection.execute("DELETE FROM entries WHERE key = ?", (key,))
                connection.execute("INSERT OR REPLACE INTO gone VALUES (?, ?)", (key, why))
            connection.execute(
                "DELETE FROM gone WHERE rowid <= (SELECT max(rowid) FROM gone) - ?", (MOST_GONE,)
            )

    @contextlib.contextmanager
    def _transaction(self) -> Any:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _settle(self, now: Moment | None) -> None:
        with self._transaction() as connection:
            connection.executemany(
                "UPDATE entries SET used = ? WHERE key = ?",
                [(self._turn, key) for key in self._used],
            )
        self._used.clear()
        if self._written:
            self._written = 0
            self._prune(now) if now is not None else self._shrink(self._open())

    def _prune(self, now: Moment) -> tuple[int, int]:
        connection = self._open()
        gone = gone_bytes = 0
        if self.ttl:
            old = connection.execute(
                "SELECT key, bytes FROM entries WHERE CASE WHEN boot != '' AND boot = ?"
                " THEN uptime < ? ELSE wall < ? END",
                (now.boot, now.uptime - self.ttl, now.wall - self.ttl),
            ).fetchall()
            self._drop([(key, "it was too old") for key, _ in old])
            gone, gone_bytes = len(old), sum(size for _, size in old)
        count, size = self._shrink(connection)
        return gone + count, gone_bytes + size

    def _shrink(self, connection: sqlite3.Connection) -> tuple[int, int]:
        """Remove the entries that were not used longest until the rest is within the bound."""
        total = connection.execute("SELECT coalesce(sum(bytes), 0) FROM entries").fetchone()[0]
        over = total - self.max_bytes
        if over <= 0:
            return 0, 0
        going: list[tuple[str, str]] = []
        freed = 0
        for key, size in connection.execute("SELECT key, bytes FROM entries ORDER BY used, rowid"):
            if freed >= over:
                break
            going.append((key, "it made place for others"))
            freed += size
        self._drop(going)
        return len(going), freed


def _seal(row: Iterable[Any]) -> int:
    return crc32("\x00".join(map(str, row)).encode("utf-8", "surrogatepass"))
