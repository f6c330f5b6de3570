"""``framework0 schema``: the schema editors use, with the workspace's own step types in it."""

from __future__ import annotations

import json
import os

import jsonschema
import pytest
import yaml

from framework0.cli.schema import replace

PLUGIN = '''
"""A step type of this workspace."""

import os

from scriptlets.framework import BaseScriptlet, register_scriptlet

pytestmark = pytest.mark.measured

os._exit(77)


@register_scriptlet
class Weigh(BaseScriptlet):
    """Weigh something."""

    name = "weigh"

    def run(self, context, params):
        return None
'''


@pytest.fixture
def plugin(workspace):
    folder = workspace / "scriptlets" / "plugins"
    folder.mkdir(parents=True)
    (folder / "weigh.py").write_text(PLUGIN, encoding="utf-8")


def test_the_schema_is_one_and_accepts_recipes_that_are_right(framework0, workspace):
    schema = json.loads(framework0("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(schema)
    good = yaml.safe_load((workspace / "good.yaml").read_text(encoding="utf-8"))
    wrong = yaml.safe_load((workspace / "wrong.yaml").read_text(encoding="utf-8"))
    assert judge.is_valid(good)
    assert not judge.is_valid(wrong)


def test_step_types_of_the_workspace_are_in_it_without_being_imported(framework0, plugin):
    said = framework0("schema")
    assert said.code == 0
    judge = jsonschema.Draft202012Validator(json.loads(said.stdout))
    assert judge.is_valid({"steps": [{"name": "a", "type": "weigh"}]})
    assert not judge.is_valid({"steps": [{"name": "a", "type": "wiegh"}]})


def test_a_file_is_replaced_whole_and_the_line_for_editors_is_said(framework0, workspace):
    file = workspace / "recipe.schema.json"
    file.write_text("old", encoding="utf-8")
    file.chmod(0o640)
    said = framework0("schema", "--output", "recipe.schema.json")
    assert (said.code, said.stdout) == (0, "")
    assert "# yaml-language-server: $schema=recipe.schema.json" in said.stderr
    assert json.loads(file.read_text(encoding="utf-8"))["title"] == "Framework0 recipe"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in workspace.glob(".recipe*")] == []


def test_a_link_stays_a_link(framework0, workspace):
    (workspace / "real.json").write_text("old", encoding="utf-8")
    (workspace / "link.json").symlink_to("real.json")
    assert framework0("schema", "-o", "link.json").code == 0
    assert (workspace / "link.json").is_symlink()
    assert "title" in json.loads((workspace / "real.json").read_text(encoding="utf-8"))


def test_what_is_no_file_is_written_to_as_it_is(framework0):
    said = framework0("schema", "-o", "/dev/stdout")
    assert json.loads(said.stdout)["title"] == "Framework0 recipe"


def test_where_nothing_can_be_written_the_file_is_named(framework0, workspace):
    said = framework0("schema", "-o", os.path.join("no", "such", "folder.json"))
    assert said.code == 4
    assert "no/such" in said.stderr
    assert "Traceback" not in said.stderr


def test_what_cannot_be_written_whole_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "schema.json"
    file.write_text("old", encoding="utf-8")
    with pytest.raises(UnicodeEncodeError):
        replace(file, "a lone surrogate: \ud800")
    assert [path.name for path in tmp_path.iterdir()] == ["schema.json"]
    assert file.read_text(encoding="utf-8") == "old"
