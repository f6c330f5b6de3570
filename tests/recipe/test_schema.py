"""Claims about the JSON Schema: it knows what the checker knows, and both agree on recipes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from framework0.recipe import check_document, json_schema, keys, parse_text, read_document
from framework0.source import Parameter, Signature, Sources, Unknown

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "orchestrator" / "recipes").glob("*.yaml"))

START = "steps:\n  - name: a\n    module: m\n    function: f\n"


@pytest.fixture(scope="module")
def plain():
    return Draft202012Validator(json_schema())


def wrong(validator, text):
    return [error.message for error in validator.iter_errors(parse_text(text).data)]


def test_the_schema_is_a_schema_and_json():
    schema = json_schema(kinds=["checksum"])
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_recipes_fit_the_schema_of_their_workspace(path):
    sources = Sources([ROOT])
    schema = json_schema(sources.step_kinds(), sources)
    assert list(Draft202012Validator(schema).iter_errors(read_document(path).data)) == []


def test_there_are_example_recipes():
    assert len(EXAMPLES) >= 3


TABLES = {
    "recipe": (keys.RECIPE_KEYS, ()),
    "metadata": (keys.METADATA_KEYS, ("properties", "metadata")),
    "test_meta": (keys.TEST_META_KEYS, ("properties", "test_meta")),
    "defaults": (keys.DEFAULTS_KEYS, ("properties", "defaults")),
    "inputs": (keys.INPUT_KEYS, ("$defs", "input")),
    "step": (keys.STEP_KEYS, ("$defs", "step")),
    "retry": (keys.RETRY_KEYS, ("$defs", "step", "properties", "retry", "anyOf", 1)),
    "foreach": (keys.FOREACH_KEYS, ("$defs", "step", "properties", "foreach", "anyOf", 2)),
    "success": (keys.SUCCESS_KEYS, ("$defs", "step", "properties", "success")),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_schema_and_the_checker_know_the_same_keys_each_with_a_description(name):
    table, path = TABLES[name]
    part = json_schema()
    for step in path:
        part = part[step]
    assert set(part["properties"]) == set(table)
    for key in table.values():
        assert part["properties"][key.name]["description"].startswith(key.about)


RIGHT = [
    "",
    "    idx: 3\n    timeout: 1h30m\n    retry: 3\n",
    "    retry: {attempts: 2, delay: 0, 'on': timeout}\n    depends_on: b\n",
    "    when: true\n    foreach: {items: [1]}\n    parallel: 2\n",
    "    foreach: inputs.files\n    env: {A: 1}\n    args:\n",
    "  - {name: b, type: shell, command: [ls, 3], exit_codes: 1}\n",
    "  - {name: b, type: shell, command: ls, shell: true}\n",
    "  - {name: b, type: recipe, recipe: x.yaml, args: {a: 1}}\n",
    "    breakpoint: after\n",
    "  - {name: b, type: approval, prompt: Go on?}\n",
    "  - {name: b, type: approval, prompt: Go on?, choices: [a, b], approvers: ada, timeout: 2d, on_timeout: fail}\n",
    "metadata: {name: x, version: 1.0, more: [1]}\ntest_meta: {test_id: 3}\n",
    "inputs: {a: , c: 3, d: [x], b: {type: integer, default: 3}}\norder: graph\nenv: HOME\nfinally: []\n",
]

WRONG = [
    "    timeout: soon\n",
    "    timeout: -1\n",
    "    timeout: 0\n",
    "    timeout: true\n",
    "    idx: 1.5\n",
    "    retry: 0\n",
    "    retry: {delay: 2}\n",
    "    retires: 3\n",
    "    continue_on_error: 'yes'\n",
    "    executor: proces\n",
    "    parallel: 2\n",
    "    depends_on: [1]\n",
    "    depends_on:\n",
    "    success: [a]\n",
    "    env: {A: true}\n",
    "    env: {a-b: x}\n",
    "    command: [ls]\n",
    "    breakpoint: sometimes\n",
    "    prompt: Go on?\n",
    "  - {name: b, type: approval}\n",
    "  - {name: b, type: approval, prompt: Go on?, on_timeout: fail}\n",
    "    args: hello\n",
    "  - {name: b}\n",
    "  - {name: b, module: a/b.py, function: f}\n",
    "  - {name: '', module: a, function: f}\n",
    "  - {name: b, type: shel}\n",
    "  - {name: b, type: shell, command: ls}\n",
    "  - {name: b, type: shell, command: [ls], shell: true}\n",
    "  - {name: b, type: shell}\n",
    "  - {name: b, type: shell, command: [ls], args: [1]}\n",
    "  - {name: b, type: recipe}\n",
    "  - {name: b, type: recipe, recipe: x.yaml, args: [1]}\n",
    "  - b\n",
    "stepps: []\n",
    "order: grahp\n",
    "inputs: {a-b: }\n",
    "inputs: {a: {type: int}}\n",
    "defaults: {timeout: soon}\n",
    "env: [3]\n",
    "finally: {a: b}\n",
]


@pytest.mark.parametrize("body", RIGHT)
def test_what_the_checker_takes_the_schema_takes(body, plain):
    text = START + body
    failing = [
        problem
        for problem in check_document(parse_text(text)).problems
        # What only the whole recipe can tell (is there such a step, such an input) is left out.
        if problem.severity == "error" and not problem.code.startswith("unknown-")
    ]
    assert failing == []
    assert wrong(plain, text) == []


@pytest.mark.parametrize("body", WRONG)
def test_what_the_checker_refuses_the_schema_refuses(body, plain):
    text = START + body
    problems = check_document(parse_text(text)).problems
    assert any(problem.severity != "note" for problem in problems)
    assert wrong(plain, text)


@pytest.mark.parametrize("text", ["metadata: {}\n", "steps: []\n", "steps: {}\n"])
def test_a_recipe_needs_steps(text, plain):
    assert wrong(plain, text)


class Told:
    def __init__(self, answer):
        self.answer = answer

    def signature(self, _module, _function):
        return self.answer


def test_the_workspaces_own_types_come_with_their_arguments():
    parameters = (
        Parameter("path", "keyword", types=("string",), description="Where it is"),
        Parameter("mode", "keyword", required=False, choices=("fast", "exact"), default="fast"),
        Parameter("rest", "keyword", required=False),
    )
    source = Told(Signature("scriptlet", parameters, summary="Adds up"))
    schema = json_schema({"checksum": ("m", "C")}, source)
    validator = Draft202012Validator(schema)
    step = "steps: [{{name: a, type: checksum, args: {}}}]".format
    assert wrong(validator, step("{path: x, mode: exact, rest: [1]}")) == []
    assert wrong(validator, step("{path: '${{ inputs.p }}'}")) == []
    assert wrong(validator, step("{}"))
    assert wrong(validator, step("{path: 3}"))
    assert wrong(validator, step("{path: x, mode: slow}"))
    assert wrong(validator, step("{path: x, other: 1}"))
    assert wrong(validator, "steps: [{name: a, type: checksum, module: m, args: {path: x}}]")
    args = schema["$defs"]["step"]["allOf"][-1]["then"]["properties"]["args"]
    assert args["description"] == "Adds up"
    assert args["properties"]["path"]["description"] == "Where it is"
    assert args["properties"]["mode"]["default"] == "fast"


def test_a_type_whose_code_cannot_be_told_takes_any_arguments():
    text = "steps: [{name: a, type: checksum, args: {whatever: 1}}]"
    for schema in (
        json_schema(["checksum"]),
        json_schema({"checksum": ("m", "C")}),
        json_schema({"checksum": ("m", "C")}, Told(Unknown("it is made at run time"))),
    ):
        assert wrong(Draft202012Validator(schema), text) == []


def test_a_type_that_takes_anything_or_only_seems_to_need_things_stays_open():
    read = Parameter("path", "keyword")
    for answer in (
        Signature("scriptlet", (read,), declared=False),
        Signature("scriptlet", (Parameter("options", "var_keyword", required=False),)),
        Signature("scriptlet", open=True),
    ):
        validator = Draft202012Validator(json_schema({"t": ("m", "C")}, Told(answer)))
        assert wrong(validator, "steps: [{name: a, type: t, args: {more: 1}}]") == []


EVERYTHING = """
metadata: {name: full, version: "2"}
inputs:
  rows: {type: integer, default: 10, choices: [10, 20], description: How many}
  token: {secret: true, env: TOKEN}
  short: 2.5
defaults: {timeout: 1m, retry: 2, executor: thread, env: {A: "1"}, cwd: data}
order: graph
env: [HOME]
steps:
  - {name: load, idx: 3, type: python, module: m, function: f, args: [1], description: Reads}
  - name: each
    module: m
    function: g
    args: {one: 1}
    depends_on: load
    when: steps.load.result > 1
    foreach: {items: [1], parallel: 3}
    fail_fast: true
    timeout: 90s
    retry: {attempts: 4, delay: 0, backoff: 2, jitter: 0.5, max_delay: 1h, "on": timeout}
    executor: process
    continue_on_error: true
    success: {ctx_has_keys: [a, b]}
    env: {B: 2}
  - {name: list, type: shell, depends_on: [], command: [ls, -l], exit_codes: 1}
  - {name: pipe, type: shell, command: ls | wc, shell: true, exit_codes: [0, 2]}
  - {name: other, type: recipe, recipe: other.yaml, args: {rows: 1}}
on_failure: [{name: alarm, module: m, function: h, when: failed()}]
finally: [{name: tidy, module: m, function: h}]
"""

AS_JSON = json.dumps(parse_text(EVERYTHING).data)

VALUES = [
    None, True, False, 0, 1, -1, 2, 1.5, "", "a", "5m", "load", "${{ 1 }}", "x" * 300, [], ["load"],
    [1], [None], {}, {"attempts": 2}, {"items": [1]}, "graph",
]  # fmt: skip

BEYOND_A_SCHEMA = {
    "bad-dotted-name",
    "bad-name",
    "bad-variable-name",
    "default-not-a-choice",
    "default-type",
    "duplicate-name",
    "expression",
    "key-not-here",
    "not-one-expression",
    "not-upstream",
    "secret-default",
    "secret-type",
    "template-misplaced",
    "unknown-dependency",
    "unknown-step",
}
"""Mistakes about how values belong together, which no schema can see."""


def places_in(value, path=()):
    if path:
        yield path
    if isinstance(value, (dict, list)):
        for part in value if isinstance(value, dict) else range(len(value)):
            yield from places_in(value[part], (*path, part))


def changed(path, value):
    data = json.loads(AS_JSON)
    part = data
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    return data


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(7))
def test_after_any_one_change_the_schema_and_the_checker_still_agree(turn, plain):
    places = list(places_in(json.loads(AS_JSON)))
    changes = [(path, value) for path in places for value in VALUES]
    # Every change takes its turn in one of the runs; a seventh of them makes each quick.
    for path, value in changes[turn::7]:
        data = changed(path, value)
        problems = check_document(parse_text(json.dumps(data))).problems
        errors = {problem.code for problem in problems if problem.severity == "error"}
        warned = any(problem.code == "unknown-key" for problem in problems)
        fits = plain.is_valid(data)
        assert fits or errors or warned, (path, value)
        assert not fits or errors <= BEYOND_A_SCHEMA, (path, value, errors)
