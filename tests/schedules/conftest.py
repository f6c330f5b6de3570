"""A workspace whose clock the test sets, with real servers, real processes and a real journal."""

from __future__ import annotations

import os
import select

import pytest

from framework0.cli.cancel import tell_to_stop
from framework0.cli.serve_schedules import command_of
from framework0.runner import Journal
from framework0.schedules import Schedule, Server, Store, Timing
from framework0.workspace import find_workspace

NOON = 1_767_268_800.0
"""2026-01-01 12:00 UTC, where the test's clock begins."""

STEPS = '''
import os
from pathlib import Path


def note(text="ran"):
    """Leave a trace outside, so that a test can count how often this ran."""
    with open("notes", "a", encoding="utf-8") as file:
        file.write(text + "\\n")


def wait_for_opening():
    """Say that it waits, then wait until somebody opens the named pipe for writing."""
    note("began")
    Path("waiting").write_text(str(os.getpid()), encoding="ascii")
    with open("gate", encoding="utf-8") as opened:
        return opened.read()
'''

RECIPES = {
    "note.yaml": """
metadata: {name: note}
inputs: {text: {type: string, default: ran}}
steps:
  - {name: note, module: steps, function: note, args: {text: "${{ inputs.text }}"}}
""",
    "waiting.yaml": """
metadata: {name: waiting}
steps:
  - {name: gate, module: steps, function: wait_for_opening, executor: process}
""",
}


class World:
    """The workspace, its store, and the wall clock of both (``now``, epoch seconds)."""

    def __init__(self, folder):
        self.folder = folder
        self.space = find_workspace(explicit=folder)
        self.now = NOON
        self.store = Store(self.space.state / "schedules.db", clock=lambda: self.now)
        self.events = []
        self.servers = []

    def add(self, name="s", recipe="note.yaml", **options):
        timing = options.pop("timing", Timing(every=60.0, anchor=NOON))
        schedule = Schedule(name, recipe, timing, options.pop("inputs", {}), **options)
        return self.store.add(schedule)

    def server(self, **options):
        server = Server(
            self.space,
            self.store,
            command=lambda run: command_of(self.space, run),
            stop_run=lambda run: tell_to_stop(self.space.run_folder(run), run),
            tell=self.events.append,
            now=lambda: self.now,
            **options,
        )
        self.servers.append(server)
        server.begin()
        return server

    def look(self, server, at=None):
        self.now = self.now if at is None else NOON + at
        return server.look()

    def await_ends(self, server, *runs):
        """Wait until the processes of the runs, or of all, have ended, and let the server see it."""
        for run in runs or tuple(server._processes):
            server._processes._living[run].wait(60)
        server.look()

    def decisions(self, name="s"):
        """Return (seconds after noon, decision), the oldest first."""
        found = reversed(self.store.firings.latest(name, 1000))
        return [(firing.due - NOON, firing.decision) for firing in found]

    def firing(self, due, name="s"):
        return next(one for one in self.store.firings.latest(name, 1000) if one.due == NOON + due)

    def notes(self):
        path = self.folder / "notes"
        return path.read_text(encoding="utf-8").split() if path.exists() else []

    def runs(self):
        journal = Journal(self.space.journal)
        try:
            return {run.run_id: run for run in journal.runs()}
        finally:
            journal.close()

    def close(self):
        for server in self.servers:
            for process in server._processes._living.values():
                process.terminate()
                process.wait(120)
        self.store.close()


@pytest.fixture
def world(tmp_path):
    """A workspace with the recipes above, at noon."""
    folder = tmp_path / "workspace"
    (folder / ".framework0").mkdir(parents=True, mode=0o700)
    (folder / "steps.py").write_text(STEPS, encoding="utf-8")
    for name, text in RECIPES.items():
        (folder / name).write_text(text.lstrip(), encoding="utf-8")
    made = World(folder)
    yield made
    made.close()


@pytest.fixture
def gate(world):
    """The named pipes ``gate`` and ``waiting``; call it to await a step, ``open`` lets one end."""
    os.mkfifo(world.folder / "gate")
    os.mkfifo(world.folder / "waiting")
    # Open for both, so that neither side waits for the other when it opens the pipe.
    descriptor = os.open(world.folder / "waiting", os.O_RDWR | os.O_NONBLOCK)

    class Gate:
        def __call__(self):
            ready, _, _ = select.select([descriptor], [], [], 120)
            assert ready, "the step has not begun within 120 s"
            return int(os.read(descriptor, 100))

        def open(self):
            (world.folder / "gate").write_text("go", encoding="utf-8")

    yield Gate()
    os.close(descriptor)


def await_end_of(pid):
    """Wait until a process that is no child of ours has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([descriptor], [], [], 120)
        assert ready, f"process {pid} has not ended within 120 s"
    finally:
        os.close(descriptor)
