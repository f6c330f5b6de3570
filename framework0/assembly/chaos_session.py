"""One process of a chaos trial: begin a run, or go on with it, and die at a boundary of the journal.

Run as ``python -m framework0.assembly.chaos_session``, with a JSON object as its only argument (see
:func:`main`). What happens is told line by line in a file outside of the workspace, which outlives the
process: it is the ledger that the trial compares the journal with.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from framework0.runner import AttemptRecord

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Windows has one way to end a process, and this is its name there."""


class Ledger:
    """Tells, as an observer of the run, what has begun and what is acknowledged."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def tell(self, *words: object) -> None:
        """Write one line; it is there even if the process is killed right after."""
        os.write(self._file, json.dumps(words).encode() + b"\n")

    def run_started(self, run_id: str, total: int) -> None:
        """Tell which run it is."""
        self.tell("run", run_id, total)

    def step_started(self, name: str, attempt: int) -> None:
        """Tell that an attempt begins."""
        self.tell("started", name, attempt)

    def step_progress(self, name: str, done: int, total: int) -> None:
        """Progress decides nothing."""

    def step_finished(self, records: Sequence[AttemptRecord]) -> None:
        """Tell what is acknowledged."""
        for record in records:
            self.tell("done", record.name, record.attempt, record.state, record.final)

    # How long it took decides nothing either.
    def run_finished(self, state: str, seconds: float) -> None:  # noqa: ARG002
        """Tell that the end is acknowledged."""
        self.tell("end", state)


def main(prepare: Callable[[], None] | None = None) -> None:
    """Run the session that the argument describes.

    Its keys: ``workspace``, ``recipe``, ``inputs``, ``ledger``; ``run``, to go on with, or null;
    ``point``, the boundary to die at, or null; and ``untrusted``, whether steps run in a sandbox. ``prepare``
    is called before anything runs.
    """
    wanted = json.loads(sys.argv[1])
    from framework0.assembly.running import resume_run, start_run
    from framework0.assembly.session import Options

    ledger = Ledger(wanted["ledger"])
    options = Options(
        observer=ledger,
        no_breaks=True,
        edited="recorded",
        untrusted="strict" if wanted["untrusted"] else None,
    )
    if wanted["point"] is not None:
        from framework0.runner import at_boundary

        at_boundary(wanted["point"], lambda: os.kill(os.getpid(), KILL))
    if prepare is not None:
        prepare()
    if wanted["run"] is None:
        start_run(
            wanted["recipe"],
            inputs=wanted["inputs"],
            workspace=wanted["workspace"],
            options=options,
        )
    else:
        resume_run(wanted["run"], workspace=wanted["workspace"], options=options)


if __name__ == "__main__":
    main()
