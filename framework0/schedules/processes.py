"""The processes of scheduled runs: one each, so that what ends one of them ends no other."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

from framework0.schedules.limits import LONGEST_COMPLAINT
from framework0.workspace import make_private_folder, open_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path


class Processes:
    """The living processes by the id of their run. ``command`` returns what starts one.

    Each is a session of its own: what the terminal sends to the server does not reach it. What it
    says goes to a file in ``folder`` and not to the server, which may end before it does.
    """

    def __init__(self, folder: Path, cwd: Path, command: Callable[[str], Sequence[str]]) -> None:
        self._folder = folder
        self._cwd = cwd
        self._command = command
        self._living: dict[str, subprocess.Popen[bytes]] = {}

    def __contains__(self, run: str) -> bool:
        return run in self._living

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._living))

    def __len__(self) -> int:
        return len(self._living)

    def start(self, run: str) -> None:
        """Start the process of a run; raise OSError when the system gives none."""
        make_private_folder(self._folder)
        said = open_private(self._said(run))
        try:
            os.ftruncate(said, 0)
            # Our own interpreter and our own module; the run's id is an argument, in no shell.
            self._living[run] = subprocess.Popen(  # noqa: S603
                self._command(run),
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        finally:
            os.close(said)

    def ended(self) -> list[str]:
        """Return the runs whose processes have ended; each stays until :meth:`forget`."""
        return [run for run, process in self._living.items() if process.poll() is not None]

    def complaint(self, run: str) -> str:
        """Return what the ended process of a run said last, or how it ended if it said nothing."""
        code = self._living[run].returncode
        with contextlib.suppress(OSError), open(self._said(run), "rb") as file:
            # A character may take four bytes.
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4 * LONGEST_COMPLAINT))
            text = file.read().decode("utf-8", "replace").strip()
            if text:
                return text[-LONGEST_COMPLAINT:]
        if code < 0:
            return f"its process was ended by {_signal_name(-code)} before the run began"
        return f"its process ended with exit code {code} before the run began"

    def forget(self, run: str) -> None:
        """Let go of an ended process and of what it said."""
        del self._living[run]
        with contextlib.suppress(OSError):
            self._said(run).unlink()

    def forget_all_but(self, runs: Iterable[str]) -> None:
        """Remove what the processes of an earlier server said, but for those of ``runs``."""
        kept = {self._said(run).name for run in runs}
        with contextlib.suppress(OSError):
            for entry in os.scandir(self._folder):
                if entry.name not in kept:
                    os.unlink(entry.path)

    def tell_to_stop(self, run: str) -> None:
        """Ask the process of a run to end, as Ctrl-C in its own terminal would."""
        process = self._living[run]
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)

    def _said(self, run: str) -> Path:
        return self._folder / f"{run}.err"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
