"""The metrics file: a page that Prometheus' node_exporter picks up from its textfile folder.

The file is replaced as a whole, so that nobody ever reads half a page; it is readable by all, because
node_exporter runs as somebody else. See https://github.com/prometheus/node_exporter#textfile-collector.
"""

from __future__ import annotations

import os
from threading import Event, Thread
from time import time
from typing import TYPE_CHECKING, Final

from framework0.errors import UsageError
from framework0.telemetry.exposition import page
from framework0.telemetry.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework0.runner import AttemptRecord
    from framework0.telemetry.subject import Subject

EVERY: Final = 15.0
"""Seconds between two pages while a run lasts: as often as Prometheus usually looks."""

_MODE: Final = 0o644
_FLAGS: Final = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
)


class MetricsFile:
    """Implements :class:`framework0.runner.Observer`: keeps the page at ``path`` up to date.

    It is written when the run begins, every ``every`` seconds, and at the end. A disk that refuses it
    is told of once and does not hurt the run; the next page is tried all the same.

    Raises :class:`~framework0.errors.UsageError`, before the run, for a path where no file can be.
    """

    def __init__(self, path: str, subject: Subject, *, every: float = EVERY) -> None:
        self.path = os.path.abspath(path)
        self._subject = subject
        self._every = every
        self._tally: Tally | None = None
        self._over = Event()
        self._ticker: Thread | None = None
        self._told = False
        _check(self.path)

    # Whose run it is has been known since the beginning.
    def run_started(self, run_id: str, total: int) -> None:  # noqa: ARG002
        """Write the first page and go on writing."""
        self._tally = Tally(self._subject, time())
        self._write()
        self._ticker = Thread(target=self._tick, name="framework0-metrics", daemon=True)
        self._ticker.start()

    # A tally counts; it does not tell one attempt from another.
    def step_started(self, name: str, attempt: int) -> None:  # noqa: ARG002
        """Count an attempt that begins."""
        assert self._tally is not None
        self._tally.start()

    def step_progress(self, name: str, done: int, total: int) -> None:
        """Progress within a step is no figure."""

    def step_finished(self, records: Sequence[AttemptRecord]) -> None:
        """Count attempts that are acknowledged."""
        assert self._tally is not None
        self._tally.take(records)

    # The page has the times of the wall clock, which tell how long it took as well.
    def run_finished(self, state: str, seconds: float) -> None:  # noqa: ARG002
        """Note the end; :meth:`close` writes it."""
        assert self._tally is not None
        self._tally.finish(state, time())

    def close(self) -> None:
        """Write the last page, also of a run that broke down."""
        self._over.set()
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.join()
        if self._tally is not None:
            if self._tally.finished is None:
                self._tally.finish("broken", time())
            self._write()

    def _tick(self) -> None:
        while not self._over.wait(self._every):
            self._write()

    def _write(self) -> None:
        assert self._tally is not None
        folder, name = os.path.split(self.path)
        # Not ending in .prom, so that nobody picks it up; of this run alone, so that none is in the way.
        draft = os.path.join(folder, f".{name}.{self._subject.run_id}.{os.getpid()}")
        try:
            _put(draft, page(self._tally))
            os.replace(draft, self.path)
        except OSError as error:
            self._tell(error)

    def _tell(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            self._subject.tell(
                f"the metrics file {self.path} cannot be written: {error.strerror} "
                f"(errno {error.errno}); the run goes on without it"
            )


def _put(path: str, text: str) -> None:
    try:
        descriptor = os.open(path, _FLAGS, _MODE)
    except FileExistsError:
        # Of a write that was cut off by a full disk.
        os.unlink(path)
        descriptor = os.open(path, _FLAGS, _MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            # The umask may have taken away what the reader needs.
            os.fchmod(file.fileno(), _MODE)
    except OSError:
        os.unlink(path)
        raise


def _check(path: str) -> None:
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise UsageError(f"the metrics file {path} needs a folder: {folder} does not exist")
    if os.path.lexists(path) and not os.path.isfile(path):
        raise UsageError(
            f"the metrics file {path} would replace what is no file: choose another name"
        )
