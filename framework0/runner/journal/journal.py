"""The journal: the durable record of every run of a workspace, in one SQLite file."""

from __future__ import annotations

import threading
import time

from framework0.errors import JournalError, RunNotFound
from framework0.runner.journal import runs
from framework0.runner.journal.beginning import Begun, begin_run, let_go, process_text, session
from framework0.runner.journal.database import open_for_reading, open_for_writing
from framework0.runner.journal.marks import StartMarks
from framework0.runner.journal.recorder import RunRecorder
from framework0.runner.journal.trouble import explained
from framework0.runner.journal.values import INTERRUPTED, RUNNING, RunHeader, RunHistory, RunSummary
from framework0.runner.journal.writer import HistoryWriter
from framework0.workspace import hold, is_id, make_private_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Final, TypeVar

    from framework0.artifacts import Artifact, Artifacts
    from framework0.context import Change
    from framework0.runner.journal.mentions import Mention
    from framework0.runner.journal.reader import Stored
    from framework0.runner.journal.values import Decision
    from framework0.workspace import Gate

    T = TypeVar("T")
    Told = tuple[Sequence[Decision], Sequence[Change]]
    Tell = Callable[[RunHistory], Told]

DEFAULT_RESULT_BYTES: Final = 16 * 1024 * 1024
"""The largest result kept, as JSON; a larger one belongs in a file (``limits.result_bytes``)."""


class Journal:
    """All runs of one workspace. Any number of processes may use the same file at once.

    Nothing is created before the first run begins. ``durability`` is ``full`` (what is acknowledged
    survives a power cut) or ``normal`` (it survives any kill, not a power cut). Every call may raise
    :class:`~framework0.errors.JournalError` or one of its kinds; nothing is overwritten then.
    """

    def __init__(
        self, path: Path, *, durability: str = "full", result_bytes: int = DEFAULT_RESULT_BYTES
    ) -> None:
        self.path = path
        self.durability = durability
        self._result_bytes = result_bytes
        self._reader: sqlite3.Connection | None = None
        self._read_from: tuple[int, int] | None = None
        self._reading = threading.Lock()
        self._artifacts: Artifacts | None = None

    def begin(self, header: RunHeader, nodes: int) -> RunRecorder:
        """Start a run of ``nodes`` nodes; its header is durable when this returns."""
        folder = self._folder(header.run_id)
        connection, gate = open_for_writing(self.path, self.durability)
        try:
            with gate:
                run = begin_run(connection, self.path, folder, header, nodes)
        except BaseException:
            connection.close()
            gate.close()
            raise
        return self._record(run, connection, gate)

    def resume(self, run_id: str, nodes: int, tell: Tell | None = None) -> RunRecorder:
        """Go on with a run; the recorder's ``history`` is what it did before, verified.

        ``tell`` is given the history as it is and returns decisions and context changes to add: they
        become durable in one transaction with the resume itself, or not at all. What it raises leaves
        the run as it was.

        Raises :class:`~framework0.errors.LockHeld` while a living process is working on it and
        :class:`~framework0.errors.RunNotFound` when there is no such run.
        """
        from framework0.runner.journal.reader import history_of

        folder = self._folder(run_id)
        known: frozenset[str] = self._look(runs.ids, frozenset())
        if run_id not in known:
            raise RunNotFound(f"no run has the id {run_id!r}: see the list of runs")
        make_private_folder(folder)
        lock = hold(folder / runs.LOCK, f"run {run_id}")
        marks = None
        try:
            # Read now that nobody else can add to it.
            stored = self._stored(run_id)
            history = history_of(stored, folder / runs.STARTED, stored.row.state)
            told = ((), ()) if tell is None else tell(history)
            marks = StartMarks(folder / runs.STARTED, max(nodes, stored.row.nodes))
            marks.raise_to((record.node, record.attempt) for record in history.attempts)
            connection, gate = open_for_writing(self.path, self.durability)
        except BaseException:
            let_go(marks, lock)
            raise
        row = stored.row._replace(
            nodes=max(nodes, stored.row.nodes),
            state=RUNNING,
            finished=None,
            records=None,
            head=None,
            process=process_text(),
        )
        run = Begun(row, stored.position, marks, lock)
        return self._record(run, connection, gate, history, told)

    def amend(self, run_id: str, tell: Tell) -> None:
        """Add decisions and context changes to a run that nobody is working on; it stays as it is.

        ``tell`` and what is raised are as for :meth:`resume`.
        """
        from framework0.runner.journal.reader import history_of

        folder = self._folder(run_id)
        self._stored(run_id)
        lock = hold(folder / runs.LOCK, f"run {run_id}")
        try:
            stored = self._stored(run_id)
            decisions, changes = tell(history_of(stored, folder / runs.STARTED, stored.row.state))
            if not decisions and not changes:
                return
            connection, gate = open_for_writing(self.path, self.durability)
            writer = HistoryWriter(
                self.path,
                connection,
                gate,
                stored.row,
                position=stored.position,
                result_bytes=self._result_bytes,
            )
            try:
                writer.commit(decisions, changes, stored.row)
            finally:
                writer.close()
        finally:
            lock.release()

    def read(self, run_id: str) -> RunHistory:
        """Return all of one run, verified; raises :class:`~framework0.errors.JournalCorrupt`."""
        from framework0.runner.journal.reader import history_of

        stored = self._stored(run_id)
        folder = self._folder(run_id)
        state = stored.row.state
        if state == RUNNING and not runs.is_alive(folder):
            # It may have ended between our look at the row and our look at the lock.
            stored = self._stored(run_id)
            state = INTERRUPTED if stored.row.state == RUNNING else stored.row.state
        return history_of(stored, folder / runs.STARTED, state)

    def runs(self, limit: int | None = None, recipe: str | None = None) -> list[RunSummary]:
        """Return the latest runs, newest first; only those of the recipe named ``recipe``, if given."""
        return self._look(lambda connection: runs.listed(connection, self.path, limit, recipe), [])

    def find(
        self, prefix: str | None = None, wanted: Callable[[RunSummary], bool] | None = None
    ) -> str:
        """Return the id of the run that ``prefix`` means: an id, its unique beginning, or a run's name.

        Without a prefix the latest run that is ``wanted`` is meant. Raises
        :class:`~framework0.errors.RunNotFound` naming what comes near.
        """
        return runs.find(self.runs(), prefix, wanted)

    def expect(self, recipe: str) -> dict[str, float]:
        """Return the expected seconds by step name: the median over the latest runs of ``recipe``."""
        return self._look(lambda connection: runs.expected_seconds(connection, recipe), {})

    def prunable(
        self, *, keep: int | None = None, older_than: float | None = None, now: float | None = None
    ) -> list[RunSummary]:
        """Return the runs that :meth:`prune` would remove, newest first; nothing is changed."""
        if keep is None and older_than is None:
            return []
        # Without an age the clock is not asked: it may have been ahead when a run began.
        since = (time.time() if now is None else now) - (older_than or 0.0)
        return runs.prunable(self.runs(), keep, None if older_than is None else since)

    def prune(
        self, *, keep: int | None = None, older_than: float | None = None, now: float | None = None
    ) -> list[str]:
        """Remove ended and interrupted runs with all that belongs to them; return their ids.

        Those beyond the newest ``keep`` go, and those that began more than ``older_than`` seconds
        before ``now``; with both, a run must be both. A living run always stays, and so does a paused
        one. The runs inside a run stay or go with it, and do not count.
        """
        # Brings shutil along, which costs more than the rest of the journal.
        from framework0.runner.journal import prune

        if keep is None and older_than is None:
            return []
        chosen = self.prunable(keep=keep, older_than=older_than, now=now)
        return prune.remove(self.path, self.durability, [run.run_id for run in chosen])

    def close(self) -> None:
        """Close what was opened for reading; recorders are closed by their own :meth:`finish`."""
        with self._reading:
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    def _record(
        self,
        run: Begun,
        connection: sqlite3.Connection,
        gate: Gate,
        history: RunHistory | None = None,
        told: Told = ((), ()),
    ) -> RunRecorder:
        writer = HistoryWriter(
            self.path,
            connection,
            gate,
            run.row,
            position=run.position,
            result_bytes=self._result_bytes,
        )
        try:
            if history is not None:
                writer.commit([session(), *told[0]], told[1], run.row)
                history = _with(history, told)
            recorder = RunRecorder(run.row.id, writer, run.marks, run.lock, run.row, history)
        except BaseException:
            writer.close()
            let_go(run.marks, run.lock)
            raise
        recorder.told = self.told
        return recorder

    def mentions(self, digest: str = "") -> list[Mention]:
        """Return who named artifacts, oldest first; only those whose digest begins so, if given."""
        from framework0.runner.journal.mentions import mentions

        return self._look(lambda connection: list(mentions(connection, digest)), [])

    def referred(self) -> dict[str, list[Artifact]]:
        """Return by run all artifacts that its rows name, whatever for; oldest run first."""
        from framework0.runner.journal.mentions import referred

        return self._look(referred, {})

    def _home(self) -> Artifacts:
        """Return where the values of references in the journal lie."""
        if self._artifacts is None:
            from framework0.artifacts import Artifacts

            self._artifacts = Artifacts(self.path.parent / "artifacts", told=self.told)
        return self._artifacts

    def told(self, digest: str) -> str:
        """Say in words who wrote an artifact first, for messages; nothing when nobody knows."""
        try:
            found = self.mentions(digest)
        # A second trouble must not hide the first, about which this is a remark.
        except JournalError:
            return ""
        return f"as the {found[0]}" if found else ""

    def _folder(self, run_id: str) -> Path:
        if not is_id(run_id):
            raise RunNotFound(f"no run has the id {run_id!r}: see the list of runs")
        return self.path.parent / "runs" / run_id

    def _open_reader(self) -> None:
        """Open the file that is at the path now, which need not be the one of the last look."""
        try:
            found = self.path.stat()
            there = (found.st_dev, found.st_ino)
        except OSError:
            there = None
        if self._reader is not None and there != self._read_from:
            self._reader.close()
            self._reader = None
        if self._reader is None:
            self._reader = open_for_reading(self.path)
            self._read_from = there

    def _stored(self, run_id: str) -> Stored:
        from framework0.runner.journal.reader import read_stored

        stored = self._look(
            lambda connection: read_stored(connection, self.path, run_id, self._home), None
        )
        if stored is None:
            raise RunNotFound(f"no run has the id {run_id!r}: see the list of runs")
        return stored

    def _look(self, look: Callable[[sqlite3.Connection], T], nothing: T) -> T:
        with self._reading:
            self._open_reader()
            if self._reader is None:
                return nothing
            with explained(self.path, "read"):
                return look(self._reader)


def _with(history: RunHistory, told: Told) -> RunHistory:
    """Return the history of a run that goes on, with what was told."""
    decisions, changes = told
    return history._replace(
        summary=history.summary._replace(state=RUNNING),
        decisions={**history.decisions, **{(one.node, one.kind): one.value for one in decisions}},
        changes=[*history.changes, *changes],
    )
