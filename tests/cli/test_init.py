"""``framework0 init``: what it writes is right, runs, and never takes the place of anything."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

pytestmark = pytest.mark.slow

NAMES = ["recipe.schema.json", "recipe.yaml", "temperatures.csv", "temperatures.py"]


@pytest.fixture
def empty(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_what_is_written_is_named_with_the_next_command(framework0, empty):
    said = framework0("init", cwd=empty)
    assert said.code == 0
    assert sorted(said.stdout.splitlines()) == NAMES
    assert sorted(path.name for path in empty.iterdir()) == NAMES
    assert "framework0 run recipe.yaml" in said.stderr


@pytest.mark.measured
def test_the_recipe_is_right_without_a_warning_and_does_its_work(framework0, empty):
    framework0("init", cwd=empty)
    checked = framework0("validate", "--strict", "recipe.yaml", cwd=empty)
    assert (checked.code, "warning" in checked.stdout) == (0, False)
    said = framework0("run", "recipe.yaml", "-s", cwd=empty)
    assert said.code == 0, said.stderr
    assert "19.2 degrees on average; the warmest place is Palermo" in said.stdout + said.stderr


def test_it_runs_from_another_folder_too(framework0, empty):
    said = framework0("init", "deep/er", cwd=empty)
    assert "framework0 run deep/er/recipe.yaml" in said.stderr
    assert framework0("run", "deep/er/recipe.yaml", cwd=empty).code == 0


def test_the_first_line_names_the_schema_that_lies_beside_it(framework0, empty):
    framework0("init", cwd=empty)
    text = (empty / "recipe.yaml").read_text(encoding="utf-8")
    first = text.splitlines()[0]
    assert first == "# yaml-language-server: $schema=recipe.schema.json"
    schema = json.loads((empty / "recipe.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(text), schema)


@pytest.mark.parametrize("name", NAMES)
def test_if_anything_is_there_nothing_is_written(framework0, empty, name):
    (empty / name).symlink_to("nowhere")
    said = framework0("init", cwd=empty)
    assert (said.code, said.stdout) == (5, "")
    assert name in said.stderr
    assert [path.name for path in empty.iterdir()] == [name]


def test_a_file_in_place_of_the_folder_is_named(framework0, empty):
    (empty / "file").write_text("mine", encoding="utf-8")
    said = framework0("init", "file", cwd=empty)
    assert said.code == 4
    assert "file" in said.stderr
    assert (empty / "file").read_text(encoding="utf-8") == "mine"


def test_a_folder_with_a_space_is_quoted_in_the_command(framework0, empty):
    assert "framework0 run 'my work/recipe.yaml'" in framework0("init", "my work", cwd=empty).stderr
