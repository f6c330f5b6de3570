"""The recipe checker through its documented path, from Python and as a script."""

from __future__ import annotations

import pytest

from framework0.errors import RecipeError
from orchestrator.enhanced_recipe_parser import check_recipe, load_recipe
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.usefixtures("unmeasured")

SCRIPT = REPOSITORY / "orchestrator" / "enhanced_recipe_parser.py"
RECIPES = sorted((REPOSITORY / "orchestrator" / "recipes").glob("*.yaml"))


@pytest.fixture
def recipe(tmp_path):
    """Write a recipe into a workspace of its own and return its path."""

    def write(text):
        path = tmp_path / "recipe.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_example_recipes_are_without_error_or_warning(path):
    checked = check_recipe(path, workspace=REPOSITORY)
    assert [str(problem) for problem in checked.problems if problem.severity != "note"] == []
    assert checked.recipe.name == path.stem


def test_a_loaded_recipe_says_what_it_is_and_in_which_order_it_runs(recipe, tmp_path):
    loaded = load_recipe(
        recipe(
            "metadata: {name: two, version: '1.1'}\n"
            "steps:\n"
            "  - {name: b, idx: 2, module: builtins, function: print}\n"
            "  - {name: a, idx: 1, module: builtins, function: print}\n"
        ),
        workspace=tmp_path,
    )
    assert (loaded.name, loaded.version, loaded.order) == ("two", "1.1", "sequence")
    assert [step.name for step in loaded.steps] == ["b", "a"]


def test_every_mistake_is_found_at_once_each_where_it_is(recipe, tmp_path):
    path = recipe(
        "steps:\n"
        "  - name: load\n"
        "    module: builtins\n"
        "    function: prnt\n"
        "    retires: 3\n"
        "  - name: b\n"
        "    module: builtins\n"
        "    function: print\n"
        "    depends_on: [laod]\n"
    )
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, workspace=tmp_path)
    found = {
        (problem.place.line, problem.place.column): str(problem)
        for problem in caught.value.problems
    }
    assert sorted(found) == [(4, 15), (5, 5), (9, 18)]
    assert "print" in found[4, 15]
    assert "retry" in found[5, 5]
    assert "load" in found[9, 18].replace("laod", "")


def test_checking_never_imports_what_a_recipe_names(recipe, tmp_path):
    (tmp_path / "bomb.py").write_text(
        "raise SystemExit('imported')\ndef go(): ...\n", encoding="utf-8"
    )
    path = recipe("steps:\n  - {name: a, module: bomb, function: go}\n")
    assert check_recipe(path, workspace=tmp_path).recipe is not None


@pytest.mark.slow
def test_the_script_accepts_what_is_right(run_python):
    ended = run_python(SCRIPT, "validate", *RECIPES, cwd=REPOSITORY)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.slow
def test_the_script_shows_the_place_the_line_and_a_caret_and_exits_with_3(run_python, recipe):
    path = recipe("steps:\n  - name: a\n    module: builtins\n    function: prnt\n")
    ended = run_python(SCRIPT, "validate", path)
    told = ended.stdout + ended.stderr
    assert ended.returncode == 3
    assert "recipe.yaml:4:15: error: " in told
    assert "function: prnt" in told
    assert "^" in told
    assert "Traceback" not in told


@pytest.mark.slow
def test_the_script_names_a_file_that_is_not_there(run_python, tmp_path):
    ended = run_python(SCRIPT, "validate", tmp_path / "absent.yaml")
    assert ended.returncode == 3
    assert "absent.yaml" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
