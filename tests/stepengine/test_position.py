"""Where a machine begins and goes on: the file is the truth, and people edit it."""

from __future__ import annotations

import pytest

from framework0.errors import UsageError
from framework0.stepengine.nodes import Node
from framework0.stepengine.position import (
    Picture,
    first_position,
    refuse_to_run,
    resumed_position,
)


def node(name, **more):
    return Node(name, f"step_node_{name}", f"/lib/step_node_{name}.py:1", frozenset(), {}, **more)


def machine(*nodes):
    return {one.name: one for one in nodes}


A_B = machine(node("a"), node("b"), node("off", active=False))


def picture(engine="INACTIVE", own=None, **shown):
    return Picture(
        {"global_parameters": {"step_engine_state": engine, **shown}, "step_engine": own or {}}
    )


def begins(nodes, first=None, engine="INACTIVE", **shown):
    return first_position(picture(engine, **shown), nodes, first, "run1")


def standing(node="a", state="EXECUTE", visit=3, attempt=1, **more):
    return {"run": "run0", "node": node, "state": state, "visit": visit, "attempt": attempt, **more}


def resumed(own=None, nodes=A_B, **shown):
    return resumed_position(picture("RUNNING", own, **shown), nodes, "run1")


@pytest.mark.parametrize(
    ("nodes", "asked", "shown", "expected"),
    [
        (A_B, "b", {"first_step_node": "a"}, "b"),
        (A_B, None, {"first_step_node": "b"}, "b"),
        (A_B, None, {"first_step_module": "step_node_b"}, "b"),
        (A_B, None, {"engine": "STARTUP", "current_step_node": "b", "first_step_node": "a"}, "b"),
        (A_B, None, {"engine": "STARTUP", "first_step_node": "a"}, "a"),
        (A_B, None, {"current_step_node": "b", "first_step_node": "a"}, "a"),
        (machine(node("a"), node("b", first=True)), None, {}, "b"),
        (machine(node("a")), None, {}, "a"),
    ],
)
def test_a_machine_begins_where_it_is_told_to_in_this_order(nodes, asked, shown, expected):
    position = begins(nodes, asked, **shown)
    assert (position.node, position.state, position.visit) == (expected, "ENTER", 1)
    assert (position.run, position.entering) == ("run1", True)


@pytest.mark.parametrize(
    ("nodes", "asked", "shown", "told"),
    [
        (A_B, None, {}, "name one of a, b, off with --first"),
        (A_B, "bb", {}, "the first node 'bb' is no node: did you mean b?"),
        (A_B, None, {"first_step_node": "nobody"}, "first_step_node 'nobody' is no node"),
        (
            A_B,
            None,
            {"first_step_node": "b", "first_step_module": "step_node_a"},
            "is in module 'step_node_b', not in 'step_node_a'",
        ),
        (A_B, None, {"first_step_module": "step_node_c"}, "module 'step_node_c' has 0 nodes"),
        (A_B, "off", {}, "node off, which is not active (/lib/step_node_off.py:1)"),
        (
            machine(node("a", first=True), node("b", first=True)),
            None,
            {},
            "2 nodes say that they are the first: a (/lib/step_node_a.py:1), b",
        ),
        (machine(*(node(f"n{i}") for i in range(30))), None, {}, "and 18 more"),
    ],
)
def test_without_one_active_first_node_the_nodes_are_named(nodes, asked, shown, told):
    with pytest.raises(UsageError) as refused:
        begins(nodes, asked, **shown)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("engine", "own", "resume", "told"),
    [
        ("COMPLETE_SUCCESS", {}, False, "step reset press"),
        ("COMPLETE_SUCCESS", {}, True, "step reset press"),
        ("COMPLETE_ERROR", {}, False, "(b broke): `framework0 step reset press`"),
        ("RUNNING", standing(), False, "has begun, at node a in EXECUTE: `framework0 step resume"),
        ("RUNNING", standing(paused={"at": "entry"}), False, "is paused (entry)"),
        ("INACTIVE", {}, True, "`framework0 step run press` starts it"),
        ("WAITING", {}, False, "there are INACTIVE, STARTUP, RUNNING, COMPLETE_SUCCESS"),
        ("WAITING", {}, True, "'WAITING' is no state of the engine"),
        ("WAITING", standing(), False, "has begun"),
        (["RUNNING"], {}, True, "is no state of the engine"),
    ],
)
def test_what_cannot_be_run_as_it_stands_is_told_with_what_can(engine, own, resume, told):
    shown = {"current_step_node": "a", "current_step_state": "EXECUTE", "last_error": "b broke"}
    with pytest.raises(UsageError) as refused:
        refuse_to_run(picture(engine, own, **shown), "press", resume=resume)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("engine", "own", "resume"),
    [
        ("INACTIVE", {}, False),
        ("STARTUP", {}, False),
        ("STARTUP", {}, True),
        ("RUNNING", standing(), True),
        ("RUNNING", {}, True),
        ("COMPLETE_ERROR", standing(), True),
        ("WAITING", standing(), True),
    ],
)
def test_what_can_be_run_as_it_stands_is_not_refused(engine, own, resume):
    assert refuse_to_run(picture(engine, own), "press", resume=resume) is None


def test_a_machine_goes_on_where_the_file_and_the_record_agree():
    found = resumed(standing(), current_step_node="a", current_step_state="EXECUTE")
    assert (found.run, found.node, found.state) == ("run0", "a", "EXECUTE")
    assert (found.visit, found.attempt, found.notices) == (3, 1, ())
    assert not found.entering
    assert not found.passed_exit


def test_after_a_breakpoint_at_the_exit_the_exit_has_been_passed():
    own = standing(state="EXIT", paused={"at": "exit"})
    assert resumed(own, current_step_node="a", current_step_state="EXIT").passed_exit
    own = standing(state="EXIT", paused={"at": "step"})
    assert not resumed(own, current_step_node="a", current_step_state="EXIT").passed_exit


@pytest.mark.parametrize(
    ("node", "state", "expected"),
    [
        ("a", "ENTER", ("a", "ENTER", 3, False)),
        ("b", "EXIT", ("b", "EXIT", 4, True)),
        ("b", "INACTIVE", ("b", "ENTER", 4, True)),
        ("b", "JUMP", ("b", "JUMP", 3, False)),
    ],
)
def test_what_somebody_wrote_wins_when_it_makes_sense_and_is_reported(node, state, expected):
    found = resumed(standing(), current_step_node=node, current_step_state=state)
    assert (found.node, found.state, found.visit, found.entering) == expected
    assert found.attempt == 0
    [notice] = found.notices
    assert f"node {node} in {state}" in notice
    assert "node a in EXECUTE" in notice


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ({"current_step_node": "a", "current_step_state": "RUNNING"}, "'RUNNING' is no state of a"),
        ({"current_step_node": "bb", "current_step_state": "ENTER"}, "did you mean b?"),
        ({"current_step_node": "off", "current_step_state": "ENTER"}, "'off' is not active"),
        ({"current_step_node": 7, "current_step_state": "ENTER"}, "current_step_node is empty"),
        (
            {
                "current_step_node": "b",
                "current_step_state": "ENTER",
                "current_step_module": "step_node_a",
            },
            "but current_step_module is 'step_node_a'",
        ),
    ],
)
def test_what_makes_no_sense_is_reported_and_the_record_wins(shown, told):
    found = resumed(standing(), **shown)
    assert (found.node, found.state, found.visit, found.attempt) == ("a", "EXECUTE", 3, 1)
    [notice] = found.notices
    assert told in notice
    with pytest.raises(UsageError) as refused:
        resumed({}, **shown)
    assert told in str(refused.value)
    assert "set current_step_node to one of a, b, off" in str(refused.value)


def test_a_file_written_by_hand_alone_is_a_place_to_go_on_from():
    found = resumed({}, current_step_node="b", current_step_state="EXECUTE")
    assert (found.run, found.node, found.state, found.visit) == ("run1", "b", "EXECUTE", 1)
    assert "recorded nothing" in found.notices[0]


def test_odd_values_in_the_record_read_as_nothing():
    own = standing(visit="many", attempt=True, run=7, paused="yes")
    found = resumed(own, current_step_node="a", current_step_state="EXECUTE")
    assert (found.run, found.visit, found.attempt) == ("run1", 1, 0)
