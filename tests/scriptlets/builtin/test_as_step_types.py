"""Every built-in scriptlet is a step type: known to checks without being imported, and to runs."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from framework0.assembly import check_recipe, run_recipe
from framework0.cli.schema import schema_text
from framework0.errors import RunFailed
from framework0.scriptlets import BaseScriptlet, builtin, get_scriptlet, unregister
from framework0.scriptlets.parameters import declared
from framework0.source import Signature, Sources, builtin_scriptlets
from framework0.workspace import Workspace
from tests.conftest import REPOSITORY

KINDS = sorted(builtin_scriptlets())


@pytest.fixture
def recipe(space):
    def make(text, name="recipe.yaml"):
        (space / name).write_text(text)
        return space / name

    return make


def told(path, space):
    found = check_recipe(path, workspace=space).problems
    return [str(problem) for problem in found if problem.severity != "note"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_type_is_a_scriptlet_with_that_name_and_a_summary(kind):
    cls = get_scriptlet(kind)
    assert issubclass(cls, BaseScriptlet)
    assert (cls.name, cls.__name__) == (kind, builtin_scriptlets()[kind][1])
    assert getattr(builtin, cls.__name__) is cls
    assert cls.__name__ in builtin.__all__


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_about_its_params_is_what_it_declares(kind):
    signature = Sources(["."]).signature(*builtin_scriptlets()[kind])
    assert isinstance(signature, Signature)
    assert (signature.declared, signature.open, signature.place) == (True, False, None)
    assert signature.summary
    real = declared(get_scriptlet(kind))
    assert {one.name: (one.required, one.choices) for one in signature.parameters} == {
        name: (parameter.required, parameter.choices) for name, parameter in real.items()
    }
    for one in signature.parameters:
        assert one.description == real[one.name].description != ""
        assert one.default == real[one.name].default


def test_a_misspelt_param_is_located_with_its_near_name(space, recipe):
    path = recipe("steps:\n  - name: a\n    type: read\n    args: {path: a.csv, colums: {}}\n")
    [problem] = told(path, space)
    assert f"{path}:4:25" in problem
    assert "read takes no argument 'colums' (did you mean 'columns'?)" in problem


def test_a_wrong_value_and_a_missing_one_are_located(space, recipe):
    path = recipe(
        "steps:\n  - name: a\n    type: http\n    args: {method: GETT, redirects: many}\n"
    )
    problems = told(path, space)
    assert any(":4:20" in one and "did you mean 'GET'" in one for one in problems)
    assert any("redirects should be of type integer" in one for one in problems)
    assert any("http needs the argument 'url'" in one for one in problems)


def test_the_context_key_a_step_is_told_to_write_is_known_to_the_check(space, recipe):
    text = """
steps:
  - {name: a, type: read, depends_on: [], args: {path: a.csv, into: rows}}
  - {name: b, type: write, depends_on: [a], args: {path: b.csv, value: "${{ context['rows'] }}"}}
  - {name: c, type: write, depends_on: [a], args: {path: c.csv, value: "${{ context['rwos'] }}"}}
"""
    [problem] = told(recipe(text), space)
    assert "'c' reads the context key 'rwos'" in problem
    assert "did you mean 'rows'" in problem
    [race] = told(
        recipe(
            text.replace(
                "c, type: write, depends_on: [a], args: {path: c.csv, value: \"${{ context['rwos'] }}\"",
                "c, type: read, depends_on: [], args: {path: c.csv, into: rows",
            )
        ),
        space,
    )
    assert "both write the context key 'rows'" in race
    templated = text.replace("into: rows", 'into: "${{ run.id }}"')
    assert told(recipe(templated), space) == []


def test_the_schema_offers_the_types_and_their_params(space):
    schema = json.loads(schema_text(Workspace(space, space / ".framework0")))
    step = schema["$defs"]["step"]
    assert set(KINDS) <= set(step["properties"]["type"]["enum"])
    [rules] = [
        rule["then"]
        for rule in step["allOf"]
        if rule["if"]["properties"].get("type") == {"const": "http"}
    ]
    args = rules["properties"]["args"]
    assert args["required"] == ["url"]
    assert args["additionalProperties"] is False
    assert "GET" in json.dumps(args["properties"]["method"])


PLUGIN = """
from scriptlets.framework import BaseScriptlet, register_scriptlet

@register_scriptlet(name="read")
class Mine(BaseScriptlet):
    parameters = {"book": "none"}
    def run(self, context, params):
        return {"mine": params["book"]}
"""


def test_a_scriptlet_of_the_workspace_comes_before_a_built_in_one(space, recipe):
    (space / "scriptlets/plugins").mkdir(parents=True)
    (space / "scriptlets/plugins/mine.py").write_text(PLUGIN)
    path = recipe("steps:\n  - {name: a, type: read, args: {book: x}}\n")
    try:
        assert told(path, space) == []
        assert run_recipe(path, workspace=space).steps["a"].result == {"mine": "x"}
    finally:
        unregister("read")


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["thread", "process", "serial"])
def test_it_runs_in_every_executor_from_any_folder(space, recipe, executor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (space / "a.csv").write_text("name,count\nx,3\n")
    path = recipe(f"""
defaults: {{executor: {executor}}}
steps:
  - {{name: load, type: read, depends_on: [], args: {{path: a.csv, columns: {{count: integer}}, into: rows}}}}
  - {{name: save, type: write, depends_on: [load], args: {{path: out/a.json, value: "${{{{ context['rows'] }}}}"}}}}
""")
    result = run_recipe(path, workspace=space)
    assert result.state == "succeeded", [step.failure for step in result.steps.values()]
    assert json.loads((space / "out/a.json").read_text()) == [{"name": "x", "count": 3}]


def test_a_failure_is_told_in_one_sentence_without_a_trace_of_ours(space, recipe):
    (space / "a.csv").write_text("a,b\n1\n")
    path = recipe("steps:\n  - {name: a, type: read, args: {path: a.csv}}\n")
    result = run_recipe(path, workspace=space)
    failure = result.steps["a"].failure
    assert failure.message == "a.csv:2: 1 fields, where the header has 2"
    assert (failure.trace, failure.where) == ("", "")
    with pytest.raises(RunFailed, match=r"a\.csv:2"):
        result.raise_for_state()


def test_a_plain_check_reads_the_built_in_files_and_imports_none(space, recipe, run_python):
    path = recipe("steps:\n  - {name: a, type: http, args: {url: 'http://x/'}}\n")
    code = (
        "import sys; from framework0.assembly import check_recipe; "
        f"check_recipe({str(path)!r}, workspace={str(space)!r}); "
        "print([name for name in sys.modules if 'builtin.' in name or name == 'http.client'])"
    )
    assert run_python("-c", code).stdout == "[]\n"
    assert os.path.exists(path)


@pytest.mark.slow
def test_the_example_recipe_runs(tmp_path):
    folder = tmp_path / "orchestrator/recipes"
    shutil.copytree(REPOSITORY / "orchestrator/recipes", folder)
    path = folder / "check_deliveries.yaml"
    assert told(path, tmp_path) == []
    result = run_recipe(path, workspace=tmp_path)
    assert result.state == "succeeded", [step.failure for step in result.steps.values()]
    assert result.steps["check"].result == {"checked": 2}
