"""The life of machines: every rule about states, calls, arrows, pauses, limits and failures."""

from __future__ import annotations

import threading

import pytest

from framework0.errors import JsonFileBroken, LibraryError, LockHeld, UsageError
from framework0.jsonfile import JsonFile
from framework0.stepengine import INSTANCE_LOCK, Engine
from framework0.testing import FakeHost
from framework0.workspace import hold
from tests.stepengine.machines import FILE, Machine, chain, node

LOCK = ".octo_step_engine_parameters.lock"
FIRST = {"first_node_step_bool": 1}


@pytest.fixture
def machine(tmp_path):
    return lambda *classes: Machine(tmp_path, *classes)


def moves(made):
    return [(name, state) for _, name, state, _ in made.observer.words("moved")]


def test_a_node_is_entered_executed_left_and_decides_and_each_move_is_in_the_file_first(machine):
    seen = []

    def look(word, value):
        def method(_self):
            shown, own = made.shown, made.own
            seen.append((word, shown["step_engine_state"], shown["current_step_state"]))
            assert (shown["current_step_node"], shown["current_step_module"]) == ("a", "a")
            assert (own["node"], own["state"]) == ("a", shown["current_step_state"])
            return value

        return method

    made = machine(
        node(
            "a", {"next": "b"},
            entry=look("entry", None), execute=look("execute", 0), leave=look("exit", 0),
            advance=look("advance", "next"), **FIRST,
        ),
        node("b"),
    )  # fmt: skip
    ended = made.run()
    assert seen == [
        ("entry", "RUNNING", "ENTER"),
        ("execute", "RUNNING", "EXECUTE"),
        ("exit", "RUNNING", "EXIT"),
        ("advance", "RUNNING", "ADVANCE"),
    ]
    assert (ended.state, ended.node, ended.visit, ended.exit_code) == (
        "COMPLETE_SUCCESS",
        "b",
        2,
        0,
    )
    assert moves(made) == [
        *(("a", state) for state in ("ENTER", "EXECUTE", "EXIT", "ADVANCE", "JUMP")),
        *(("b", state) for state in ("ENTER", "EXECUTE", "EXIT", "ADVANCE")),
    ]
    assert made.observer.words("left") == [(1, "a", "next", "b"), (2, "b", None, None)]
    assert made.story[0] == ("began", ended.run, made.folder, ("a", "b"), False)
    assert made.story[-1] == ("ended", "COMPLETE_SUCCESS", None)


def test_afterwards_the_file_says_how_it_went(machine):
    made = machine(*chain("a", "b"))
    ended = made.run(run="run7", library="nodes")
    shown = made.shown
    assert (shown["step_engine_state"], shown["current_step_state"]) == (
        "COMPLETE_SUCCESS",
        "INACTIVE",
    )
    assert (shown["step_engine_instance_path"], shown["step_engine_library_path"]) == (
        str(made.folder), "nodes",
    )  # fmt: skip
    assert shown["run_step_count"] == 1
    assert ended.run == "run7"
    assert made.own == {
        "run": "run7", "visit": 2, "attempt": 1, "node": "b", "state": "INACTIVE",
        "visits": {"a": 1, "b": 1}, "arrows": {"a>next>b": 1}, "paused": None, "last_error": None,
    }  # fmt: skip


def test_a_missing_method_is_no_call_and_execute_can_be_left_out(machine):
    made = machine(
        node("a", {"next": "b"}, execute=None, leave=0, **FIRST),
        node("b", execute=1, skip_step_node_execute_bool=1),
    )
    assert made.run().state == "COMPLETE_SUCCESS"
    assert made.calls == [("a", "exit")]


def test_what_is_declared_is_put_beside_what_is_there_when_the_node_is_entered_first(machine):
    made = machine(
        node("a", {"next": "b"}, params={"force": 3, "speed": 1}, results={"done": False}, **FIRST),
        node(
            "b",
            params={"of": "b"},
            entry=lambda _: JsonFile(made.folder / FILE, made.folder / LOCK).set(
                "b", "of", value="kept"
            ),
        ),
    )
    made.write(a={"force": 5})
    made.run()
    assert made.file["a"] == {"force": 5, "speed": 1, "done": False}
    assert made.file["b"] == {"of": "kept"}


def test_parameters_that_cannot_be_put_there_end_the_machine_with_an_error(machine):
    made = machine(node("a", params={"force": 3}))
    made.write(a="mine")
    ended = made.run()
    assert (ended.state, ended.error.kind) == ("COMPLETE_ERROR", "params")
    assert "node a has parameters in a, which is 'mine' in the file" in ended.error.message
    assert made.file["a"] == "mine"


def test_what_nodes_write_meanwhile_stays_and_does_not_direct_the_engine(machine):
    def write(_self):
        file = JsonFile(made.folder / FILE, made.folder / LOCK)
        file.set("global_parameters", "current_step_state", value="JUMP")
        file.set("global_parameters", "current_step_node", value="nobody")
        file.set("global_parameters", "mine", value=[1])
        file.increment("counts", "n")
        file.set("step_engine", "visits", value="scribbled")

    made = machine(node("a", {"next": "b"}, entry=write, execute=write, **FIRST), node("b"))
    assert made.run().state == "COMPLETE_SUCCESS"
    assert (made.file["counts"], made.shown["mine"]) == ({"n": 2}, [1])
    assert made.own["visits"] == {"b": 1}


@pytest.mark.slow
def test_others_may_change_the_file_all_the_time(machine):
    stop = threading.Event()
    counted = []

    def count():
        file = JsonFile(made.folder / FILE, made.folder / LOCK)
        while not stop.is_set() and len(counted) < 300:
            counted.append(file.increment("outside", "n"))

    made = machine(*chain("a", "b", "c"))
    thread = threading.Thread(target=count)
    thread.start()
    try:
        assert made.run().state == "COMPLETE_SUCCESS"
    finally:
        stop.set()
        thread.join()
    assert made.file["outside"]["n"] == counted[-1] == len(counted)


@pytest.mark.parametrize(
    ("done", "state", "kind", "told"),
    [
        ({"entry": 1}, "ENTER", "return", "step_entry returned 1; 0, or nothing,"),
        ({"execute": 3}, "EXECUTE", "return", "step_execute returned 3"),
        ({"execute": True}, "EXECUTE", "return", "step_execute returned True"),
        ({"execute": False}, "EXECUTE", "return", "step_execute returned False"),
        ({"leave": "no"}, "EXIT", "return", "step_exit returned 'no'"),
        ({"execute": lambda _: 1 / 0}, "EXECUTE", "ZeroDivisionError", "division by zero"),
        ({"advance": lambda _: {}["x"]}, "ADVANCE", "KeyError", "'x'"),
        ({"advance": "nowhere"}, "ADVANCE", "arrow", "'nowhere', which is no arrow of node a"),
        ({"advance": 2}, "ADVANCE", "arrow", "step_advance returned 2"),
    ],
)
def test_a_call_that_goes_badly_ends_the_machine_where_it_stands(machine, done, state, kind, told):
    made = machine(node("a", {"one": "a", "two": "a"}, **done))
    ended = made.run()
    assert (ended.state, ended.step_state, ended.exit_code) == ("COMPLETE_ERROR", state, 1)
    assert ended.error.kind == kind
    assert told in ended.error.message
    shown, error = made.shown, made.own["last_error"]
    assert (shown["step_engine_state"], shown["current_step_state"]) == ("COMPLETE_ERROR", state)
    assert shown["last_error"].startswith(f"a in {state}: {kind}: ")
    assert "\n" not in shown["last_error"]
    assert {name: error[name] for name in ("node", "state", "kind", "message")} == {
        "node": "a", "state": state, "kind": kind, "message": ended.error.message,
    }  # fmt: skip
    assert error["at"] == "2023-11-14T22:13:20+00:00"
    assert made.story[-1] == ("ended", "COMPLETE_ERROR", kind)


def test_long_messages_are_cut_in_the_file(machine):
    def fail(_self):
        raise ValueError("long\n" * 5000)

    made = machine(node("a", execute=fail))
    made.run()
    assert len(made.shown["last_error"]) <= 600
    assert len(made.own["last_error"]["message"]) == 2000


def test_a_retry_calls_execute_again_after_a_wait_and_says_the_attempt(machine):
    tries = []

    def execute(_self):
        tries.append(made.own["attempt"])
        return len(tries) < 3

    made = machine(node("a", execute=execute, retry={"attempts": 4, "delay": "10s", "backoff": 3}))
    assert made.run().state == "COMPLETE_ERROR"

    tries.clear()
    made = machine(
        node(
            "a",
            execute=lambda _: int(execute(_)),
            retry={"attempts": 4, "delay": "10s", "backoff": 3},
        )
    )
    (made.folder / FILE).unlink()
    assert made.run().state == "COMPLETE_SUCCESS"
    assert tries == [1, 2, 3]
    assert made.clock.monotonic() == 40
    assert [call.attempt for call in made.host.calls] == [1, 2, 3]
    assert made.observer.words("moved")[1:4] == [
        (1, "a", "EXECUTE", attempt) for attempt in (1, 2, 3)
    ]


def test_attempts_end_and_entry_is_not_tried_again(machine):
    made = machine(node("a", execute=1, retry=3))
    assert made.run().error.message.startswith("step_execute returned 1")
    assert len(made.calls) == 3
    assert made.own["attempt"] == 3
    made.write(step_engine={}, global_parameters={"step_engine_state": "INACTIVE"})
    made.classes = (node("a", entry=1, retry=3),)
    made.run()
    assert made.calls == [("a", "entry")]


@pytest.mark.parametrize("declared", [True, False])
def test_a_breakpoint_at_the_entry_pauses_before_it_once_per_visit(machine, declared):
    attributes = {"node_entry_breakpoint": 1} if declared else {}
    options = {} if declared else {"breakpoints": (("b", "entry"),)}
    made = machine(node("a", {"next": "b"}, **FIRST), node("b", entry=0, **attributes))
    ended = made.run(**options)
    assert (ended.state, ended.paused_at, ended.node, ended.step_state) == (
        "PAUSED",
        "entry",
        "b",
        "ENTER",
    )
    assert ended.exit_code == 6
    assert made.own["paused"] == {"at": "entry", "node": "b", "since": "2023-11-14T22:13:20+00:00"}
    assert made.shown["step_engine_state"] == "RUNNING"
    assert ("b", "entry") not in made.calls
    assert made.story[-1] == ("ended", "PAUSED", None)
    ended = made.resume(**options)
    assert (ended.state, made.calls) == ("COMPLETE_SUCCESS", [("b", "entry"), ("b", "execute")])
    assert made.host.calls[0].attempt == 1
    assert made.story[0][-1] is True
    assert made.own["paused"] is None


def test_a_breakpoint_at_the_exit_pauses_after_it_and_before_the_way_is_chosen(machine):
    answers = iter(["again", "COMPLETE"])
    made = machine(
        node("a", {"again": "a"}, leave=0, advance=lambda _: next(answers), node_exit_breakpoint=1)
    )
    assert made.run().paused_at == "exit"
    assert made.calls == [("a", "execute"), ("a", "exit")]
    assert made.resume().paused_at == "exit"
    assert made.calls == [("a", "advance"), ("a", "execute"), ("a", "exit")]
    assert made.resume().state == "COMPLETE_SUCCESS"
    assert made.calls == [("a", "advance")]


def test_single_steps_pause_after_each_transition(machine):
    made = machine(node("a", {"next": "b"}, entry=0, **FIRST), node("b"))
    found = [made.run(single_step=True)]
    while found[-1].state == "PAUSED":
        found.append(made.resume(single_step=True))
    assert [(one.node, one.step_state, one.paused_at) for one in found] == [
        *(("a", state, "step") for state in ("ENTER", "EXECUTE", "EXIT", "ADVANCE")),
        ("b", "JUMP", "step"),
        *(("b", state, "step") for state in ("ENTER", "EXECUTE", "EXIT", "ADVANCE")),
        ("b", "INACTIVE", ""),
    ]


def test_single_steps_call_each_method_once(machine):
    made = machine(node("a", entry=0, leave=0, advance="COMPLETE"))
    made.run(single_step=True)
    calls = list(made.calls)
    while made.resume(single_step=True).state == "PAUSED":
        calls += made.calls
    assert calls + made.calls == [("a", word) for word in ("entry", "execute", "exit", "advance")]


def test_a_breakpoint_at_no_node_is_refused_before_anything_happens(machine):
    made = machine(node("press"))
    with pytest.raises(UsageError, match="'pres' is no node: did you mean press"):
        made.run(breakpoints=(("pres", "entry"),))
    assert not (made.folder / FILE).exists()


def test_a_loop_ends_at_the_limit_and_goes_on_when_more_is_allowed(machine):
    made = machine(node("a", {"again": "a"}))
    ended = made.run(max_visits=3)
    assert (ended.state, ended.error.kind, ended.visit, ended.step_state) == (
        "COMPLETE_ERROR",
        "limit",
        3,
        "JUMP",
    )
    assert "3 nodes have been passed, as many as --max-steps allows" in ended.error.message
    assert len(made.calls) == 3
    ended = made.resume(max_visits=5)
    assert (ended.state, ended.visit, len(made.calls)) == ("COMPLETE_ERROR", 5, 2)


def test_a_node_is_not_visited_more_often_than_it_allows(machine):
    made = machine(
        node("a", {"next": "b"}, **FIRST),
        node("b", {"back": "a"}, max_visits=2),
    )
    ended = made.run()
    assert (ended.error.kind, ended.node) == ("limit", "b")
    assert "node b has been visited 2 times" in ended.error.message
    assert made.own["visits"] == {"a": 3, "b": 2}


def test_the_limit_of_a_node_counts_also_when_there_are_more_nodes_than_are_counted(
    machine, monkeypatch
):
    monkeypatch.setattr("framework0.stepengine.record.MAX_COUNTED", 3)
    made = machine(
        node("a", {"next": "b"}, max_visits=1, **FIRST),
        *(node(name, {"next": to}) for name, to in zip("bcdef", "cdefa", strict=True)),
    )
    ended = made.run()
    assert (ended.error.kind, ended.node, ended.visit) == ("limit", "a", 6)
    assert made.own["visits"] == {"a": 1, "e": 1, "f": 1}
    assert list(made.own["arrows"]) == ["d>next>e", "e>next>f", "f>next>a"]


def test_a_stop_ends_it_after_the_call_and_it_goes_on_from_there(machine):
    made = machine(node("a", {"next": "b"}, entry=lambda _: made.engine.stop(), **FIRST), node("b"))
    ended = made.run()
    assert (ended.state, ended.step_state, ended.error.kind) == (
        "CANCELLED",
        "EXECUTE",
        "cancelled",
    )
    assert ended.exit_code == 130
    assert made.calls == [("a", "entry")]
    assert made.story[-1] == ("ended", "CANCELLED", "cancelled")
    assert made.shown["step_engine_state"] == "RUNNING"
    assert made.resume().state == "COMPLETE_SUCCESS"
    assert made.calls == [("a", "execute"), ("b", "execute")]
    assert made.host.calls[0].attempt == 2


def test_a_stop_ends_the_wait_before_another_attempt(machine):
    made = machine(node("a", execute=1, retry={"attempts": 9, "delay": "1h"}))
    engine = made.engine_for()
    made.clock.at(60, engine.stop)
    ended = engine.run()
    assert (ended.state, made.clock.monotonic(), len(made.calls)) == ("CANCELLED", 60, 1)


def test_a_call_that_the_host_was_told_to_end_is_made_again_on_resume(machine):
    made = machine(node("a", execute=lambda _: made.engine.stop() or 1))
    assert made.run().state == "CANCELLED"
    made.classes = (node("a"),)
    assert made.resume().state == "COMPLETE_SUCCESS"
    assert made.host.calls[0].attempt == 2


def test_a_failure_can_be_repaired_and_gone_on_from(machine):
    made = machine(node("a", {"next": "b"}, entry=0, **FIRST), node("b", entry=0, execute=1))
    made.run()
    made.classes = (made.classes[0], node("b", entry=0))
    ended = made.resume()
    assert (ended.state, made.calls) == ("COMPLETE_SUCCESS", [("b", "execute")])
    assert made.host.calls[0].attempt == 2
    assert made.own["last_error"] is None


def test_run_begins_and_resume_goes_on_and_neither_does_the_others_work(machine):
    made = machine(node("a", node_entry_breakpoint=1))
    with pytest.raises(UsageError, match="has not begun"):
        made.resume()
    made.run()
    with pytest.raises(UsageError, match="is paused"):
        made.run()
    made.resume()
    for options in ({}, {"resume": True}):
        with pytest.raises(UsageError, match="step reset"):
            made.run(**options)


def test_an_instance_made_ready_by_hand_begins_where_that_says(machine):
    made = machine(*chain("a", "b", "c"))
    made.write(
        global_parameters={
            "step_engine_state": "STARTUP",
            "current_step_module": "b",
            "current_step_node": "b",
            "current_step_state": "ENTER",
        }
    )
    assert made.run().visit == 2
    assert [name for name, _ in made.calls] == ["b", "c"]


def test_a_machine_that_died_before_its_first_node_begins_again_as_the_same_run(machine):
    made = machine(*chain("a", "b"))
    made.write(
        global_parameters={"step_engine_state": "STARTUP", "current_step_node": "a"},
        step_engine={"run": "run7", "visit": 0, "attempt": 0, "node": "a", "state": "ENTER"},
    )
    ended = made.resume(run="run8")
    assert (ended.state, ended.run, ended.visit) == ("COMPLETE_SUCCESS", "run7", 2)
    assert made.story[0] == ("began", "run7", made.folder, ("a", "b"), False)


def test_a_first_node_that_is_asked_for_is_kept_in_the_file(machine):
    made = machine(*chain("a", "b"))
    made.run(first="b")
    assert made.calls == [("b", "execute")]
    assert (made.shown["first_step_node"], made.shown["first_step_module"]) == ("b", "b")


def test_what_was_edited_by_hand_is_reported_and_followed(machine):
    made = machine(node("a", node_entry_breakpoint=1, **FIRST), node("b", params={"of": "b"}))
    made.run()
    made.write(
        global_parameters={
            "current_step_node": "b",
            "current_step_module": "b",
            "current_step_state": "EXECUTE",
        }
    )
    ended = made.resume()
    assert (ended.state, ended.visit, made.calls) == ("COMPLETE_SUCCESS", 2, [("b", "execute")])
    assert made.notices == list(ended.notices)
    assert "where the engine had recorded node a in ENTER" in made.notices[0]
    assert made.own["visits"] == {"a": 1, "b": 1}
    assert made.file["b"] == {"of": "b"}


def test_a_state_that_makes_no_sense_is_reported_and_the_record_counts(machine):
    made = machine(node("a", node_entry_breakpoint=1))
    made.run()
    made.write(global_parameters={"current_step_state": "RUNNING"})
    assert made.resume().state == "COMPLETE_SUCCESS"
    assert "'RUNNING' is no state of a step: there are INACTIVE, ENTER" in made.notices[0]


def test_parameters_of_a_node_somebody_jumped_to_may_not_fit(machine):
    made = machine(node("a", node_entry_breakpoint=1, **FIRST), node("b", params={"of": "b"}))
    made.run()
    made.write(global_parameters={"current_step_node": "b", "current_step_module": ""}, b=7)
    ended = made.resume()
    assert (ended.state, ended.error.kind) == ("COMPLETE_ERROR", "params")


def test_a_second_engine_is_refused_naming_the_first(machine):
    made = machine(node("a"))
    held = hold(made.folder / INSTANCE_LOCK, "step engine")
    with held, pytest.raises(LockHeld, match=r"process \d+ on .* \(step engine\), for"):
        made.run()
    assert not (made.folder / FILE).exists()


def test_an_engine_that_has_ended_leaves_the_instance_to_others(machine):
    made = machine(node("a", execute=1))
    made.run()
    with hold(made.folder / INSTANCE_LOCK):
        assert made.shown["step_engine_state"] == "COMPLETE_ERROR"


def test_a_library_that_is_wrong_leaves_the_file_alone(machine):
    made = machine(node("a", timeout="soon"), node("b", max_visits=0))
    with pytest.raises(LibraryError) as refused:
        made.run()
    assert len(refused.value.problems) == 2
    assert made.story == []
    assert not (made.folder / FILE).exists()


def test_two_classes_of_one_name_are_refused(machine):
    with pytest.raises(LibraryError, match="is defined here and in"):
        machine(node("a"), node("a")).run()


def test_no_folder_is_no_instance(tmp_path):
    host = FakeHost(node("a"), instance=tmp_path)
    with pytest.raises(UsageError, match="is no folder"):
        Engine(tmp_path / "nowhere", host).run()


@pytest.mark.parametrize("name", ["global_parameters", "step_engine"])
def test_a_group_that_is_none_is_refused_and_left_as_it_is(machine, name):
    made = machine(node("a"))
    made.write(**{name: "mine"})
    with pytest.raises(UsageError, match=f"{name} in .* is 'mine', where a group is needed"):
        made.run()
    assert made.file == {name: "mine"}


def test_a_file_that_breaks_meanwhile_is_not_overwritten_and_the_observer_is_told(machine):
    def scribble(_self):
        (made.folder / FILE).write_text("{oops", encoding="utf-8")

    made = machine(node("a", execute=scribble))
    with pytest.raises(JsonFileBroken, match="the state before the last change is in"):
        made.run()
    assert (made.folder / FILE).read_text(encoding="utf-8") == "{oops"
    assert made.story[-1] == ("ended", "COMPLETE_ERROR", "JsonFileBroken")


def test_an_interrupt_leaves_the_recorded_state_and_is_told_as_a_stop(machine):
    def interrupt(_self):
        raise KeyboardInterrupt

    made = machine(node("a", execute=interrupt))
    with pytest.raises(KeyboardInterrupt):
        made.run()
    assert made.story[-1] == ("ended", "CANCELLED", "cancelled")
    made.classes = (node("a"),)
    assert made.resume().state == "COMPLETE_SUCCESS"
    assert made.host.calls[0].attempt == 2


def test_without_an_observer_and_on_the_real_clock_it_runs_as_well(tmp_path):
    failures = iter([1, 0])
    classes = [
        node(
            "a",
            {"next": "b"},
            execute=lambda _: next(failures),
            retry={"attempts": 2, "delay": 0.001},
            **FIRST,
        ),
        node("b"),
    ]
    ended = Engine(tmp_path, FakeHost(*classes, instance=tmp_path)).run()
    assert ended.state == "COMPLETE_SUCCESS"


@pytest.mark.parametrize(
    ("written", "read"),
    [("a", ("a", "entry")), ("a:entry", ("a", "entry")), ("a:exit", ("a", "exit"))],
)
def test_a_breakpoint_is_written_as_a_node_and_a_place(written, read):
    from framework0.stepengine import read_breakpoint

    assert read_breakpoint(written) == read


@pytest.mark.parametrize("written", ["", ":entry", "a:", "a:middle"])
def test_anything_else_is_no_breakpoint(written):
    from framework0.stepengine import read_breakpoint

    with pytest.raises(UsageError, match="a breakpoint is NODE"):
        read_breakpoint(written)
