"""``framework0 graph``: a recipe drawn, or a run with its states."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow


def test_a_recipe_is_drawn_level_by_level(framework0):
    said = framework0("graph", "good.yaml")
    assert said.code == 0
    assert said.stdout == "good: 3 steps\n1 │ count\n2 │ total  ← count\n3 │ greet  ← total\n"


def test_a_terminal_that_knows_ascii_only_gets_ascii(framework0):
    said = framework0("graph", "good.yaml", env={"PYTHONIOENCODING": "ascii"})
    assert said.stdout.splitlines()[2] == "2 | total  <- count"


@pytest.mark.parametrize(
    ("form", "first", "arrow"),
    [
        ("mermaid", "flowchart TD", "    count --> total"),
        ("dot", 'digraph "good" {', "    n0 -> n1;"),
    ],
)
def test_other_programs_can_draw_it(framework0, form, first, arrow):
    lines = framework0("graph", "good.yaml", "--format", form).stdout.splitlines()
    assert lines[0] == first
    assert arrow in lines


@pytest.mark.measured
def test_a_run_is_drawn_with_the_states_of_its_steps(framework0):
    assert framework0("run", "mendable.yaml", "--name", "nightly").code == 1
    said = framework0("graph", "nightly")
    assert said.code == 0
    words = [line.partition("│ ")[2] for line in said.stdout.splitlines()[1:]]
    assert words == [
        "✓ first  (succeeded)",
        "✗ shaky  ← first  (failed)",
        "- after  ← shaky  (skipped)",
    ]
    drawn = framework0("graph", "nightly", "--format", "mermaid").stdout
    assert 'shaky["shaky<br/>failed"]:::failed' in drawn


def test_without_a_word_the_latest_run_is_meant_and_named(framework0):
    assert framework0("run", "one.yaml").code == 0
    said = framework0("graph")
    assert "greet  (succeeded)" in said.stdout
    assert "is meant" in said.stderr


def test_a_run_is_drawn_as_it_was_whatever_became_of_its_recipe(framework0, workspace):
    assert framework0("run", "good.yaml", "--name", "old").code == 0
    (workspace / "good.yaml").unlink()
    (workspace / "steps.py").unlink()
    assert "greet  ← total  (succeeded)" in framework0("graph", "old").stdout


def test_a_name_that_is_neither_file_nor_run_is_said_to_be_no_run(framework0):
    said = framework0("graph", "nothing")
    assert (said.code, said.stdout) == (4, "")
    assert "nothing" in said.stderr


def test_a_file_that_is_missing_is_said_to_be_missing(framework0):
    said = framework0("graph", "nowhere.yaml")
    assert said.code == 3
    assert "nowhere.yaml:1:1: error: there is no such file" in said.stderr
