"""Recipes written as functions are recipes like any other."""

from __future__ import annotations

import pytest

from framework0 import recipe_of, step
from framework0.assembly import resume_run, start_run
from framework0.errors import RecipeError, UsageError

SCRIPT = """
from pathlib import Path

from framework0 import recipe_of, run_recipe, step

@step
def load():
    return [1, 2, 3]

@step(depends_on=[load], args={"rows": "${{ steps.load.result }}"}, retry={"attempts": 2})
def total(rows, context):
    context.set("total", sum(rows))
    if not Path("mended").exists():
        raise ValueError("not mended")

if __name__ == "__main__":
    print(run_recipe(recipe_of(total)).state)
"""


def test_dependencies_are_collected_and_run_first(space):
    (space.root / "job.py").write_text(SCRIPT)
    import importlib.util

    spec = importlib.util.spec_from_file_location("job", space.root / "job.py")
    job = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(job)
    recipe = recipe_of(job.total, name="sums")
    assert [(each.name, each.module, each.depends_on) for each in recipe.steps] == [
        ("load", "job", ()),
        ("total", "job", ("load",)),
    ]
    (space.root / "mended").touch()
    assert start_run(recipe, workspace=space).context.get("total") == 6
    assert job.load() == [1, 2, 3]


@pytest.mark.slow
def test_a_script_runs_itself_and_its_run_can_be_resumed_by_the_command(space, run_python):
    script = space.root / "job.py"
    script.write_text(SCRIPT)
    home = {"FRAMEWORK0_HOME": str(space.state)}
    ended = run_python(script, cwd=space.root, env={**home, "PYTHONPATH": _root()})
    assert ended.stdout == "failed\n", ended.stderr
    (space.root / "mended").touch()
    (run_folder,) = (space.state / "runs").iterdir()
    assert resume_run(run_folder.name, workspace=space).ok


def _root():
    from pathlib import Path

    return str(Path(__file__).resolve().parents[2])


def plain(): ...


@step(depends_on=["b"])
def a(): ...


def test_what_no_run_could_find_again_is_refused():
    @step
    def inner(): ...

    with pytest.raises(UsageError, match="inside a function"):
        recipe_of(inner)
    with pytest.raises(UsageError, match="plain is no step: put @step above it"):
        recipe_of(plain)


def test_steps_that_wait_for_each_other_are_named():
    first = step(name="first")(lambda: None)
    first.__qualname__ = "first"
    second = step(name="second", depends_on=[first])(lambda: None)
    second.__qualname__ = "second"
    step(name="first", depends_on=[second])(first)
    with pytest.raises(UsageError, match="first → second → first"):
        recipe_of(first)


def test_the_keys_of_a_step_are_checked_as_in_a_file():
    with pytest.raises(RecipeError, match="b"):
        recipe_of(a)


def test_values_that_are_not_json_are_refused():
    bad = step(args={"x": object()})(lambda x: None)
    bad.__qualname__ = "bad"
    with pytest.raises(UsageError, match="holds a object: recipes hold JSON values only"):
        recipe_of(bad)
