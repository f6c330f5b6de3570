from __future__ import annotations

import os

import pytest

from framework0.errors import RunNotFound
from framework0.runner.journal import INTERRUPTED, RUNNING, Journal, new_run_id, runs
from framework0.runner.seams import Outcome


@pytest.fixture
def finished(journal, header):
    def run(run_id, state="succeeded", **parts):
        journal.begin(header(run_id, **parts), 3).finish(state)

    return run


def test_without_a_journal_there_are_no_runs_and_none_is_created(journal, path):
    assert journal.runs() == []
    assert journal.expect("numbers") == {}
    assert journal.prune(keep=0) == []
    with pytest.raises(RunNotFound, match="there is no run yet"):
        journal.find()
    with pytest.raises(RunNotFound, match="there is no run yet"):
        journal.find("x")
    assert not path.parent.exists()


def test_runs_come_newest_first_and_as_many_as_wanted(journal, finished):
    for number in range(4):
        finished(f"run-{number}", recipe_name="even" if number % 2 == 0 else "odd")
    assert [run.run_id for run in journal.runs()] == ["run-3", "run-2", "run-1", "run-0"]
    assert [run.run_id for run in journal.runs(limit=2)] == ["run-3", "run-2"]
    assert [run.run_id for run in journal.runs(recipe="even")] == ["run-2", "run-0"]
    assert [run.run_id for run in journal.runs(limit=1, recipe="odd")] == ["run-3"]


def test_a_summary_says_what_a_list_shows(journal, header, record):
    recorder = journal.begin(header(parent="run-0"), 7)
    recorder.append(record(), ())
    recorder.flush()
    (run,) = journal.runs()
    assert run.run_id == "run-1"
    assert (run.name, run.recipe_name, run.recipe_file) == ("nightly", "numbers", "numbers.yaml")
    assert (run.state, run.nodes, run.records, run.parent) == (RUNNING, 7, 2, "run-0")
    assert (run.pid, run.created_at, run.finished_at) == (os.getpid(), 1_795_500_000.25, None)
    recorder.finish("succeeded")
    assert journal.runs()[0].state == "succeeded"
    assert journal.runs()[0].finished_at is not None


def test_a_run_that_ends_while_it_is_looked_at_is_not_called_dead(
    journal, path, header, monkeypatch
):
    recorder = journal.begin(header(), 1)
    asked = runs.is_alive

    def ends_first(folder):
        recorder.finish("succeeded")
        return asked(folder)

    monkeypatch.setattr(runs, "is_alive", ends_first)
    assert journal.runs()[0].state == "succeeded"


def test_the_same_for_reading_one(journal, header, monkeypatch):
    recorder = journal.begin(header(), 1)
    asked = runs.is_alive

    def ends_first(folder):
        recorder.finish("succeeded")
        return asked(folder)

    monkeypatch.setattr(runs, "is_alive", ends_first)
    assert journal.read("run-1").summary.state == "succeeded"


def test_a_run_removed_while_it_is_looked_at_is_no_running_one(journal, header, monkeypatch):
    recorder = journal.begin(header(), 1)
    recorder.close()
    asked = runs.is_alive

    def pruned_first(folder):
        journal_too = Journal(journal.path)
        monkeypatch.setattr(runs, "is_alive", asked)
        journal_too.prune(keep=0)
        journal_too.close()
        return asked(folder)

    monkeypatch.setattr(runs, "is_alive", pruned_first)
    assert [run.state for run in journal.runs()] == [INTERRUPTED]
    assert journal.runs() == []


def test_any_unique_beginning_of_an_id_will_do(journal, finished):
    finished("20261124-01-aa", name="first")
    finished("20261124-02-ab", name="second")
    finished("20261124-02", name="third")
    assert journal.find("20261124-01") == "20261124-01-aa"
    assert journal.find("20261124-02") == "20261124-02"
    assert journal.find("20261124-02-") == "20261124-02-ab"
    with pytest.raises(RunNotFound, match=r"3 runs begin with '2026' \(20261124-02, .*name more"):
        journal.find("2026")


def test_a_runs_name_means_the_latest_of_that_name(journal, finished):
    finished("run-1", name="nightly")
    finished("run-2", name="nightly")
    assert journal.find("nightly") == "run-2"


def test_what_is_not_there_gets_the_near_ones_named(journal, finished):
    finished("20261124-034501-1f9a03bc")
    with pytest.raises(RunNotFound, match="did you mean 20261124-034501-1f9a03bc"):
        journal.find("20261124-034501-1f9a03bd")
    with pytest.raises(RunNotFound, match="did you mean nightly"):
        journal.find("nightyl")
    with pytest.raises(RunNotFound, match="no run begins with ''"):
        journal.find("")


def test_without_a_beginning_the_latest_that_fits_is_meant(journal, finished):
    finished("run-1", "failed")
    finished("run-2")
    assert journal.find() == "run-2"
    assert journal.find(wanted=lambda run: run.state == "failed") == "run-1"
    with pytest.raises(RunNotFound, match="none of the 2 runs fits"):
        journal.find(wanted=lambda run: run.state == RUNNING)


def _timed(journal, header, record, run_id, seconds, recipe="numbers"):
    recorder = journal.begin(header(run_id, recipe_name=recipe), 3)
    recorder.append(record(0, seconds=seconds), ())
    recorder.append(record(1, state="failed", seconds=99), ())
    recorder.decide(1, "when", True)
    recorder.finish("failed")


def test_a_step_is_expected_to_take_the_median_of_its_latest_successes(
    journal, header, record, monkeypatch
):
    monkeypatch.setattr(runs, "EXPECT_RUNS", 4)
    for number, seconds in enumerate([1000.0, 3.0, 1.0, 2.0, 50.0]):
        _timed(journal, header, record, f"run-{number}", seconds)
    _timed(journal, header, record, "other", 7.0, recipe="letters")
    assert journal.expect("numbers") == {"step-0": 2.5}
    assert journal.expect("letters") == {"step-0": 7.0}
    assert journal.expect("nothing") == {}


def test_a_very_long_history_is_not_read_to_its_beginning(journal, header, record, monkeypatch):
    _timed(journal, header, record, "run-1", 1.0)
    _timed(journal, header, record, "run-2", 3.0)
    monkeypatch.setattr(runs, "EXPECT_ENTRIES", 3)
    assert journal.expect("numbers") == {"step-0": 3.0}


def test_a_run_id_sorts_by_time_and_may_name_a_folder():
    from framework0.workspace import is_id

    early = new_run_id(1_795_500_000.9, os.urandom)
    late = new_run_id(1_795_500_001.0, bytes)
    assert early < late == "20261124-060001-00000000"
    assert is_id(early)
    assert len({new_run_id(1.0, os.urandom) for _ in range(100)}) == 100


def test_pruning_keeps_the_newest_and_removes_all_of_the_others(
    journal, path, header, record, change, finished
):
    for number in range(3):
        recorder = journal.begin(
            header(f"run-{number}", recipe_digest=f"d{number}", recipe_text=f"t{number}"), 1
        )
        recorder.append(record(result="x" * 100), [change(1)])
        recorder.finish("succeeded")
    assert journal.prune(keep=1) == ["run-1", "run-0"]
    assert [run.run_id for run in journal.runs()] == ["run-2"]
    assert journal.read("run-2").header.recipe_text == "t2"
    assert [child.name for child in (path.parent / "runs").iterdir()] == ["run-2"]
    import sqlite3

    connection = sqlite3.connect(path)
    for table, rows in [("runs", 1), ("heads", 1), ("recipes", 1), ("batches", 2), ("changes", 1)]:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (rows,)
    connection.close()
    with pytest.raises(RunNotFound):
        journal.read("run-0")


def test_pruning_by_age_and_by_number_together_needs_both(journal, finished):
    for number, created in enumerate([100.0, 200.0, 300.0]):
        finished(f"run-{number}", created_at=created)
    assert journal.prune() == []
    assert journal.prune(keep=2, older_than=50.0, now=400.0) == ["run-0"]
    assert journal.prune(older_than=150.0, now=400.0) == ["run-1"]
    assert journal.prune(older_than=150.0, now=400.0) == []
    assert [run.run_id for run in journal.runs()] == ["run-2"]


def test_the_runs_inside_a_run_stay_or_go_with_it_and_do_not_count(journal, finished):
    finished("old", created_at=100.0)
    finished("old.3", created_at=101.0, parent="old")
    finished("old.3.0", created_at=102.0, parent="old.3")
    finished("again", created_at=103.0, parent="old")
    assert [run.run_id for run in journal.runs() if run.is_inner] == ["old.3.0", "old.3"]
    assert journal.prunable(keep=2) == []
    going = journal.prunable(keep=1)
    assert [run.run_id for run in going] == ["old.3.0", "old.3", "old"]
    assert len(journal.runs()) == 4
    assert journal.prune(keep=1) == ["old.3.0", "old.3", "old"]
    assert journal.prunable() == journal.prune() == []


def test_a_run_that_waits_for_a_person_is_never_pruned_nor_what_it_began(
    journal, header, record, finished
):
    recorder = journal.begin(header("waits"), 1)
    recorder.finish("paused")
    finished("waits.0", parent="waits")
    finished("ended")
    assert journal.prune(keep=0) == ["ended"]


def test_a_living_run_is_never_pruned(journal, path, header, record):
    recorder = journal.begin(header(), 1)
    assert journal.prune(keep=0) == []
    # Nor when it came to life after the list was made.
    from framework0.runner.journal import prune

    assert prune.remove(path, "full", ["run-1"]) == []
    recorder.append(record(), ())
    recorder.finish("succeeded")
    assert journal.prune(keep=0) == ["run-1"]


def test_an_interrupted_run_can_be_pruned(journal, header):
    journal.begin(header(), 1).close()
    assert journal.prune(keep=0) == ["run-1"]


def test_a_damaged_run_can_be_pruned(journal, path, header):
    journal.begin(header(), 1).finish("succeeded")
    import sqlite3

    connection = sqlite3.connect(path)
    connection.execute("UPDATE runs SET state = 'x'")
    connection.commit()
    connection.close()
    assert journal.prune(keep=0) == ["run-1"]
    assert journal.runs() == []


def test_folders_without_a_run_are_swept_and_those_in_use_are_not(journal, path, header):
    folder = path.parent / "runs"
    journal.begin(header(), 1).finish("succeeded")
    (folder / "left").mkdir()
    (folder / "stray").write_text("a file")
    living = journal.begin(header("run-2"), 1)
    assert journal.prune(keep=5) == []
    assert sorted(child.name for child in folder.iterdir()) == ["run-1", "run-2", "stray"]
    living.finish("succeeded")


def test_a_run_whose_folder_is_gone_can_still_be_read_and_resumed_and_pruned(
    journal, path, header, record
):
    import shutil

    recorder = journal.begin(header(), 2)
    recorder.append(record(), ())
    recorder.close()
    shutil.rmtree(path.parent / "runs")
    assert journal.read("run-1").started == ()
    again = journal.resume("run-1", 2)
    assert again.mark_started(0) == 2
    again.close()
    shutil.rmtree(path.parent / "runs")
    assert journal.prune(keep=0) == ["run-1"]


def test_a_result_kept_as_text_is_the_result_read(journal, header, record):
    recorder = journal.begin(header(), 1)
    recorder.append(record(result={"a": [1, {"b": None}]}), ())
    recorder.finish("succeeded")
    outcome = journal.read("run-1").attempts[0].outcome
    assert outcome == Outcome("succeeded", {"a": [1, {"b": None}]}, None, 0.5, 0.25, 7)
