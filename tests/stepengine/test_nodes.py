"""What a class says becomes a node, or a problem with its place."""

from __future__ import annotations

import pytest

from framework0.errors import LibraryError
from framework0.stepengine import NodeFacts
from framework0.stepengine.nodes import Arrow, facts_from, machine_nodes, node_from
from framework0.stepengine.policy import Retry


def facts(name="press", lines=None, **declared):
    """Return the facts about a class ``Press`` in ``step_node_press.py`` and their problems."""
    return facts_from(
        "Press",
        "step_node_press",
        "/lib/step_node_press.py",
        7,
        {"name": name, **declared},
        methods=["step_execute"],
        lines=lines,
    )


def read(lines=None, **declared):
    found, problems = facts(lines=lines, **declared)
    node, more = node_from(found)
    return node, problems + more


def node_with(**attributes):
    return read(step_node_graph_dict={"press": attributes})


def arrow_with(entry):
    return read(step_arrow_graph_dict={"next": entry})


def test_a_class_that_says_nothing_is_an_active_node_without_arrows():
    node, problems = read()
    assert problems == []
    assert (node.name, node.module, node.where) == (
        "press", "step_node_press", "/lib/step_node_press.py:7",
    )  # fmt: skip
    assert node.active
    assert node.methods == {"step_execute"}
    assert not any([node.first, node.skips_execute, node.entry_breakpoint, node.exit_breakpoint])
    assert (node.arrows, node.timeout, node.retry, node.max_visits) == ({}, None, Retry(), None)


@pytest.mark.parametrize(
    ("name", "graph", "expected"),
    [
        ("press", {"other": {}}, "other"),
        ("press", {"other": {}, "press": {}}, "press"),
        (None, {"a": {}, "Press": {}}, "Press"),
        ("press", {"a": {}, "Press": {}}, "Press"),
        ("press", {"b": {}, "a": {}}, "b"),
        ("press", None, "press"),
        (None, {}, "Press"),
        ("", None, "Press"),
    ],
)
def test_a_nodes_name_is_its_key_else_its_name_else_its_class(name, graph, expected):
    found, problems = facts(name, step_node_graph_dict=graph)
    assert (found.name, problems) == (expected, [])


def test_attributes_of_a_node_mean_what_they_say():
    node, problems = node_with(
        module_name_string="step_node_press",
        node_step_name_string="press",
        first_node_step_bool=1,
        active_node_step_bool=0,
        skip_step_node_execute_bool=True,
        node_entry_breakpoint=1,
        node_exit_breakpoint=1,
        timeout="5s",
        retry={"attempts": 3, "delay": 1},
        max_visits=9,
        its_own_business="kept",
    )
    assert problems == []
    assert node.first
    assert not node.active
    assert node.skips_execute
    assert node.entry_breakpoint
    assert node.exit_breakpoint
    assert (node.timeout, node.retry, node.max_visits) == (5.0, Retry(3, 1.0), 9)


def test_an_arrow_leads_to_a_node_and_is_open_unless_it_says_otherwise():
    node, problems = arrow_with({"arrow_step_name_string": "pack", "module_name_string": "m"})
    assert problems == []
    assert node.arrows == {"next": Arrow("next", "pack", "m", active=True)}
    node, _ = arrow_with({"arrow_step_name_string": "pack", "active_arrow_step_bool": 0})
    assert not node.arrows["next"].active


@pytest.mark.parametrize(
    ("declared", "code", "told"),
    [
        ({"name": 7}, "node-name", "must be a text, not 7"),
        ({"step_node_graph_dict": []}, "node-attributes", "must be a dictionary, not []"),
        ({"step_node_graph_dict": {7: {}}}, "node-attributes", "must be a text, not 7"),
        ({"step_node_graph_dict": {"press": 1}}, "node-attributes", "dictionary for 'press'"),
        ({"step_arrow_graph_dict": {"next": 1}}, "node-arrow", "must be a dictionary, not 1"),
        ({"step_arrow_graph_dict": {"COMPLETE": {}}}, "node-arrow", "ends the machine"),
        ({"step_arrow_graph_dict": {"next": {}}}, "node-arrow", "does not say which node"),
        ({"step_node_params_dict_init": {"press": 1}}, "node-params", "dictionary for 'press'"),
        ({"step_node_params_dict_init": {"press": {"at": {1}}}}, "node-params", "no JSON"),
        ({"step_node_params_dict_init": {"press": {1: 1}}}, "node-params", "no text"),
        ({"step_node_results_dict_init": {"press": {"n": float("nan")}}}, "node-params", "no JSON"),
    ],
)
def test_a_dictionary_of_the_wrong_form_is_a_problem(declared, code, told):
    _, problems = read(**declared)
    assert [problem.code for problem in problems] == [code]
    assert told in problems[0].message
    assert str(problems[0].place) == "/lib/step_node_press.py:7:1"


@pytest.mark.parametrize(
    ("attributes", "code", "told"),
    [
        ({"module_name_string": "step_node_pres"}, "node-name", "its file is named"),
        ({"node_step_name_string": "pres"}, "node-name", "'pres'"),
        ({"active_node_step_bool": "yes"}, "node-flag", "must be 0 or 1, not 'yes'"),
        ({"node_exit_breakpoint": 2}, "node-flag", "must be 0 or 1, not 2"),
        ({"timeout": "soon"}, "node-policy", "timeout of node press must be"),
        ({"retry": {"atempts": 2}}, "node-policy", "did you mean attempts"),
        ({"max_visits": 0}, "node-policy", "max_visits of node press must be"),
    ],
)
def test_a_wrong_attribute_is_a_problem(attributes, code, told):
    _, problems = node_with(**attributes)
    assert [problem.code for problem in problems] == [code]
    assert told in str(problems[0])


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"arrow_step_name_string": 3}, "says 3 where it should say which node"),
        ({"arrow_step_name_string": "pack", "module_name_string": 3}, "must be a text, not 3"),
        ({"arrow_step_name_string": "pack", "active_arrow_step_bool": "no"}, "0 or 1, not 'no'"),
    ],
)
def test_a_wrong_arrow_is_a_problem(entry, told):
    _, problems = arrow_with(entry)
    assert len(problems) == 1
    assert told in str(problems[0])


def test_a_misspelt_word_is_a_warning_with_the_near_name_and_stops_nothing():
    found, _ = facts(step_node_graph_dict={"press": {"active_node_step_bol": 0}})
    assert machine_nodes([found])["press"].active
    [problem] = node_from(found)[1]
    assert (problem.severity, problem.hint) == ("warning", "did you mean active_node_step_bool?")


def test_a_problem_has_the_line_of_the_nearest_key_that_has_one():
    lines = {"attributes": 10, "attributes.timeout": 12, "arrows.next": 20}
    _, problems = read(
        lines,
        step_node_graph_dict={"press": {"timeout": "soon", "max_visits": 0}},
        step_arrow_graph_dict={"next": {"arrow_step_name_string": 1}},
        step_node_params_dict_init={"press": 1},
    )
    assert sorted(problem.place.line for problem in problems) == [7, 10, 12, 20]


def test_two_nodes_of_one_name_are_refused_naming_both_places():
    first, _ = facts()
    second = first._replace(file="/lib/step_node_pack.py", line=3)
    with pytest.raises(LibraryError) as refused:
        machine_nodes([first, second])
    [problem] = refused.value.problems
    assert problem.code == "node-twice"
    assert "/lib/step_node_press.py:7" in str(problem)
    assert str(problem.place) == "/lib/step_node_pack.py:3:1"


def test_all_problems_of_all_nodes_are_told_at_once():
    found = [
        facts("a", step_node_graph_dict={"a": {"timeout": "soon", "retry": 0}})[0],
        facts("b", step_arrow_graph_dict={"next": {}})[0],
    ]
    with pytest.raises(LibraryError) as refused:
        machine_nodes(found)
    assert [problem.code for problem in refused.value.problems] == [
        "node-policy", "node-policy", "node-arrow",
    ]  # fmt: skip


def test_facts_are_plain_data_that_travels_as_json():
    import json

    found, _ = facts(step_arrow_graph_dict={"next": {"arrow_step_name_string": "pack"}})
    again = NodeFacts(**json.loads(json.dumps(found._asdict())))
    assert node_from(again) == node_from(found)


def test_a_machine_of_ten_thousand_nodes_is_read():
    nodes = machine_nodes(
        facts(
            f"n{number}",
            step_arrow_graph_dict={"next": {"arrow_step_name_string": f"n{number + 1}"}},
        )[0]
        for number in range(10_000)
    )
    assert len(nodes) == 10_000
    assert nodes["n41"].arrows["next"].to == "n42"
