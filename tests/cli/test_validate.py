"""``framework0 validate``: every mistake at its place, for people and programs, running nothing."""

from __future__ import annotations

import json

import pytest

WARNED = """
steps:
  - {name: a, idx: 1, module: builtins, function: print}
  - {name: b, idx: 1, module: builtins, function: print}
"""


def test_all_mistakes_of_a_file_are_shown_at_once_with_place_line_and_caret(framework0):
    said = framework0("validate", "wrong.yaml")
    assert said.code == 3
    assert "wrong.yaml:3:19: error: a step has no key 'modul'" in said.stdout
    assert "                   ^^^^^" in said.stdout
    assert "did you mean 'module'?" in said.stdout
    assert "wrong.yaml:4:44: error: the module steps has no 'helo'" in said.stdout
    assert said.stdout.endswith("wrong.yaml: 3 errors\n")
    assert said.stderr == ""


def test_a_good_recipe_is_called_so_with_the_rule_that_orders_it(framework0):
    said = framework0("validate", "good.yaml")
    assert said.code == 0
    assert "each step waits only for what it names" in said.stdout
    assert said.stdout.endswith("good.yaml: no mistakes, 3 steps\n")


@pytest.mark.measured
def test_several_files_are_counted_and_one_wrong_one_decides(framework0):
    said = framework0("validate", "good.yaml", "wrong.yaml", "one.yaml")
    assert said.code == 3
    assert said.stdout.endswith("3 files, 1 of them wrong\n")


@pytest.mark.measured
def test_json_is_all_there_is_on_stdout(framework0):
    for words in (["--json"], ["--format", "json"]):
        said = framework0("validate", "wrong.yaml", *words)
        problems = json.loads(said.stdout)["problems"]
        places = {(found["code"], found["line"], found["column"]) for found in problems}
        assert ("unknown-key", 3, 19) in places
        assert ("duplicate-name", 4, 12) in places
        assert said.code == 3


def test_github_gets_an_annotation_a_line(framework0):
    lines = framework0("validate", "wrong.yaml", "--format", "github").stdout.splitlines()
    assert "::error file=wrong.yaml,line=3,col=19,title=unknown-key::" in "\n".join(lines)
    assert all(line.startswith("::") for line in lines)


def test_sarif_names_a_rule_for_each_result(framework0):
    log = json.loads(framework0("validate", "wrong.yaml", "--format", "sarif").stdout)
    [run] = log["runs"]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} == rules
    assert "unknown-function" in rules


def test_a_recipe_can_come_from_standard_input(framework0, workspace):
    text = (workspace / "wrong.yaml").read_text(encoding="utf-8")
    said = framework0("validate", "-", stdin=text)
    assert said.code == 3
    assert "<stdin>:3:19: error" in said.stdout
    assert "3 |   - {name: greet, modul: steps" in said.stdout


@pytest.mark.measured
def test_what_cannot_be_read_from_standard_input_is_located_too(framework0):
    said = framework0("validate", "-", stdin="steps: [\n")
    assert said.code == 3
    assert "<stdin>:2:1: error" in said.stdout


def test_a_warning_is_an_error_only_when_strict(framework0, workspace):
    (workspace / "warned.yaml").write_text(WARNED, encoding="utf-8")
    assert framework0("validate", "warned.yaml").code == 0
    said = framework0("validate", "warned.yaml", "--strict")
    assert said.code == 3
    assert "warning" in said.stdout


@pytest.mark.parametrize("name", ["nowhere.yaml", ".", "bad\x1b[31m.yaml"])
def test_what_is_no_file_is_a_mistake_with_a_place(framework0, name):
    said = framework0("validate", name)
    assert said.code == 3
    assert "error: " in said.stdout
    assert "\x1b" not in said.stdout
    assert "Traceback" not in said.stderr


@pytest.mark.measured
def test_the_documented_script_validates_from_any_folder(run_python, repository, workspace):
    script = repository / "orchestrator/enhanced_recipe_parser.py"
    wrong = run_python(script, "validate", workspace / "wrong.yaml")
    assert wrong.returncode == 3
    assert "did you mean 'module'?" in wrong.stdout
    assert run_python(script).returncode == 2
