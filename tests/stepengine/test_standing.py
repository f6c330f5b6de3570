"""How an instance stands is read without touching it; a reset has it begin anew."""

from __future__ import annotations

import pytest

from framework0.errors import JsonFileBroken, LockHeld, UsageError
from framework0.stepengine import INSTANCE_LOCK, library_of, reset_instance, standing_of
from framework0.workspace import hold
from tests.stepengine.machines import FILE, Machine, chain, node


@pytest.fixture
def paused(tmp_path):
    made = Machine(tmp_path, *chain("a", "b"), node("c", execute=1))
    made.run(run="run7", breakpoints=(("b", "entry"),))
    return made


def test_an_instance_that_has_not_begun_is_inactive(tmp_path):
    found = standing_of(tmp_path)
    assert (found.engine, found.node, found.state, found.run) == ("INACTIVE", "", "INACTIVE", "")
    assert (found.visit, found.paused, found.last_error, found.visits) == (0, {}, {}, {})
    assert found.library == tmp_path
    assert found.running is None
    assert list(tmp_path.iterdir()) == []


def test_a_machine_that_is_paused_says_where_and_since_when(paused):
    found = standing_of(paused.folder)
    assert (found.engine, found.node, found.state) == ("RUNNING", "b", "ENTER")
    assert (found.run, found.visit, found.attempt) == ("run7", 2, 0)
    assert found.paused == {"at": "entry", "node": "b", "since": "2023-11-14T22:13:20+00:00"}
    assert (found.visits, found.arrows) == ({"a": 1, "b": 1}, {"a>next>b": 1})


def test_a_failure_is_kept_with_its_place(tmp_path):
    Machine(tmp_path, node("a", execute=1)).run()
    found = standing_of(tmp_path)
    assert (found.engine, found.last_error["kind"]) == ("COMPLETE_ERROR", "return")


def test_who_runs_an_instance_is_said(tmp_path):
    with hold(tmp_path / INSTANCE_LOCK, "step engine"):
        assert standing_of(tmp_path).running.note == "step engine"


def test_a_reset_has_the_machine_begin_anew_and_keeps_what_the_nodes_wrote(paused):
    paused.write(b={"force": 5}, global_parameters={"mine": 1, "last_error": "old"})
    reset_instance(paused.folder)
    assert "step_engine" not in paused.file
    assert paused.file["b"] == {"force": 5}
    shown = paused.shown
    assert (shown["step_engine_state"], shown["current_step_state"]) == ("INACTIVE", "INACTIVE")
    assert (shown["current_step_node"], shown["current_step_module"]) == ("", "")
    assert shown["mine"] == 1
    assert "last_error" not in shown
    assert paused.run().visit == 2


def test_a_reset_can_take_away_what_the_nodes_wrote(paused):
    paused.write(b={"force": 5}, shared_data={"kept": 1})
    reset_instance(paused.folder, keep=["shared_data"])
    assert set(paused.file) == {"global_parameters", "shared_data"}


def test_a_machine_that_runs_is_not_reset(paused):
    held = hold(paused.folder / INSTANCE_LOCK, "step engine")
    with held, pytest.raises(LockHeld, match="step engine"):
        reset_instance(paused.folder)
    assert paused.own["paused"]["at"] == "entry"


@pytest.mark.parametrize("ask", [standing_of, reset_instance])
def test_what_is_no_instance_is_refused(ask, tmp_path):
    with pytest.raises(UsageError, match="is no folder"):
        ask(tmp_path / "nowhere")


@pytest.mark.parametrize("ask", [standing_of, reset_instance])
def test_a_broken_file_is_told_and_left_as_it_is(ask, tmp_path):
    (tmp_path / FILE).write_text("{", encoding="utf-8")
    with pytest.raises(JsonFileBroken, match="ends too early"):
        ask(tmp_path)
    assert (tmp_path / FILE).read_text(encoding="utf-8") == "{"


@pytest.mark.parametrize(
    ("written", "expected"),
    [("", "."), ("nodes", "nodes"), ("../lib", "../lib"), ("/nowhere/lib", "/nowhere/lib")],
)
def test_the_library_is_where_the_parameters_say_seen_from_the_instance(
    tmp_path, written, expected
):
    document = {"global_parameters": {"step_engine_library_path": written}}
    assert library_of(tmp_path, document) == (tmp_path / expected).resolve()
    assert library_of(tmp_path) == tmp_path
