"""A server at work: real runs, with a wall clock that goes as the test says."""

from __future__ import annotations

import os
import stat

import pytest

from framework0.errors import WorkspaceError
from framework0.schedules import Timing
from framework0.schedules.limits import NAP

DAY = 86_400
HOUR = 3_600

pytestmark = pytest.mark.slow

# The processes of runs do here what they do in every test; the server itself is measured anyway.
unmeasured = pytest.mark.usefixtures("unmeasured")


def test_a_due_time_becomes_one_run_that_says_where_it_comes_from(world):
    world.add(
        inputs={
            "text": "at-{due:%H%M}",
        }
    )
    server = world.server()
    assert world.look(server, 59.0) == 1.0
    assert world.runs() == {}
    world.look(server, 60.0)
    world.look(server, 60.5)
    world.await_ends(server)
    world.look(server, 62.0)
    assert world.decisions() == [(60, "fired")]
    [run] = world.runs().values()
    assert (run.run_id, run.name, run.state) == (world.firing(60).run, "s", "succeeded")
    assert run.schedule == {
        "name": "s",
        "due": 1_767_268_860.0,
        "due_text": "2026-01-01 12:01+0000",
    }
    assert world.notes() == ["at-1201"]
    assert [event.kind for event in world.events] == ["fired", "ended"]
    assert os.listdir(world.space.state / "schedules") == []


def test_a_recipe_that_has_become_wrong_is_told_at_each_due_time_and_the_schedule_goes_on(world):
    world.add()
    server = world.server()
    good = (world.folder / "note.yaml").read_text()
    (world.folder / "note.yaml").write_text("steps: [{name: x, modul: steps}]\n")
    for at in (60, 120):
        world.look(server, at)
        world.await_ends(server)
    (world.folder / "note.yaml").write_text(good)
    world.look(server, 180)
    world.await_ends(server)
    assert world.decisions() == [(60, "failed"), (120, "failed"), (180, "fired")]
    assert "note.yaml:1:" in world.firing(60).note
    assert "did you mean" in world.firing(60).note
    assert len(world.runs()) == 1


def test_inputs_that_have_become_wrong_and_a_lost_recipe_are_told(world):
    world.add(inputs={"text": "x"})
    world.add("lost", "gone.yaml")
    server = world.server()
    (world.folder / "note.yaml").write_text(
        "steps: [{name: x, module: builtins, function: print}]\n"
    )
    world.look(server, 60)
    world.await_ends(server)
    assert "has no input 'text'" in world.firing(60).note
    assert "gone.yaml" in world.firing(60, "lost").note


@unmeasured
def test_overlap_skip_leaves_out_what_is_due_while_a_run_goes_on(world, gate):
    world.add(recipe="waiting.yaml", overlap="skip")
    server = world.server()
    world.look(server, 60)
    gate()
    world.look(server, 120)
    gate.open()
    world.await_ends(server)
    world.look(server, 180)
    gate()
    assert world.decisions() == [(60, "fired"), (120, "skipped"), (180, "fired")]
    assert "overlap: skip" in world.firing(120).note
    gate.open()
    world.await_ends(server)
    assert world.notes() == ["began", "began"]


@unmeasured
def test_overlap_queue_runs_one_after_another(world, gate):
    world.add(recipe="waiting.yaml", overlap="queue")
    server = world.server()
    world.look(server, 60)
    gate()
    world.look(server, 120)
    world.look(server, 180)
    assert (server.running, world.notes()) == (1, ["began"])
    for _ in range(3):
        gate.open()
        world.await_ends(server)
        if server.running:
            gate()
    assert world.decisions() == [(60, "fired"), (120, "fired"), (180, "fired")]
    assert world.notes() == ["began"] * 3


@unmeasured
def test_overlap_allow_runs_them_side_by_side_up_to_the_bound(world, gate):
    world.add(recipe="waiting.yaml", overlap="allow")
    server = world.server(most_runs=2)
    world.look(server, 60)
    gate()
    world.look(server, 120)
    gate()
    world.look(server, 180)
    assert server.running == 2
    assert [kind for _, kind in world.decisions()] == ["fired", "fired", "pending"]
    server.stop_runs()
    world.await_ends(server)
    # The third was decided and comes as soon as there is room.
    gate()
    server.stop_runs()
    world.await_ends(server)
    assert sorted(run.state for run in world.runs().values()) == ["cancelled"] * 3


@unmeasured
def test_overlap_cancel_previous_ends_the_run_before_and_what_waits(world, gate):
    world.add(recipe="waiting.yaml", overlap="cancel-previous")
    server = world.server()
    world.look(server, 60)
    gate()
    first = world.firing(60).run
    world.look(server, 120)
    world.look(server, 180)
    world.await_ends(server, first)
    gate()
    assert [kind for _, kind in world.decisions()] == ["fired", "skipped", "fired"]
    assert "took its place" in world.firing(120).note
    assert world.runs()[first].state == "cancelled"
    gate.open()
    world.await_ends(server)
    assert world.runs()[world.firing(180).run].state == "succeeded"
    assert [event.kind for event in world.events].count("stopping") == 1


@unmeasured
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("none", ["missed", "missed", "missed"]),
        ("latest", ["missed", "missed", "fired"]),
        ("all", ["missed", "fired", "fired"]),
    ],
)
def test_what_nobody_was_there_for_is_missed_or_caught_up_as_asked(world, policy, expected):
    world.add(timing=Timing(every=600.0, anchor=world.now), catch_up=policy, catch_up_limit=2)
    world.now += 1900
    server = world.server()
    while world.look(server) == 0 or server.running:
        world.await_ends(server)
    assert [kind for _, kind in world.decisions()] == expected
    assert len(world.notes()) == expected.count("fired")
    assert all(
        "no server was running" in world.firing(due).note
        for due, kind in world.decisions()
        if kind == "missed"
    )
    world.look(server)
    assert len(world.decisions()) == 3


@unmeasured
def test_an_hour_forward_is_no_storm_and_an_hour_back_fires_nothing_twice(world):
    world.add(timing=Timing(every=600.0, anchor=world.now), catch_up="none")
    server = world.server()
    world.look(server, 600)
    world.await_ends(server)
    # Summer time for a clock that shows local time, say: +1 h, and ten minutes later back again.
    world.look(server, 600 + HOUR)
    world.await_ends(server)
    world.look(server, 1200)
    for at in range(1200, 5401, 600):
        world.look(server, at)
        world.await_ends(server)
    found = world.decisions()
    assert [due for due, _ in found] == list(range(600, 5401, 600))
    # 4200 had run before the clock was set back and is not run again; what was missed then has come.
    assert {kind for _, kind in found} == {"fired"}
    assert len(world.notes()) == len(found) == len(world.runs())
    [trouble] = {event.note for event in world.events if event.kind == "trouble"}
    assert "the clock was set back" in trouble


@unmeasured
def test_thirty_days_forward_and_back_is_neither_a_storm_nor_silence(world):
    world.add(timing=Timing("0 13 * * *"), catch_up="latest")
    server = world.server()
    world.look(server, 30 * DAY)
    world.await_ends(server)
    assert [kind for _, kind in world.decisions()].count("fired") == 1
    assert [kind for _, kind in world.decisions()].count("missed") == 29
    world.look(server, 60)
    for day in range(4):
        world.look(server, HOUR + day * DAY)
        world.await_ends(server)
    assert [kind for _, kind in world.decisions()] == ["fired"] * 4 + ["missed"] * 25 + ["fired"]
    assert len(world.notes()) == 5


@unmeasured
def test_a_machine_that_slept_is_told_apart_from_a_server_that_was_not_there(world):
    world.add(catch_up="none")
    server = world.server()
    world.look(server, 10 * HOUR)
    found = world.store.firings.latest("s", 1000)
    # Two of the last hundred are on time; the others have a line each, and all before them share one.
    assert [kind for _, kind in world.decisions()].count("missed") == 99
    assert found[-1].until == found[-2].due
    assert "the machine slept" in found[-1].note
    assert found[-1].note.startswith("500 due times")
    world.await_ends(server)


@unmeasured
def test_changes_are_taken_up_while_serving(world):
    from framework0.schedules import Store

    server = world.server()
    assert world.look(server) == NAP
    others = Store(world.store.path, clock=lambda: world.now)
    kept = world.add()
    others.add(kept.schedule._replace(name="other"))
    world.look(server, 60)
    world.await_ends(server)
    others.pause("other", paused=True)
    others.remove("s")
    world.look(server, 120)
    assert (world.decisions(), world.decisions("other")) == ([(60, "fired")], [(60, "fired")])
    others.pause("other", paused=False)
    world.look(server, 180)
    world.await_ends(server)
    assert world.decisions("other") == [(60, "fired"), (180, "fired")]
    others.close()


@unmeasured
def test_what_waits_of_a_removed_schedule_does_not_run(world, gate):
    world.add(recipe="waiting.yaml", overlap="queue")
    server = world.server()
    world.look(server, 60)
    gate()
    world.look(server, 120)
    world.store.remove("s")
    server._stamp = None
    world.look(server)
    gate.open()
    world.await_ends(server)
    assert world.decisions() == [(60, "fired"), (120, "skipped")]
    assert world.notes() == ["began"]


@unmeasured
def test_a_closing_server_starts_nothing_and_a_new_one_carries_out_what_waits(world, gate):
    world.add(recipe="waiting.yaml", overlap="queue")
    server = world.server()
    world.look(server, 60)
    gate()
    world.look(server, 120)
    server.closing = True
    assert world.look(server, 180) == NAP
    gate.open()
    world.await_ends(server)
    assert (server.running, world.notes()) == (0, ["began"])
    following = world.server()
    world.look(following)
    gate()
    gate.open()
    world.await_ends(following)
    gate()
    gate.open()
    world.await_ends(following)
    assert world.decisions() == [(60, "fired"), (120, "fired"), (180, "fired")]


@unmeasured
def test_a_run_whose_process_cannot_be_started_is_told(world):
    world.add()
    server = world.server()
    server._processes._command = lambda run: ["/nowhere/python", run]
    world.look(server, 60)
    assert world.decisions() == [(60, "failed")]
    assert "no process could be started" in world.firing(60).note


@unmeasured
@pytest.mark.parametrize(
    ("program", "note"),
    [("exit 7", "exit code 7 before"), ("kill -KILL $$", "SIGKILL before"), ("echo oh >&2", "oh")],
)
def test_a_process_that_ends_before_its_run_begins_is_told(world, program, note):
    world.add()
    server = world.server()
    server._processes._command = lambda _run: ["/bin/sh", "-c", program]
    world.look(server, 60)
    world.await_ends(server)
    assert world.decisions() == [(60, "failed")]
    assert note in world.firing(60).note


@unmeasured
def test_nothing_is_started_that_cannot_be_recorded(world):
    world.add()
    server = world.server()
    world.look(server, 59)
    with world.store._database.change() as connection:
        # As a full disk would: whatever is added fails.
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON firings BEGIN SELECT raise(ABORT, 'full'); END"
        )
    with pytest.raises(WorkspaceError, match="cannot write"):
        world.look(server, 60)
    assert (server.running, world.decisions()) == (0, [])
    with world.store._database.change() as connection:
        connection.execute("DROP TRIGGER full")
    world.look(server, 61)
    world.await_ends(server)
    assert world.decisions() == [(60, "fired")]


@unmeasured
def test_a_zone_that_has_gone_stops_no_other_schedule_and_is_told_once(world):
    world.add("gone", timing=Timing("* * * * *", "Europe/Gone"))
    world.add()
    server = world.server()
    world.look(server, 60)
    world.look(server, 61)
    world.await_ends(server)
    assert world.decisions() == [(60, "fired")]
    troubles = [event for event in world.events if event.kind == "trouble"]
    assert [event.schedule for event in troubles] == ["gone"]


@unmeasured
def test_files_of_schedules_are_their_owners_only(world):
    world.add()
    server = world.server()
    world.look(server, 60)
    for path in [world.store.path, *(world.space.state / "schedules").iterdir()]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    world.await_ends(server)
