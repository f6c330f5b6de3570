"""The server of schedules: looks at the clock, decides, records, and only then starts runs.

A look does everything there is to do at one moment; between two of them nothing is remembered that is
not in the store, so that a server killed at any point is followed by one that knows as much.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from framework0.errors import UsageError
from framework0.runner import Journal
from framework0.schedules.deciding import Situation, decide
from framework0.schedules.firings import FIRED, PENDING
from framework0.schedules.limits import LATE_ONES_LOOKED_AT, NAP, SET_BACK, STALE, USUAL_RUNS
from framework0.schedules.processes import Processes
from framework0.tuples import NamedTuple
from framework0.workspace import hold, holder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from framework0.schedules.firings import Firing
    from framework0.schedules.store import Kept, Store
    from framework0.workspace import Holder, Lock, Workspace


LOCK = "schedules.lock"
"""The file in the state folder that a server holds for its life."""


class Event(NamedTuple):
    """Something the server did or met: ``kind`` is a decision, ``ended``, ``stopping`` or ``trouble``."""

    kind: str
    schedule: str
    note: str
    firing: Firing | None = None


def serving(workspace: Workspace) -> Holder | None:
    """Return who serves the schedules of a workspace, None when nobody does."""
    return holder(workspace.state / LOCK)


def lock_server(workspace: Workspace) -> Lock:
    """Take the workspace's place for a server; raise LockHeld naming the one that has it."""
    workspace.ensure_state()
    return hold(workspace.state / LOCK, "serves the schedules of this workspace")


class _Next(NamedTuple):
    """When a schedule is due next, and what that was computed from."""

    version: int
    seen: float
    at: float
    due: float | None


class Server:
    """Serves the schedules of one workspace; the caller holds :func:`lock_server`.

    ``command`` returns the command that carries out the run of an id. ``stop_run`` asks a run to end
    whose process an earlier server has started. ``now`` is the wall clock, ``monotonic`` one that
    nobody sets. ``tell`` hears of everything.
    """

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        *,
        command: Callable[[str], Sequence[str]],
        stop_run: Callable[[str], object],
        tell: Callable[[Event], object],
        most_runs: int = USUAL_RUNS,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace = workspace
        self._store = store
        self._processes = Processes(workspace.state / "schedules", workspace.root, command)
        self._stop_run = stop_run
        self._tell = tell
        self._most_runs = most_runs
        self._now = now
        self._monotonic = monotonic
        self._up_since = now()
        self._stamp: int | None = None
        self._kept: dict[str, Kept] = {}
        self._open: dict[str, Firing] = {}
        self._adopted: set[str] = set()
        self._told_to_stop: set[str] = set()
        self._next: dict[str, _Next] = {}
        self._troubles: set[str] = set()
        self.closing = False

    def begin(self) -> None:
        """Find out what became of what an earlier server had decided."""
        self._read()
        known = self._journal_states() if self._open else {}
        for firing in tuple(self._open.values()):
            assert firing.run is not None
            if firing.run in known:
                self._has_begun(firing, known[firing.run])
            elif firing.decision == FIRED:
                # Pruned from the journal since.
                self._ended(firing)
        self._processes.forget_all_but(self._open)

    def look(self) -> float:
        """Do all there is to do now; return after how many seconds to look again.

        Raises :class:`~framework0.errors.WorkspaceError` when something cannot be recorded; nothing
        was started then that is not, and the next look tries again.
        """
        self._reap()
        stamp = self._store.stamp()
        if stamp != self._stamp:
            self._read()
        if not self.closing:
            for kept in tuple(self._kept.values()):
                self._decide(kept)
            self._launch()
        return self._until_next()

    @property
    def running(self) -> int:
        """How many runs of schedules have a process now."""
        return len(self._processes) + len(self._adopted)

    @property
    def schedules(self) -> list[Kept]:
        """The schedules as they were read last."""
        return list(self._kept.values())

    def stop_runs(self) -> None:
        """Ask every run that goes on to end."""
        for run in (*self._processes, *self._adopted):
            self._ask_to_stop(self._open[run], "the server ends at once")

    def _read(self) -> None:
        self._stamp = self._store.stamp()
        self._kept = {kept.schedule.name: kept for kept in self._store.all()}
        serving = {name for name, kept in self._kept.items() if not kept.paused}
        self._next = {name: found for name, found in self._next.items() if name in serving}
        opened = {str(firing.run): firing for firing in self._store.firings.open()}
        # What was dropped while its process was starting is settled when that process ends.
        going = {*self._processes, *self._adopted} - opened.keys()
        self._open = {**opened, **{run: self._open[run] for run in going}}

    def _decide(self, kept: Kept) -> None:
        if kept.paused:
            return
        name, now = kept.schedule.name, self._now()
        if now < kept.seen - SET_BACK:
            # What is due at this very moment is still to come.
            self._record(kept, (), now - SET_BACK)
            self._tell(
                Event("trouble", name, "the clock was set back: what has run does not again")
            )
            return
        try:
            due = self._due_next(kept)
            if due is None or due > now:
                return
            most = max(kept.schedule.catch_up_limit, LATE_ONES_LOOKED_AT)
            found = kept.schedule.timing.between(kept.seen, now, most)
        except UsageError as error:
            # The time zone has gone from the machine's data: said once, and the others go on.
            self._next.pop(name, None)
            self._trouble(name, str(error))
            return
        going = [firing for firing in self._open.values() if firing.schedule == name]
        running = {*self._processes, *self._adopted}
        waiting = sum(firing.run not in running for firing in going)
        situation = Situation(now, self._up_since, len(going), waiting)
        self._record(kept, decide(kept.schedule, found, situation), now)

    def _record(self, kept: Kept, verdicts: Sequence[object], seen: float) -> None:
        recorded = self._store.firings.record(kept, verdicts, seen)  # type: ignore[arg-type]
        self._kept[kept.schedule.name] = kept._replace(seen=seen)
        self._next.pop(kept.schedule.name, None)
        if any(getattr(verdict, "replaces", False) for verdict in verdicts):
            self._read()
        for firing in recorded:
            if firing.run is not None:
                self._open[firing.run] = firing
            if firing.decision != PENDING:
                self._tell(Event(firing.decision, firing.schedule, firing.note, firing))

    def _due_next(self, kept: Kept) -> float | None:
        name, at = kept.schedule.name, self._monotonic()
        found = self._next.get(name)
        if found is None or found[:2] != (kept.version, kept.seen) or at - found.at > STALE:
            due = kept.schedule.timing.next_after(kept.seen)
            found = self._next[name] = _Next(kept.version, kept.seen, at, due)
        return found.due

    def _until_next(self) -> float:
        if self.closing:
            return NAP
        now = self._now()
        waits = [found.due - now for found in self._next.values() if found.due is not None]
        return max(0.0, min([NAP, *waits]))

    def _launch(self) -> None:
        waiting = [
            firing
            for run, firing in self._open.items()
            if run not in self._processes and run not in self._adopted
        ]
        for firing in sorted(waiting, key=lambda one: (one.due, one.id)):
            kept = self._kept.get(firing.schedule)
            if self.running >= self._most_runs:
                return
            if kept is not None and not self._is_in_the_way(kept, firing):
                self._start(firing)

    def _is_in_the_way(self, kept: Kept, firing: Firing) -> bool:
        """Say whether the firing must wait for another run of its schedule, which may have to stop."""
        overlap = kept.schedule.overlap
        if overlap == "allow":
            return False
        others = [
            self._open[run]
            for run in (*self._processes, *self._adopted)
            if self._open[run].schedule == firing.schedule
        ]
        if overlap == "cancel-previous" and not firing.caught_up:
            for other in others:
                self._ask_to_stop(other, "the next one is due (overlap: cancel-previous)")
        return bool(others)

    def _start(self, firing: Firing) -> None:
        assert firing.run is not None
        try:
            self._processes.start(firing.run)
        except OSError as error:
            self._ended(firing, f"no process could be started for it: {error}")
            return
        self._tell(Event(FIRED, firing.schedule, firing.note, firing))

    def _ask_to_stop(self, firing: Firing, why: str) -> None:
        assert firing.run is not None
        if firing.run in self._told_to_stop:
            return
        self._told_to_stop.add(firing.run)
        self._tell(Event("stopping", firing.schedule, why, firing))
        if firing.run in self._processes:
            self._processes.tell_to_stop(firing.run)
        else:
            self._stop_run(firing.run)

    def _reap(self) -> None:
        for run in self._processes.ended():
            self._settle(self._open[run], self._processes.complaint(run))
            self._processes.forget(run)
        for run in tuple(self._adopted):
            if not self._is_alive(run):
                self._ended(self._open[run])

    def _settle(self, firing: Firing, complaint: str) -> None:
        """Record the end of a process of ours: of a run, or of the attempt to begin one."""
        assert firing.run is not None
        recorded = self._store.firings.of_run(firing.run)
        if recorded is None:
            self._open.pop(firing.run, None)
        elif recorded.decision == FIRED and not self._is_alive(firing.run):
            self._ended(recorded)
        else:
            state = self._journal_states().get(firing.run)
            if state is not None:
                self._has_begun(recorded, state)
            elif recorded.decision == PENDING:
                self._ended(recorded, complaint)
            else:
                # Dropped before its process could begin the run.
                self._open.pop(firing.run, None)

    def _has_begun(self, firing: Firing, state: str) -> None:
        """Take note of a run that is in the journal, which may still be at work in another process."""
        assert firing.run is not None
        if state != "running":
            self._ended(firing)
            return
        self._store.firings.confirm(firing.run)
        self._open[firing.run] = firing._replace(decision=FIRED)
        self._adopted.add(firing.run)

    def _ended(self, firing: Firing, complaint: str | None = None) -> None:
        assert firing.run is not None
        self._store.firings.end(firing.run, complaint)
        self._open.pop(firing.run, None)
        self._adopted.discard(firing.run)
        self._told_to_stop.discard(firing.run)
        kind = "ended" if complaint is None else "failed"
        self._tell(Event(kind, firing.schedule, complaint or "", firing))

    def _is_alive(self, run: str) -> bool:
        return holder(self._workspace.run_folder(run) / "lock") is not None

    def _journal_states(self) -> dict[str, str]:
        journal = Journal(self._workspace.journal)
        try:
            return {run.run_id: run.state for run in journal.runs()}
        finally:
            journal.close()

    def _trouble(self, name: str, text: str) -> None:
        if (name + text) not in self._troubles:
            self._troubles.add(name + text)
            self._tell(Event("trouble", name, text))
