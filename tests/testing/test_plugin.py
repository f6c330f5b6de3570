"""The pytest plugin as its users meet it: real test files, run by a pytest of their own."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import entry_points

import pytest

from tests.conftest import REPOSITORY

STEPS = """
def load(context, rows=3):
    print("loading")
    context.set("rows", rows)
    return {"rows": rows, "at": 1}


def total(context):
    return sum(range(context.get("rows")))
"""

RECIPE = """
metadata: {name: sums}
inputs:
  rows: {type: integer, default: 3}
steps:
  - {name: load, module: sums, function: load, args: {rows: "${{ inputs.rows }}"}, depends_on: []}
  - {name: total, module: sums, function: total, depends_on: [load]}
"""


BY_HAND = ["-p", "framework0.testing.plugin"]


def as_found():
    """Return what hands the plugin to pytest where the package is not installed, and it cannot find it."""
    known = {entry.name for entry in entry_points(group="pytest11")}
    return [] if "framework0" in known else BY_HAND


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / "tests").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("[tool.framework0]\n[tool.pytest.ini_options]\n")
    (folder / "sums.py").write_text(STEPS)
    (folder / "sums.yaml").write_text(RECIPE)
    return folder


@pytest.fixture
def tested(project, run_python):
    """Run pytest in the project over a test file of this text; return (outcome, output).

    With ``alone``, no other plugin is loaded, which takes most of the time of so short a run.
    """

    def run(text, *words, alone=True):
        (project / "tests" / "test_sums.py").write_text(text)
        env = {"FRAMEWORK0_HOME": "", **({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} if alone else {})}
        ended = run_python(
            "-m", "pytest", "-q", *(BY_HAND if alone else as_found()), "-p", "no:cacheprovider",
            "--tb=short", *words, cwd=project, env=env, timeout=600,
        )  # fmt: skip
        return ended.returncode, ended.stdout + ended.stderr

    return run


def test_pytest_finds_the_plugin_by_itself():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["entry-points"]["pytest11"] == {
        "framework0": "framework0.testing.plugin"
    }


def test_importing_the_plugin_imports_nothing_else_of_ours(run_python):
    code = "import sys, framework0.testing.plugin; print(*sys.modules, sep='\\n')"
    ours = {name for name in run_python("-c", code).stdout.split() if name.startswith("framework0")}
    assert ours == {
        "framework0",
        "framework0.doors",
        "framework0.testing",
        "framework0.testing.plugin",
    }


@pytest.mark.slow
def test_steps_and_recipes_are_run_in_a_scratch_place(tested, project):
    code, output = tested(
        """
import sums

def test_step(run_step):
    run = run_step(sums.load, {"rows": 5}).check()
    assert run.context.get("rows") == 5

def test_named_step(run_step):
    assert run_step("sums.total", context={"rows": 4}).result == 6

def test_recipe(run_recipe):
    run = run_recipe("sums.yaml", inputs={"rows": 4}).check()
    assert run.states() == {"load": "succeeded", "total": "succeeded"}
    assert run.results()["total"] == 6
    assert run.context.get("rows") == 4
    assert run.log("load") == "loading\\n"
    assert run.log("total") == ""

def test_own_workspace(run_recipe, framework0_workspace):
    root = framework0_workspace.root
    (root / "mine.py").write_text("def one():\\n    return 1\\n")
    (root / "mine.yaml").write_text("steps:\\n  - {name: one, module: mine, function: one}\\n")
    (root / "framework0.toml").write_text("")
    assert run_recipe(root / "mine.yaml").results() == {"one": 1}
""",
        alone=False,
    )
    assert code == 0, output
    assert "4 passed" in output
    assert not (project / ".framework0").exists()


@pytest.mark.slow
def test_a_failure_shows_the_step_its_place_and_its_log(tested):
    code, output = tested("""
def test_recipe(run_recipe):
    run_recipe("sums.yaml", inputs={"rows": -1}, skip=["load"]).check()
""")
    assert code == 1
    assert "step 'total' failed" in output
    assert "sums.py:9" in output


@pytest.mark.slow
def test_a_wrong_recipe_shows_every_mistake_at_its_place(tested, project):
    (project / "wrong.yaml").write_text("steps:\n  - {name: a, modul: sums, function: load}\n")
    code, output = tested("""
def test_recipe(run_recipe):
    run_recipe("wrong.yaml")
""")
    assert code == 1
    assert "wrong.yaml:2:15" in output
    assert "did you mean 'module'" in output


GOLDEN = """
def test_same(golden_run):
    golden_run("sums.yaml", inputs={"rows": 3}, ignore=["steps.load.result.at"])

def test_changing(golden_run):
    golden_run("sums.yaml", inputs={"rows": %d}, ignore=["steps.load.result.at"])
"""

NEW = """
def test_new(golden_run):
    golden_run("sums.yaml")
"""


@pytest.mark.slow
def test_a_golden_run_is_kept_compared_and_updated(tested, project):
    code, output = tested(GOLDEN % 3, "--update-golden")
    assert code == 0, output
    file = project / "tests" / "golden" / "test_same.json"
    kept = json.loads(file.read_text())
    assert kept["steps"]["total"] == {"state": "succeeded", "attempts": 1, "result": 3}
    assert kept["steps"]["load"]["result"] == {"rows": 3, "at": "(not compared)"}
    assert kept["context"] == {"rows": 3}
    before = file.read_bytes()
    code, output = tested(GOLDEN % 4 + NEW)
    assert (code, "2 failed, 1 passed" in output) == (1, True), output
    _, changed, new = re.split("_+ test_(?:changing|new) _+", output)
    assert "first at context.rows" in changed
    assert "kept: 3" in changed
    assert "now:  4" in changed
    assert "and at 2 more: steps.load.result.rows, steps.total.result" in changed
    assert "--update-golden" in new
    assert not (file.parent / "test_new.json").exists()
    assert tested(GOLDEN % 4 + NEW, "--update-golden")[0] == 0
    assert file.read_bytes() == before
    code, output = tested(GOLDEN % 4 + NEW)
    assert (code, "3 passed" in output) == (0, True), output
