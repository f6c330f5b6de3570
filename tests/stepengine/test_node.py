"""The base class of nodes: groups of the parameter file as mappings, and where to go."""

from __future__ import annotations

import json

import pytest

from framework0.errors import ValueRefused
from framework0.stepengine import Group, StepNode

FILE = ".octo_step_engine_parameters.json"


class Press(StepNode):
    name = "press"
    step_arrow_graph_dict = {
        "closed": {"arrow_step_name_string": "pack", "active_arrow_step_bool": 0},
        "done": {"arrow_step_name_string": "pack"},
    }
    step_node_params_dict_init = {"press": {"force": 3}}
    step_node_results_dict_init = {"press": {"pressed": 0}}


@pytest.fixture
def node(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Press("press")


def stored(folder):
    return json.loads((folder / FILE).read_text(encoding="utf-8"))


def test_its_name_is_given_or_declared_or_that_of_the_class(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [Press("other").name, Press().name, StepNode().name] == ["other", "press", "StepNode"]
    assert Press("a", verbose_flag=True).verbose_flag


def test_what_is_not_in_the_file_yet_is_as_declared(node):
    assert node.params["force"] == 3
    assert dict(node.results) == {"pressed": 0}
    assert "colour" not in node.params
    assert node.params.get("colour", "red") == "red"
    with pytest.raises(KeyError):
        node.params["colour"]


def test_a_change_is_in_the_file_and_seen_by_all(node, tmp_path):
    node.params["force"] = 5
    node.results["pressed"] = 1
    node.shared["wanted"] = {"parts": [1, 2]}
    assert stored(tmp_path) == {
        "press": {"force": 5, "pressed": 1},
        "shared_data": {"wanted": {"parts": [1, 2]}},
    }
    assert Press("press").params["force"] == 5
    assert len(node.shared) == 1
    assert list(node.params) == ["force", "pressed"]
    assert repr(node.shared) == "Group('shared_data', {'wanted': {'parts': [1, 2]}})"


def test_what_is_read_is_a_copy(node):
    node.shared["parts"] = [1]
    node.shared["parts"].append(2)
    assert node.shared["parts"] == [1]


def test_values_are_counted_changed_together_and_removed(node, tmp_path):
    assert [node.results.increment("pressed"), node.results.increment("pressed", 4)] == [1, 5]
    node.shared.update_all(a=1, b=2)
    del node.shared["a"]
    assert stored(tmp_path)["shared_data"] == {"b": 2}
    with pytest.raises(KeyError):
        del node.shared["a"]


def test_a_group_that_is_none_reads_as_empty_and_refuses_changes(node, tmp_path):
    (tmp_path / FILE).write_text('{"shared_data": "mine"}', encoding="utf-8")
    assert len(node.shared) == 0
    with pytest.raises(ValueRefused, match="shared_data"):
        node.shared.update_all(a=1)
    with pytest.raises(ValueRefused, match="shared_data"):
        node.shared["a"] = 1
    assert stored(tmp_path) == {"shared_data": "mine"}


def test_it_goes_to_a_node_by_an_open_arrow_or_directly(node):
    assert node.advance_to("pack") == "done"
    assert node.advance_to("press") == "step_arrow_graph_list_key_press"
    assert node.complete() == "COMPLETE"


def test_it_is_told_visit_and_attempt(node, monkeypatch):
    assert (node.visit, node.attempt) == (1, 1)
    monkeypatch.setenv("OCTO_STEP_VISIT", "7")
    monkeypatch.setenv("OCTO_STEP_ATTEMPT", "3")
    assert (node.visit, node.attempt) == (7, 3)


def test_its_folder_stays_the_one_in_which_it_was_made(node, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    node.shared["x"] = 1
    assert node.instance == tmp_path
    assert stored(tmp_path)["shared_data"] == {"x": 1}


def test_a_group_is_a_mapping_as_python_has_them(node):
    group: Group = node.shared
    group.setdefault("a", 1)
    group.update({"b": 2})
    assert (group.pop("a"), dict(group)) == (1, {"b": 2})
