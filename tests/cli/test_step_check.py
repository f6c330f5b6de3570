"""``framework0 step check``: a machine is checked whole, and nothing of it is run."""

from __future__ import annotations

import json

import pytest

from tests.stepengine.libraries import node_text, write_instance, write_library

pytestmark = [pytest.mark.slow, pytest.mark.measured]


@pytest.fixture
def machine(workspace):
    write_library(
        workspace / "lifts",
        node_text("lift", {"on": "lowr"}, first_node_step_bool=1),
        node_text("lower"),
    )
    return write_instance(workspace / "press", "../lifts")


def test_every_mistake_is_shown_with_its_line_and_a_caret(framework0, machine):
    said = framework0("step", "check", machine.name)
    assert said.code == 3
    lines = said.stdout.splitlines()
    assert lines[0].startswith("lifts/step_node_lift.py:6:")
    assert "error: the arrow 'on' of node 'lift' leads to 'lowr', which is no node" in lines[0]
    caret = lines[2].index("^")
    assert lines[1][caret : caret + 6] == "'lowr'"
    assert "help: did you mean 'lower'?" in said.stdout
    assert lines[-1] == "press: 1 error, 1 warning, 2 nodes, first lift"


def test_a_library_is_checked_alone(framework0, machine):
    (machine.parent / "lifts/step_node_lift.py").unlink()
    said = framework0("step", "check", "lifts")
    assert (said.code, said.stdout) == (0, "lifts: no mistakes, 1 node, first lower\n")


def test_programs_get_json(framework0, machine):
    said = framework0("step", "check", machine.name, "--json")
    assert said.code == 3
    answer = json.loads(said.stdout)
    assert answer["counts"] == {"error": 1, "warning": 1, "note": 0}
    assert answer["problems"][0]["code"] == "arrow-to-nothing"
    assert said.stderr == ""


def test_a_warning_counts_when_asked_for(framework0, machine):
    lift = node_text("lift", first_node_step_bool=1)
    write_library(machine.parent / "lifts", lift)
    assert framework0("step", "check", "press").code == 0
    assert framework0("step", "check", "press", "--strict").code == 3


def test_a_folder_that_is_neither_is_wrong_use(framework0, workspace):
    said = framework0("step", "check", "recipes")
    assert said.code == 2
    said = framework0("step", "check")
    assert (said.code, said.stdout) == (2, "")
    assert "neither an instance nor a library" in said.stderr
