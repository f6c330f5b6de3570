"""The live view of a run on a terminal: how much is done, what is running, how long it will take.

Observers only count; a ticker of its own draws, ten times a second at most, so that a run of 100,000
steps is not slowed by being watched. What is drawn is two lines below everything else: they are
erased before anything is printed above them, and at the end. No cursor is hidden and no mode is
changed, so even a killed run leaves the terminal as it was.
"""

from __future__ import annotations

from collections import deque
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Final

from framework0.cli.columns import cut
from framework0.cli.streams import columns_of, shows_signs, wants_color
from framework0.cli.times import stopwatch_text
from framework0.cli.watching import Quiet, attempt_line, overdue_line, overdue_text, waiting_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from framework0.cli.remaining import Remaining
    from framework0.runner import AttemptRecord, Run
    from framework0.workspace import Workspace

TICK: Final = 0.1
"""Seconds between two drawings: what eyes follow, and nothing that a run would notice."""

FIRST: Final = 0.3
"""Seconds before the first drawing: a short run shows its lines and no flicker."""

LISTED: Final = 40
"""A run of at most so many steps shows each as it ends; a larger one only what did not go well."""

FAILURES_SHOWN: Final = 20
"""Failed attempts told while the run goes on; beyond, only the count on the line grows."""

BAR: Final = 24
"""Columns of the bar."""

WIDE: Final = 60
"""From this many columns on there is room for a bar and for names."""

PAINT: Final = {
    "ok": "32",
    "cached": "32",
    "overdue": "33",
    "FAILED": "31",
    "TIMED OUT": "31",
    "cancelled": "35",
    "skipped": "2",
}


class LiveProgress(Quiet):
    """Draws on ``stream`` while a run lasts; :meth:`close` leaves nothing behind.

    ``remaining`` knows from earlier runs what is left to do; it may come later, or never.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.remaining: Remaining | None = None
        self._stream = stream
        self._color = wants_color(stream)
        self._signs = shows_signs(stream)
        self._lock = Lock()
        self._above: deque[str] = deque()
        self._running: dict[str, float] = {}
        self._progress: dict[str, tuple[int, int]] = {}
        self._overdue: dict[str, float] = {}
        self._told_overdue = 0
        self._done = 0
        self._failed = 0
        self._told_failures = 0
        self._total = 0
        self._began = monotonic()
        self._drawn: list[int] = []
        self._over = Event()
        self._run: Run | None = None
        self._space: Workspace | None = None
        self._ticker: Thread | None = None

    def joins(self, run: Run, space: Workspace) -> None:
        """Take over what an earlier process has done, and look at earlier runs once there is time."""
        self._run, self._space = run, space
        self._done = sum(1 for node in run.records if node < len(run.state.plan))

    def run_started(self, run_id: str, total: int) -> None:
        """Begin to draw."""
        self._total = total
        self._began = monotonic()
        self._above.append(f"run {run_id}: {total:,} step{'s' if total != 1 else ''}")
        self._ticker = Thread(target=self._tick, name="framework0-progress", daemon=True)
        self._ticker.start()

    # An observer is told more than a line has room for.
    def step_started(self, name: str, attempt: int) -> None:  # noqa: ARG002
        """Note since when a step runs."""
        self._running[name] = monotonic()

    def step_progress(self, name: str, done: int, total: int) -> None:
        """Note how far a step says it is."""
        self._progress[name] = (done, total)

    def step_waiting(self, name: str, text: str) -> None:
        """Tell what a step waits for, if it is one of few."""
        if self._total <= LISTED:
            self._above.append(cut(waiting_line(name, text), columns_of(self._stream)))

    # A line on a terminal is read as it comes.
    def step_overdue(
        self, name: str, attempt: int, timeout: float, at: float  # noqa: ARG002
    ) -> None:
        """Tell of a step whose time is over, if it is one of few, and mark it until it is gone."""
        self._overdue[name] = timeout
        self._told_overdue += 1
        if self._told_overdue <= FAILURES_SHOWN:
            line = overdue_line(name, attempt, timeout)
            self._above.append(self._painted(cut(line, columns_of(self._stream))))

    def step_finished(self, records: Sequence[AttemptRecord]) -> None:
        """Count what has ended, and tell of it if it is one of few or did not go well."""
        for record in records:
            self._running.pop(record.name, None)
            self._progress.pop(record.name, None)
            self._overdue.pop(record.name, None)
            failed = record.outcome.failure is not None
            if record.final and record.node < self._total:
                self._done += 1
                self._failed += failed
                if self.remaining is not None:
                    self.remaining.ended(record.node)
            self._told_failures += failed
            if self._total <= LISTED or failed:
                self._tell(record, failed=failed)

    def _tell(self, record: AttemptRecord, *, failed: bool) -> None:
        if record.node >= self._total and not failed:
            # One of perhaps very many items of a foreach.
            return
        if not failed or self._told_failures <= FAILURES_SHOWN:
            # On one line; the last word has all of it.
            self._above.append(self._painted(cut(attempt_line(record), columns_of(self._stream))))

    # How it ended is told by the last word.
    def run_finished(self, state: str, seconds: float) -> None:  # noqa: ARG002
        """End the drawing."""
        self.close()

    def close(self) -> None:
        """Stop drawing and erase what was drawn; what is still to be told is told."""
        self._over.set()
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.join()
        self._write(self._erased() + self._told())

    def _painted(self, line: str) -> str:
        if not self._color:
            return line
        sign = line[:9].strip()
        code = PAINT.get(sign)
        return f"\x1b[{code}m{line[:9]}\x1b[0m{line[9:]}" if code else line

    def _tick(self) -> None:
        from framework0.recipe import text_width

        pause = FIRST
        while not self._over.wait(pause):
            if pause == FIRST:
                self._look_back()
            pause = TICK
            lines = self.lines(columns_of(self._stream))
            text = self._erased() + self._told() + "\n".join(lines)
            # The widths are kept: after a resize the lines may take more rows than were drawn.
            self._drawn = [text_width(line) for line in lines]
            self._write(text)

    def _look_back(self) -> None:
        """Learn from the journal how long the steps took in earlier runs."""
        from framework0.cli.remaining import Remaining
        from framework0.errors import JournalError
        from framework0.runner import Journal

        if self._run is None or self._space is None:
            return
        plan = self._run.state.plan
        journal = Journal(self._space.journal)
        try:
            expected = journal.expect(plan.recipe.name)
        except JournalError:
            # The run itself will say so, where it matters.
            return
        finally:
            journal.close()
        limit = self._run.state.limit
        ended = [node for node, record in self._run.records.copy().items() if record.final]
        self.remaining = Remaining(plan, expected, limit=limit, ended=ended)

    def _told(self) -> str:
        told = []
        while self._above:
            told.append(self._above.popleft() + "\n")
        return "".join(told)

    def _erased(self) -> str:
        if not self._drawn:
            return ""
        columns = columns_of(self._stream)
        rows = sum(max(1, -(-width // columns)) for width in self._drawn)
        self._drawn = []
        up = f"\x1b[{rows - 1}A" if rows > 1 else ""
        return f"\r{up}\x1b[J"

    def _write(self, text: str) -> None:
        if not text:
            return
        with self._lock:
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):
                # The terminal is gone; the run is not.
                self._over.set()

    def lines(self, columns: int) -> list[str]:
        """Return what is drawn now on a terminal of so many columns, one column kept free."""
        room = columns - 1
        elapsed = stopwatch_text(monotonic() - self._began)
        share = self._done / self._total if self._total else 1.0
        count = f"{self._done:,}/{self._total:,}"
        if columns < WIDE:
            return [cut(f"{count} {share:.0%} {elapsed}", room)]
        parts = [self._bar(share), count, f"{share:.0%}", elapsed]
        if self._failed:
            parts.append(f"{self._failed:,} failed")
        parts.append(self._outlook())
        first = cut("  ".join(filter(None, parts)), room)
        second = cut(f"  {self._names(room)}", room)
        return [first, second] if second.strip() else [first]

    def _outlook(self) -> str:
        if self.stopping:
            return f"stopping ({self.stopping}); again to stop at once"
        if self.remaining is None:
            return ""
        left = self.remaining.seconds(list(self._running.items()), monotonic())
        return "" if left is None else f"about {stopwatch_text(left)} left"

    def _bar(self, share: float) -> str:
        full = round(share * BAR)
        done, left = ("█", "░") if self._signs else ("#", "-")
        return done * full + left * (BAR - full)

    def _names(self, room: int) -> str:
        """Return the names of the steps that run longest, as many as fit, and how many more."""
        from framework0.logs import one_line
        from framework0.recipe import text_width

        running = list(self._running)
        shown: list[str] = []
        used = 0
        for name in running:
            word = one_line(name)
            done, total = self._progress.get(name, (0, 0))
            if total:
                word += f" {done:,}/{total:,}"
            if name in self._overdue:
                word += f" ({overdue_text(self._overdue[name])})"
            used += text_width(word) + 2
            if shown and used > room - len(" and 10,000 more"):
                break
            shown.append(word)
        more = len(running) - len(shown)
        return ", ".join(shown) + (f" and {more:,} more" if more else "")
