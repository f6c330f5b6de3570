"""The file of the schedules: durable, private, one change at a time, never overwritten by guessing."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys

import pytest

from framework0.errors import UsageError, WorkspaceError
from framework0.schedules import DueTimes, Schedule, Situation, Store, Timing, Verdict, decide
from framework0.schedules.limits import KEPT_FIRINGS, MOST_SCHEDULES


def schedule(name="s", **options):
    return Schedule(name, "r.yaml", Timing("0 6 * * *", "Europe/Berlin"), {"day": "x"}, **options)


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "state" / "schedules.db")
    yield made
    made.close()


def test_a_schedule_comes_back_as_it_was(store, tmp_path):
    wanted = schedule(overlap="queue", catch_up="all", catch_up_limit=3, deadline=90.0)
    kept = store.add(wanted)
    other = Store(store.path)
    assert other.get("s") == kept
    assert (kept.schedule, kept.paused) == (wanted, False)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    other.close()


def test_looking_creates_nothing(store):
    assert (store.all(), store.firings.open(), store.stamp()) == ([], [], 0)
    with pytest.raises(UsageError, match="there is none yet"):
        store.get("s")
    assert not store.path.exists()


def test_a_name_is_taken_until_it_is_replaced(store):
    first = store.add(schedule())
    with pytest.raises(UsageError, match="--replace"):
        store.add(schedule(overlap="allow"))
    second = store.add(schedule(overlap="allow"), replace=True)
    assert store.all() == [second]
    assert second.version != first.version


def test_an_unknown_name_is_told_with_the_near_one(store):
    store.add(schedule("nightly"))
    for change in (store.remove, lambda name: store.pause(name, paused=True), store.get):
        with pytest.raises(UsageError, match="did you mean 'nightly'"):
            change("nightli")
    with pytest.raises(UsageError, match="schedule list"):
        store.get("other")


def test_pausing_twice_changes_nothing(store):
    store.add(schedule())
    assert store.pause("s", paused=True)
    assert not store.pause("s", paused=True)
    assert store.get("s").paused


def test_a_workspace_has_a_bounded_number_of_schedules(store):
    store.add(schedule("s0"))
    with store._database.change() as connection:
        connection.executemany(
            "INSERT INTO schedules SELECT ?, 1, 0, 0, text FROM schedules WHERE name = 's0'",
            [(f"s{number}",) for number in range(1, MOST_SCHEDULES)],
        )
    with pytest.raises(UsageError, match="at most 1,000 schedules"):
        store.add(schedule("one-more"))
    store.add(schedule("s0"), replace=True)


def test_commands_that_add_at_once_lose_nothing(tmp_path):
    program = (
        "import sys; from pathlib import Path\n"
        "from framework0.schedules import Schedule, Store, Timing\n"
        "store = Store(Path(sys.argv[1]))\n"
        "for number in range(20):\n"
        "    store.add(Schedule(f'{sys.argv[2]}{number}', 'r', Timing(every=1.0), {}))\n"
    )
    path = tmp_path / "state" / "schedules.db"
    adding = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in "abcd"]
    assert [process.wait(120) for process in adding] == [0] * 4
    store = Store(path)
    assert len(store.all()) == 80
    assert len({kept.version for kept in store.all()}) == 80
    store.close()


def test_a_change_by_another_process_is_noticed(store):
    store.add(schedule())
    other = Store(store.path)
    before = store.stamp()
    assert store.stamp() == before
    other.add(schedule("t"))
    assert store.stamp() != before
    other.close()


def fire(due):
    return Verdict(due, "fire")


def test_a_decision_about_a_schedule_that_was_changed_meanwhile_is_not_recorded(store):
    kept = store.add(schedule())
    store.pause("s", paused=True)
    assert store.firings.record(kept, [fire(60.0)], 60.0) == []
    assert store.firings.latest("s", 10) == []


def test_a_due_time_that_has_a_run_keeps_it_and_one_that_was_missed_may_still_come(store):
    kept = store.add(schedule())
    missed = Verdict(120.0, "miss", "away")
    [first, second] = store.firings.record(kept, [fire(60.0), missed], 120.0)
    assert (first.decision, second.decision) == ("pending", "missed")
    [again] = store.firings.record(kept, [fire(60.0), fire(120.0)], 130.0)
    assert (again.due, again.decision) == (120.0, "pending")
    assert store.firings.record(kept, [missed, Verdict(60.0, "skip", "busy")], 140.0) == []
    assert [one.run for one in store.firings.latest("s", 9)] == [again.run, first.run]


def test_the_history_is_bounded_and_what_goes_on_stays(store):
    kept = store.add(schedule())
    store.firings.record(kept, [fire(0.5)], 1.0)
    many = [Verdict(float(due), "miss", "away") for due in range(1, KEPT_FIRINGS + 51)]
    store.firings.record(kept, many, 2.0)
    found = store.firings.latest("s", 10_000)
    assert len(found) == KEPT_FIRINGS + 1
    assert found[-1].decision == "pending"
    assert found[-2].due == 51.0


def test_a_history_outlives_its_schedule(store):
    kept = store.add(schedule())
    [firing] = store.firings.record(kept, [fire(60.0)], 60.0)
    store.firings.confirm(firing.run)
    store.firings.end(firing.run)
    store.remove("s")
    assert [one.decision for one in store.firings.latest("s", 9)] == ["fired"]


@pytest.mark.parametrize("text", ["{", '{"name": "s"}', "[]", '{"timing": {"x": 1}}'])
def test_a_damaged_schedule_is_named_and_can_be_removed(store, text):
    store.add(schedule())
    with store._database.change() as connection:
        connection.execute("UPDATE schedules SET text = ?", (text,))
    with pytest.raises(WorkspaceError, match="is damaged"):
        store.all()
    store.remove("s")
    assert store.all() == []


def test_a_file_that_is_no_database_is_left_as_it_is(store):
    store.path.parent.mkdir()
    store.path.write_bytes(b"not a database, and long enough to be looked at as one" * 100)
    before = store.path.read_bytes()
    with pytest.raises(WorkspaceError, match="nothing was overwritten"):
        store.add(schedule())
    assert store.path.read_bytes() == before


def test_files_of_others_and_of_the_future_are_refused(store):
    store.add(schedule())
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(WorkspaceError, match="newer version"):
        store.all()
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA application_id = 7")
    connection.close()
    with pytest.raises(WorkspaceError, match="another program's"):
        store.all()


def test_a_folder_or_a_link_in_its_place_is_refused(store, tmp_path):
    store.path.mkdir(parents=True)
    with pytest.raises(WorkspaceError, match="is not a file"):
        store.add(schedule())
    store.path.rmdir()
    store.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WorkspaceError, match="is not a file"):
        store.add(schedule())
    assert not (tmp_path / "elsewhere").exists()


def test_a_copy_that_others_can_read_is_closed_to_them(store):
    store.add(schedule())
    store.close()
    os.chmod(store.path, 0o644)
    assert len(store.all()) == 1
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_a_decision_survives_the_death_of_who_made_it(store):
    """A transaction that was not committed leaves nothing; one that was leaves everything."""
    kept = store.add(schedule())
    change = store._database.change()
    connection = change.__enter__()
    connection.execute("DELETE FROM schedules")
    assert change.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None) is False
    assert store.get("s") == kept
    due = DueTimes((60.0, 120.0))
    store.firings.record(kept, decide(kept.schedule, due, Situation(121.0, 0.0)), 121.0)
    store.close()
    assert [one.due for one in store.firings.latest("s", 9)] == [120.0, 60.0]
