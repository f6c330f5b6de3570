"""Run what is due, for as long as this runs.

One server at a time serves a workspace. Each due time becomes one run in a process of its own.
Schedules that are added, changed or removed meanwhile are taken up within a second.

The first Ctrl-C or SIGTERM has it start nothing more and wait for the runs that go on; the second one
has these stop. A run outlives a server that is killed, and the next server knows of it.

examples:
  framework0 serve-schedules
  framework0 serve-schedules --workspace /srv/reports --max-runs 4
  framework0 serve-schedules --json
"""

from __future__ import annotations

import os
import select
import signal
import sys
from time import monotonic
from typing import TYPE_CHECKING, Any

from framework0.cli.choosing import add_workspace
from framework0.errors import EXIT_OK, WorkspaceError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from types import FrameType
    from typing import Self

    from framework0.schedules import Event, Server
    from framework0.workspace import Workspace

SAME_SIGNAL = 0.2
"""Seconds in which signals count as one: many senders signal a process and then its whole group."""

CHILD = "import sys; sys.path[:] = {path!r}; from framework0.cli.scheduled import main; sys.exit(main())"
"""The program of a run's process. The import path is handed over whole: with ``-m`` the current folder
would come first, and a user's ``json.py`` there would replace the standard library's."""


def configure(parser: ArgumentParser) -> None:
    """Add the arguments of ``serve-schedules``."""
    from framework0.cli.running import whole
    from framework0.schedules import USUAL_RUNS

    parser.add_argument(
        "--max-runs",
        type=whole,
        default=USUAL_RUNS,
        metavar="N",
        help=f"runs at one time; more wait for their turn (default {USUAL_RUNS})",
    )
    parser.add_argument("--json", action="store_true", help="one JSON event a line on stdout")
    add_workspace(parser)


def execute(arguments: Namespace) -> int:
    """Serve until told to stop."""
    from framework0.cli.cancel import tell_to_stop
    from framework0.schedules import Server, lock_server, store_of
    from framework0.workspace import find_workspace

    space = find_workspace(explicit=arguments.workspace)
    store = store_of(space)
    with lock_server(space), Wakeup() as wakeup:
        server = Server(
            space,
            store,
            command=lambda run: command_of(space, run),
            stop_run=lambda run: tell_to_stop(space.run_folder(run), run),
            tell=Events(json=arguments.json).tell,
            most_runs=arguments.max_runs,
        )
        try:
            server.begin()
            _say_what_is_served(space, server, json=arguments.json)
            return serve(server, wakeup)
        finally:
            store.close()


def command_of(space: Workspace, run: str) -> list[str]:
    """Return the command that carries out the run of that id."""
    # The options this interpreter was started with, such as -X utf8, hold for its runs too.
    import subprocess

    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
    return [sys.executable, *flags, "-c", CHILD.format(path=sys.path), str(space.root), run]


def serve(server: Server, wakeup: Wakeup) -> int:
    """Look, and wait for the next reason to look, until told to stop; return the exit code."""
    from framework0.cli.troubles import say
    from framework0.runner import exit_code_for
    from framework0.schedules import NAP

    said = None
    while True:
        if wakeup.stops > 1:
            server.stop_runs()
        if wakeup.stops and not server.closing:
            server.closing = True
            if server.running:
                say(f"waiting for the end of {_runs(server)}; a second signal stops what goes on")
        if server.closing and not server.running:
            return EXIT_OK if wakeup.stops == 1 else exit_code_for(wakeup.first)
        try:
            seconds = server.look()
            said = None
        except WorkspaceError as error:
            # A full disk, say. Nothing was started that is not recorded: what is due stays due.
            if str(error) != said:
                say(f"{error}; trying again")
            said, seconds = str(error), NAP
        wakeup.wait(seconds)


def _runs(server: Server) -> str:
    return "1 run" if server.running == 1 else f"{server.running} runs"


class Wakeup:
    """Ends a wait when a signal comes: one that ends the server, or the end of a run's process.

    ``stops`` counts the signals that end the server, ``first`` names the first of them. SIGHUP is one
    of them where somebody sits at a terminal, which has then been closed; elsewhere it only wakes.
    """

    def __init__(self) -> None:
        self.stops = 0
        self.first = ""
        self._first_at = 0.0
        self._before: dict[int, Any] = {}
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def __enter__(self) -> Self:
        ending = ["SIGINT", "SIGTERM"]
        waking = ["SIGCHLD"]
        (ending if os.isatty(2) else waking).append("SIGHUP")
        for names, hear in ((ending, self._stop), (waking, self._wake)):
            for number in filter(None, (getattr(signal, name, None) for name in names)):
                # What was ignored (nohup) stays ignored.
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, hear)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, before in self._before.items():
            signal.signal(number, before)
        os.close(self._read)
        os.close(self._write)

    def wait(self, seconds: float) -> None:
        """Wait so long, or until a signal comes."""
        if select.select([self._read], [], [], seconds)[0]:
            os.read(self._read, 4096)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if not self.stops:
            self.stops, self.first = 1, signal.Signals(number).name
            self._first_at = monotonic()
        elif monotonic() - self._first_at > SAME_SIGNAL:
            self.stops += 1

    def _wake(self, _number: int, _frame: FrameType | None) -> None:
        """Have Python write to the pipe; that is all such a signal needs here."""


class Events:
    """Tells what the server does: a line a person reads on stderr, or JSON lines on stdout."""

    def __init__(self, *, json: bool) -> None:
        self._json = json

    def tell(self, event: Event) -> None:
        """Write one event; a stream that nobody reads any more does not end the server."""
        from framework0.logs import one_line

        stream = sys.stdout if self._json else sys.stderr
        text = self._object(event) if self._json else one_line(_line(event))
        try:
            print(text, file=stream, flush=True)
        except OSError:
            # Nobody reads it any more: what is buffered, and all that follows, goes nowhere.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)

    def _object(self, event: Event) -> str:
        import json
        from time import time

        firing = event.firing
        return json.dumps(
            {
                "event": event.kind,
                "schedule": event.schedule,
                "at": time(),
                "due": firing and firing.due,
                "run": firing and firing.run,
                "note": event.note,
            }
        )


def _line(event: Event) -> str:
    from framework0.cli.times import clock_text
    from framework0.schedules import moment_text

    parts = [event.schedule]
    if event.firing is not None:
        parts.append(f"due {moment_text(event.firing.due, 'UTC')}")
    run = event.firing and event.firing.run
    parts.append(f"{event.kind}: run {run}" if run else event.kind)
    if event.note:
        parts.append(event.note.partition("\n")[0])
    from time import time

    return f"{clock_text(time())}  {', '.join(parts)}"


def _say_what_is_served(space: Workspace, server: Server, *, json: bool) -> None:
    from framework0.cli.troubles import say

    if json:
        return
    count = len(server.schedules)
    served = "no schedule yet" if not count else f"{count} schedule{'s' * (count > 1)}"
    going = f"; {_runs(server)} of an earlier server at work" if server.running else ""
    say(f"serving {space.root}: {served}{going}")
