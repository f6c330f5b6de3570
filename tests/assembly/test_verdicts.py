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
    assert json.loads(verdict.read_text())["kinds"] == []


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
