"""Which way a machine goes: every rule about what step_advance returns, and every refusal with its reason."""

from __future__ import annotations

import pytest

from framework0.stepengine import Fault
from framework0.stepengine.arrows import THE_END, Way, way_from
from framework0.stepengine.nodes import Arrow, Node


def node(name="a", *arrows, active=True, methods=("step_execute", "step_advance")):
    return Node(
        name,
        f"step_node_{name}",
        f"/lib/step_node_{name}.py:3",
        frozenset(methods),
        {arrow.key: arrow for arrow in arrows},
        active=active,
    )


OTHERS = {"b": node("b"), "c": node("c"), "off": node("off", active=False)}
TO_B = Arrow("next", "b", "step_node_b")
TO_C = Arrow("other", "c")
CLOSED = Arrow("shut", "b", active=False)


def way(here, returned):
    return way_from(here, returned, {**OTHERS, here.name: here})


@pytest.mark.parametrize(
    ("arrows", "returned", "expected"),
    [
        ((), None, THE_END),
        ((), "COMPLETE", THE_END),
        ((TO_B, TO_C), "COMPLETE", THE_END),
        ((TO_B,), None, Way("next", "b")),
        ((TO_B, CLOSED), None, Way("next", "b")),
        ((TO_B, TO_C), "other", Way("other", "c")),
        ((), "step_arrow_graph_list_key_a", Way("step_arrow_graph_list_key_a", "a")),
        ((TO_B,), "step_arrow_graph_list_key_c", Way("step_arrow_graph_list_key_c", "c")),
        (
            (Arrow("step_arrow_graph_list_key_c", "b"),),
            "step_arrow_graph_list_key_c",
            Way("step_arrow_graph_list_key_c", "b"),
        ),
    ],
)
def test_the_way_is_the_one_that_was_chosen(arrows, returned, expected):
    assert way(node("a", *arrows), returned) == expected


@pytest.mark.parametrize(
    ("arrows", "returned", "told"),
    [
        ((CLOSED,), None, "its arrows are closed (shut)"),
        ((CLOSED,), "shut", "'shut' of node a is closed (active_arrow_step_bool is 0)"),
        ((CLOSED, TO_C), "shut", "or choose other"),
        ((TO_B, TO_C), None, "2 of its arrows are open (next, other)"),
        ((TO_B,), "nxt", "did you mean next?"),
        ((), "next", "it has none; 'COMPLETE' is the end"),
        ((TO_B,), 0, "step_advance returned 0"),
        ((TO_B,), True, "step_advance returned True"),
        ((TO_B,), "", "returned ''"),
        ((Arrow("next", "bb"),), None, "leads to 'bb', which is no node: did you mean b?"),
        ((Arrow("next", "zzz"),), None, "there are b, c, off, a"),
        ((Arrow("next", "off"),), None, "leads to node off, which is not active"),
        ((Arrow("next", "b", "step_node_c"),), None, "in 'step_node_c', but that node is in"),
        ((), "step_arrow_graph_list_key_off", "not active"),
        ((), "step_arrow_graph_list_key_nobody", "no node"),
    ],
)
def test_a_way_that_is_none_is_a_fault_of_the_node_with_its_reason(arrows, returned, told):
    fault = way(node("a", *arrows), returned)
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.where) == ("arrow", "/lib/step_node_a.py:3")
    assert told in fault.message


def test_without_a_method_the_message_says_so():
    here = node("a", TO_B, TO_C, methods=("step_execute",))
    assert "step_advance of node a is not there" in way(here, None).message


def test_a_message_lists_no_more_names_than_people_read():
    here = node("a", *(Arrow(f"k{number}", "b") for number in range(50)))
    assert "and 41 more" in way(here, None).message
