"""A recipe found right is not compared with its code again, until one of them changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from framework0.assembly import load_recipe
from framework0.errors import RecipeError

RECIPE = "metadata: {name: r}\nsteps: [{name: a, module: mycode, function: f, args: {x: 1}}]\n"

LOADED = """
import sys
from framework0.assembly import load_recipe
from framework0.workspace import find_workspace
load_recipe("r.yaml", workspace=find_workspace(explicit="."))
print("framework0.source" in sys.modules)
"""


@pytest.fixture
def recipe(space):
    (space.root / "mycode.py").write_text("def f(x):\n    return x\n")
    path = space.root / "r.yaml"
    path.write_text(RECIPE)
    return path


def reads_code(space):
    """Load the recipe in a fresh process and say whether the code was looked at."""
    from pathlib import Path

    root = str(Path(__file__).resolve().parents[2])
    ended = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=space.root,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout == "True\n"


@pytest.mark.slow
def test_only_the_first_load_reads_the_code(space, recipe):
    assert reads_code(space)
    assert not reads_code(space)


def test_code_that_changes_is_compared_again(space, recipe):
    load_recipe(recipe, workspace=space)
    (space.root / "mycode.py").write_text("def f(other_name):\n    return other_name\n")
    with pytest.raises(RecipeError, match="f takes no argument 'x'"):
        load_recipe(recipe, workspace=space)


def test_a_wrong_recipe_is_never_remembered(space, recipe):
    recipe.write_text(RECIPE.replace("x: 1", "y: 1"))
    for _ in range(2):
        with pytest.raises(RecipeError):
            load_recipe(recipe, workspace=space)


@pytest.mark.parametrize("damage", ["", "[1]", '{"basis": 1}', "null", "\0", '{"basis'])
def test_a_damaged_verdict_counts_for_nothing(space, recipe, damage):
    load_recipe(recipe, workspace=space)
    (verdict,) = (space.cache / "verdicts").iterdir()
    verdict.write_text(damage)
    assert load_recipe(recipe, workspace=space).name == "r"
    assert json.loads(verdict.read_text())["recipe"]["name"] == "r"


def test_a_cache_that_cannot_be_written_hurts_nobody(space, recipe):
    space.ensure_state()
    space.cache.write_text("a file where the folder should be")
    assert load_recipe(recipe, workspace=space).name == "r"


def test_too_many_verdicts_are_forgotten(space, recipe, monkeypatch):
    monkeypatch.setattr("framework0.assembly.verdicts.MAX_VERDICTS", 2)
    for n in range(5):
        recipe.write_text(RECIPE + f"# {n}\n")
        load_recipe(recipe, workspace=space)
    assert len(list((space.cache / "verdicts").iterdir())) <= 2
    assert (space.state / ".gitignore").exists()


def test_a_large_recipe_is_read_from_the_cache_the_second_time(space):
    steps = "".join(
        f"  - {{name: step-number-{n}, module: builtins, function: print, args: [hello]}}\n"
        for n in range(1_500)
    )
    path = space.root / "large.yaml"
    path.write_text(f"metadata: {{name: large}}\norder: graph\nsteps:\n{steps}")
    first = load_recipe(path, workspace=space)
    (entry,) = (space.cache / "recipes").iterdir()
    assert load_recipe(path, workspace=space) == first
    entry.write_bytes(entry.read_bytes()[:-20])
    assert load_recipe(path, workspace=space) == first


def test_a_large_recipe_is_read_where_nothing_can_be_kept(space):
    steps = "".join(
        f"  - {{name: step-number-{n}, module: builtins, function: print, args: [hello]}}\n"
        for n in range(1_500)
    )
    path = space.root / "large.yaml"
    path.write_text(f"metadata: {{name: large}}\norder: graph\nsteps:\n{steps}")
    space.state.write_text("a file where the folder should be")
    assert len(load_recipe(path, workspace=space).steps) == 1_500


EVERYTHING = """
metadata: {name: all, version: "2", description: every key, team: [a, {b: 1.5}]}
inputs: {who: {type: string, default: x, choices: [x, y]}, n: 3, key: {secret: true, env: KEY}}
defaults: {retry: 2}
order: graph
env: [HOME]
steps:
  - {name: a, idx: 1, module: mycode, function: f, args: {x: [1, "${{ inputs.who }}"]}, when: "inputs.n > 1"}
  - {name: b, module: builtins, function: print, args: [1, [2, 3]], depends_on: [a], timeout: 5s}
  - {name: c, foreach: [1, [2], {z: 3}], parallel: 2, module: mycode, function: f, args: {x: "${{ item }}"}}
  - {name: d, foreach: "${{ [1, 2] }}", fail_fast: true, module: mycode, function: f, args: {x: 1}}
  - {name: e, type: shell, command: [echo, hi], exit_codes: [0, 3], env: {A: "1"}, cwd: "."}
  - {name: g, type: shell, command: "echo hi | cat", shell: true, retry: {attempts: 3, delay: 1, on: [OSError]}}
  - {name: h, module: mycode, function: f, args: {x: 1}, success: {ctx_has_keys: [k]}, continue_on_error: true}
on_failure:
  - {name: i, module: builtins, function: print}
finally:
  - {name: j, type: recipe, recipe: r.yaml, args: {x: 1}, description: last}
"""


@pytest.mark.parametrize("before", ["", "\ufeff"])
def test_a_recipe_of_every_kind_comes_back_equal(space, recipe, before):
    recipe.write_text(before + EVERYTHING, encoding="utf-8")
    first = load_recipe(recipe, workspace=space)
    assert len(list((space.cache / "verdicts").iterdir())) == 1
    second = load_recipe(recipe, workspace=space)
    assert second == first
    assert second is not first
    assert [type(step.args) for step in second.steps] == [type(step.args) for step in first.steps]
    assert second.text == EVERYTHING


def test_what_is_no_small_regular_file_is_left_to_the_reader(space):
    from framework0.assembly.verdicts import Verdicts

    verdicts = Verdicts(space, [])
    assert verdicts.recall(str(space.root)) is None
    assert verdicts.recall(str(space.root / "nowhere.yaml")) is None
    assert verdicts.recall("a\0b") is None
    (space.root / "large.yaml").write_bytes(b"#" * 100_000)
    assert verdicts.recall(str(space.root / "large.yaml")) is None


def test_a_text_with_the_same_checksum_is_still_another_text(space, recipe, monkeypatch):
    monkeypatch.setattr("framework0.assembly.verdicts.crc32", lambda content: 7)
    load_recipe(recipe, workspace=space)
    recipe.write_text(RECIPE.replace("name: r", "name: s"))
    assert load_recipe(recipe, workspace=space).name == "s"
