"""What a run records about the code behind its steps."""

from __future__ import annotations

import pytest

from framework0.assembly import load_recipe, start_run

INNER = "steps: [{name: inside, module: deep, function: f}]\n"

RECIPE = """
steps:
  - {name: a, module: near, function: f}
  - {name: b, module: near, function: g}
  - {name: again, module: near, function: f}
  - {name: c, type: recipe, recipe: inner.yaml}
  - {name: d, type: shell, command: ["true"]}
  - {name: e, type: pick}
"""

PLUGIN = """
from framework0.scriptlets import BaseScriptlet, register_scriptlet


@register_scriptlet
class Pick(BaseScriptlet):
    def run(self, context, params):
        return 0
"""


@pytest.fixture
def code(space):
    """Return what a run of the recipe records now."""
    (space.root / "near.py").write_text(
        "import far\n\n\ndef f():\n    return 1\n\n\ndef g():\n    return 2\n"
    )
    (space.root / "far.py").write_text("X = 1\n")
    (space.root / "deep.py").write_text("def f():\n    return 1\n")
    (space.root / "inner.yaml").write_text(INNER)
    plugins = space.root / "scriptlets" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "pick.py").write_text(PLUGIN)
    path = space.root / "recipe.yaml"
    path.write_text(RECIPE)
    return lambda: dict(load_recipe(path, workspace=space).code)


def differences(code, path, old, new):
    before = code()
    path.write_text(path.read_text().replace(old, new))
    after = code()
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_each_thing_that_steps_name_has_one_entry_and_each_file_behind_them(code):
    assert set(code()) == {
        "near:f",
        "near:g",
        "recipe inner.yaml",
        "type pick",
        "file near.py",
        "file far.py",
        "file scriptlets/plugins/pick.py",
    }


def test_a_run_records_it_and_a_remembered_recipe_has_it_too(code, space, history):
    for _ in range(2):
        result = start_run(load_recipe("recipe.yaml", workspace=space), workspace=space)
        assert history(result.id).header.code == code()


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("near.py", "return 1", "return 11", {"near:f", "file near.py"}),
        ("near.py", "return 2", "return 22", {"near:g", "file near.py"}),
        ("far.py", "X = 1", "X = 22", {"near:f", "near:g", "file far.py"}),
        ("deep.py", "return 1", "return 11", {"recipe inner.yaml"}),
        ("inner.yaml", "inside", "within it", {"recipe inner.yaml"}),
        (
            "scriptlets/plugins/pick.py",
            "return 0",
            "return 00",
            {"type pick", "file scriptlets/plugins/pick.py"},
        ),
    ],
)
def test_a_change_shows_in_what_rests_on_it_and_nowhere_else(code, space, file, old, new, changed):
    assert differences(code, space.root / file, old, new) == changed


def test_a_recipe_within_a_recipe_within_a_recipe_counts(code, space):
    (space.root / "inner.yaml").write_text(
        "steps: [{name: x, type: recipe, recipe: most.yaml}, {name: y, type: pick}]\n"
    )
    (space.root / "most.yaml").write_text(INNER)
    assert differences(code, space.root / "most.yaml", "inside", "within it") == {
        "recipe inner.yaml"
    }
    assert "recipe inner.yaml" in differences(
        code, space.root / "scriptlets/plugins/pick.py", "return 0", "return 00"
    )


def test_a_recipe_that_runs_itself_is_read_a_bounded_number_of_times(code, space):
    (space.root / "inner.yaml").write_text("steps: [{name: x, type: recipe, recipe: inner.yaml}]\n")
    assert len(code()["recipe inner.yaml"]) == 64


def test_an_inner_recipe_that_is_missing_or_broken_has_a_hash_too(code, space):
    (space.root / "inner.yaml").write_text("steps: [\n")
    broken = code()["recipe inner.yaml"]
    (space.root / "inner.yaml").unlink()
    assert len({broken, code()["recipe inner.yaml"]}) == 2


def test_a_large_recipe_of_few_functions_has_few_entries(space):
    steps = "".join(f"- {{name: s{n}, module: steps, function: nothing}}\n" for n in range(2_000))
    (space.root / "large.yaml").write_text("steps:\n" + steps)
    assert set(load_recipe("large.yaml", workspace=space).code) == {
        "steps:nothing",
        "file steps.py",
    }
