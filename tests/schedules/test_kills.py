"""Servers that are really killed (SIGKILL) between any two of their steps: nothing twice, nothing lost."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from framework0.schedules import Timing
from framework0.workspace import hold
from tests.schedules.conftest import NOON, await_end_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unmeasured")]

KILLED = """
import os, signal, sys
from framework0.cli.cancel import tell_to_stop
from framework0.cli.serve_schedules import command_of
from framework0.schedules import Server, Store
from framework0.schedules.firings import Firings
from framework0.schedules.processes import Processes
from framework0.workspace import find_workspace

folder, point, now = sys.argv[1], sys.argv[2], float(sys.argv[3])

def killing(cls, name, before):
    inner = getattr(cls, name)
    def outer(self, *words):
        if not before:
            inner(self, *words)
        if name == "start" and not before:
            # For the test, which waits for the end of the process that nobody is a parent of now.
            print(self._living[words[0]].pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(cls, name, outer)

cls, name, before = {
    "before the decision": (Firings, "record", True),
    "after the decision": (Firings, "record", False),
    "before the start": (Processes, "start", True),
    "after the start": (Processes, "start", False),
    "before the end is recorded": (Firings, "end", True),
    "after the end is recorded": (Firings, "end", False),
}[point]
killing(cls, name, before)
space = find_workspace(explicit=folder)
server = Server(
    space,
    Store(space.state / "schedules.db"),
    command=lambda run: command_of(space, run),
    stop_run=lambda run: None,
    tell=lambda event: None,
    now=lambda: now,
)
server.begin()
while True:
    server.look()
    for process in server._processes._living.values():
        process.wait()
"""

POINTS = [
    "before the decision",
    "after the decision",
    "before the start",
    "after the start",
    "before the end is recorded",
    "after the end is recorded",
]


def kill_one(world, point, at=60.0):
    """Run a server that is killed at a point; return the process id of the run it had started, if any."""
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(world.folder), point, str(NOON + at)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    return int(ended.stdout) if ended.stdout else None


@pytest.mark.parametrize("point", POINTS)
def test_a_server_killed_anywhere_has_fired_each_due_time_once_in_the_end(world, point):
    world.add(inputs={"text": "due-{due:%M}"})
    orphan = kill_one(world, point)
    world.now = NOON + 61
    server = world.server()
    world.look(server)
    world.await_ends(server)
    if orphan is not None:
        await_end_of(orphan)
    world.look(server)
    assert server.running == 0
    assert world.decisions() == [(60, "fired")]
    assert world.notes() == ["due-01"]
    [run] = world.runs().values()
    assert (run.run_id, run.state) == (world.firing(60).run, "succeeded")
    assert world.firing(60).ended is not None


def test_servers_killed_again_and_again_fire_each_due_time_once(world):
    world.add(overlap="queue", catch_up="all", catch_up_limit=50, inputs={"text": "{due:%M}"})
    orphans = []
    for number, point in enumerate(POINTS * 2, 1):
        orphans.append(kill_one(world, point, at=60.0 * number))
    world.now = NOON + 60 * 12 + 1
    server = world.server()
    while world.look(server) == 0 or server.running:
        world.await_ends(server)
        for orphan in filter(None, orphans):
            await_end_of(orphan)
    assert world.notes() == [f"{number:02}" for number in range(1, 13)]
    assert world.decisions() == [(60 * number, "fired") for number in range(1, 13)]
    assert len(world.runs()) == 12


def test_a_run_outlives_its_server_and_the_next_one_knows_of_it(world, gate):
    world.add(recipe="waiting.yaml", overlap="skip")
    orphan = kill_one(world, "after the start")
    gate()
    world.now = NOON + 61
    server = world.server()
    assert server.running == 1
    assert world.firing(60).decision == "fired"
    world.look(server, 120)
    assert world.decisions() == [(60, "fired"), (120, "skipped")]
    gate.open()
    # The lock of the run is free when it has ended.
    hold(world.space.run_folder(world.firing(60).run) / "lock", timeout=None).release()
    await_end_of(orphan)
    world.look(server, 121)
    assert server.running == 0
    assert world.notes() == ["began"]


def test_a_run_of_an_earlier_server_can_be_cancelled_by_the_next(world, gate):
    world.add(recipe="waiting.yaml", overlap="cancel-previous")
    orphan = kill_one(world, "after the start")
    gate()
    world.now = NOON + 61
    server = world.server()
    world.look(server, 120)
    await_end_of(orphan)
    world.look(server, 121)
    gate()
    gate.open()
    world.await_ends(server)
    states = [world.runs()[world.firing(due).run].state for due in (60, 120)]
    assert states == ["cancelled", "succeeded"]


def test_a_run_that_was_killed_is_not_begun_again_by_itself(world, gate):
    """A killed run is interrupted, as any other: going on with it is a person's decision."""
    world.add(recipe="waiting.yaml")
    server = world.server()
    world.look(server, 60)
    gate()
    [process] = server._processes._living.values()
    process.kill()
    world.await_ends(server)
    world.look(server, 61)
    assert world.decisions() == [(60, "fired")]
    assert world.notes() == ["began"]


def test_a_run_pruned_from_the_journal_while_no_server_was_there_is_not_run_again(world):
    world.add(timing=Timing(every=3600.0, anchor=NOON))
    kill_one(world, "before the end is recorded", at=3600.0)
    from framework0.runner import Journal

    assert len(Journal(world.space.journal).prune(keep=0)) == 1
    world.now = NOON + 3610
    server = world.server()
    world.look(server)
    assert (world.decisions(), server.running) == ([(3600, "fired")], 0)
    assert world.notes() == ["ran"]


def test_without_the_record_before_the_start_a_kill_would_fire_twice(world):
    """The negative control: a server that forgets what it had decided does run it again."""
    world.add()
    kill_one(world, "before the end is recorded")
    with world.store._database.change() as connection:
        connection.execute("DELETE FROM firings")
        connection.execute("UPDATE schedules SET seen = ?", (NOON,))
    server = world.server()
    world.look(server, 61)
    world.await_ends(server)
    assert world.notes() == ["ran", "ran"]
