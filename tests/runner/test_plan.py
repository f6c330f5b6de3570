"""The plan: edges, phases, starting order and the caller's choice of steps."""

from __future__ import annotations

import pytest

from framework0.errors import UsageError
from framework0.recipe import FINALLY, ON_FAILURE, Recipe, Step
from framework0.runner import Plan


def plan_of(*steps: dict, order: str = "graph", **choice) -> Plan:
    made = tuple(Step(position=place, **fields) for place, fields in enumerate(steps))
    return Plan(Recipe("test", made, order=order), **choice)


def test_a_graph_has_the_edges_that_depends_on_names_once_each():
    plan = plan_of({"name": "a"}, {"name": "b", "depends_on": ("a", "a")})
    assert plan.parents == [(), (0,)]
    assert plan.children == [(1,), ()]


def test_a_sequence_has_an_edge_from_each_step_to_the_next_by_idx():
    plan = plan_of(
        {"name": "c", "idx": 3}, {"name": "a", "idx": 1}, {"name": "b", "idx": 2}, order="sequence"
    )
    assert plan.parents == [(2,), (), (1,)]
    assert plan.rank == [2, 0, 1]


def test_steps_without_idx_start_after_those_with_one_in_file_order():
    assert plan_of({"name": "x"}, {"name": "y"}, {"name": "z", "idx": 7}).rank == [1, 2, 0]


def test_no_edge_crosses_from_one_phase_to_another():
    plan = plan_of(
        {"name": "a"},
        {"name": "alarm", "phase": ON_FAILURE},
        {"name": "tidy", "phase": FINALLY},
        {"name": "last", "phase": FINALLY},
    )
    assert plan.phase == [0, 1, 2, 2]
    assert plan.parents == [(), (), (), (2,)]


def test_clean_up_steps_that_name_dependencies_form_a_graph_of_their_own():
    plan = plan_of(
        {"name": "a"},
        {"name": "x", "phase": FINALLY},
        {"name": "y", "phase": FINALLY, "depends_on": ("x",)},
        {"name": "z", "phase": FINALLY},
    )
    assert plan.parents == [(), (), (1,), ()]


def test_only_and_skip_leave_steps_out_with_the_reason():
    steps = ({"name": "a"}, {"name": "b"}, {"name": "c"})
    assert plan_of(*steps, only=("b",)).left_out == {
        0: "not named by --only",
        2: "not named by --only",
    }
    assert plan_of(*steps, skip=("b",)).left_out == {1: "left out by --skip"}


def test_an_unknown_step_is_refused_with_the_near_name():
    with pytest.raises(UsageError, match=r"no step named 'lode_data': did you mean 'load_data'\?"):
        plan_of({"name": "load_data"}, only=("lode_data",))
    with pytest.raises(UsageError, match="framework0 plan"):
        plan_of({"name": "a"}, skip=("zzzzzz",))
