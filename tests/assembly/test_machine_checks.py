"""Validating a recipe of machines: folders that are missing and groups that are misspelt, at their place."""

from __future__ import annotations

from textwrap import dedent

import pytest

from framework0.assembly import check_recipe
from tests.stepengine.libraries import node_text, write_instance, write_library


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".framework0").mkdir(mode=0o700)
    text = node_text("fill", first_node_step_bool=1).replace(
        "    def step_execute",
        "    step_node_params_dict_init = {'limits': {}}\n\n    def step_execute",
    )
    write_library(tmp_path / "nodes", text)
    write_instance(tmp_path / "press", "../nodes")
    return tmp_path


def found(folder, steps):
    """The codes, severities, places and hints of all that is said of the machines in a recipe."""
    text = "order: graph\nsteps:\n" + dedent(steps).strip("\n") + "\n"
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    checked = check_recipe(folder / "recipe.yaml")
    assert checked.recipe is not None
    return [
        (one.code, one.severity, one.place.line, one.place.column, one.hint)
        for one in checked.problems
        if one.code.startswith("machine-")
    ]


def test_folders_that_are_there_are_no_matter(folder):
    steps = (
        "- {name: a, type: step_engine, instance: press, library: nodes, args: {limits: {x: 1}}}"
    )
    assert found(folder, steps) == []
    assert found(folder, "- {name: a, type: step_engine, instance: press}") == []


def test_a_missing_folder_is_a_warning_with_its_place_and_the_near_name(folder):
    steps = """
    - name: a
      type: step_engine
      instance: pres
      library: elsewhere/things
    """
    assert found(folder, steps) == [
        ("machine-missing", "warning", 5, 13, "did you mean 'press'?"),
        ("machine-missing", "warning", 6, 12, "make the folder"),
    ]


def test_what_a_step_before_it_may_make_is_a_note(folder):
    steps = """
    - {name: a, module: builtins, function: dict}
    - name: b
      type: step_engine
      instance: made_by_then
    """
    hint = "a step before it has to make it"
    assert found(folder, steps) == [("machine-missing", "note", 6, 13, hint)]


def test_nothing_is_said_of_what_an_expression_will_tell(folder):
    steps = """
    - name: a
      type: step_engine
      instance: "${{ run.id }}"
      library: "${{ run.id }}"
      args: {limit: {x: 1}}
    """
    assert found(folder, steps) == []


def test_a_group_that_resembles_one_of_the_machine_is_a_warning(folder):
    steps = """
    - name: a
      type: step_engine
      instance: press
      args: {limit: {x: 1}, shared_dat: {x: 1}, fill: {x: 1}, of_its_own: {x: 1}}
    """
    assert found(folder, steps) == [
        ("machine-group", "warning", 6, 10, "did you mean 'limits'?"),
        ("machine-group", "warning", 6, 25, "did you mean 'shared_data'?"),
    ]


def test_a_machine_that_cannot_be_read_is_left_to_its_own_check(folder):
    steps = "- {name: a, type: step_engine, instance: press, args: {limit: {x: 1}}}"
    write_instance(folder / "press", "../nowhere")
    assert found(folder, steps) == []


def test_steps_of_other_sections_are_found_at_their_place(folder):
    steps = """
    - {name: a, module: builtins, function: dict}
    finally:
      - {name: z, type: step_engine, instance: press, library: node}
    """
    assert found(folder, steps) == [("machine-missing", "warning", 5, 60, "did you mean 'nodes'?")]
