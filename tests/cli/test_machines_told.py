"""A machine in lists of runs, in the run of its recipe, and when somebody writes what its engine will."""

from __future__ import annotations

import pytest

from framework0 import run_machine, run_recipe
from framework0.cli.main import main
from framework0.stepengine import INSTANCE_LOCK, reset_instance
from framework0.workspace import hold
from tests.stepengine.libraries import node_text, write_instance, write_library


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / ".framework0").mkdir(mode=0o700)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    write_library(tmp_path / "nodes", node_text("a", first_node_step_bool=1))
    write_instance(tmp_path / "press", "../nodes", current_step_node="a", run_step_count=1)
    return tmp_path


def said(capsys, *words):
    code = main(words)
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.slow
def test_a_machine_is_known_by_its_name_and_by_its_run_in_that_of_its_recipe(
    folder, capsys, monkeypatch
):
    recipe = folder / "recipe.yaml"
    step = "- {name: pressing, type: step_engine, instance: press}"
    other = "- {name: other, module: builtins, function: dict}"
    recipe.write_text(f"steps:\n  {step}\n  {other}\n", encoding="utf-8")
    result = run_recipe(recipe)
    assert result.ok
    lines = said(capsys, "show", result.id)[1].splitlines()
    assert next(line for line in lines if line.startswith("pressing")).endswith(
        f"  run {result.id}.0"
    )
    assert "run" not in next(line for line in lines if line.startswith("other"))
    reset_instance(folder / "press")
    assert run_machine("press").state == "COMPLETE_SUCCESS"
    listed = said(capsys, "runs")[1].splitlines()
    assert all(len(line) <= 80 for line in listed)
    assert [line.split()[-1][:5] for line in listed[1:]] == ["press", "recip"]
    monkeypatch.setenv("COLUMNS", "120")
    assert "  press (machine)\n" in said(capsys, "runs")[1]


def test_a_value_that_the_engine_sets_anew_is_written_with_a_warning(folder, capsys):
    words = ("step", "params", "press", "global_parameters")
    with hold(folder / "press" / INSTANCE_LOCK, "step engine"):
        code, out, err = said(capsys, *words, "current_step_node", "b")
        assert (code, out) == (0, "b\n")
        assert "sets current_step_node anew with its next move" in err
        assert "`framework0 cancel`" in err
        assert said(capsys, *words, "run_step_count", "-i") == (0, "2\n", "")
        assert said(capsys, *words, "current_step_node") == (0, "b\n", "")
    assert said(capsys, *words, "current_step_node", "a") == (0, "a\n", "")
