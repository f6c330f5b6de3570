"""Claims about checking a whole recipe: what comes out when it is right, and all that is wrong."""

from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.errors import Framework0Error
from framework0.recipe import (
    DEFAULT_POLICY,
    FINALLY,
    MAIN,
    ON_FAILURE,
    ORDER_GRAPH,
    ORDER_SEQUENCE,
    Document,
    Foreach,
    Input,
    Retry,
    check_document,
    parse_text,
)
from framework0.recipe.check import name_of
from framework0.recipe.check_findings import MAX_PROBLEMS


def check(text, **more):
    return check_document(parse_text(dedent(text), "demo.yaml"), **more)


def recipe_of(text, **more):
    checked = check(text, **more)
    assert checked.recipe is not None, [str(problem) for problem in checked.problems]
    return checked.recipe


def codes(text, **more):
    return [(one.severity, one.code) for one in check(text, **more).problems]


def one_step(body):
    lines = dedent(body).strip("\n").splitlines()
    start = "steps:\n  - name: a\n    module: m\n    function: f\n"
    return start + "".join(f"    {line}\n" for line in lines)


FULL = """
    metadata: {name: full, version: "2", description: All of it, team: blue}
    inputs:
      rows: {type: integer, default: 10, choices: [10, 20], description: How many}
      label: {default: x}
      token: {secret: true}
      key: {secret: true, env: API_KEY, required: false}
      free:
      short: 2.5
    defaults: {timeout: 1m, retry: 2, env: {A: "1"}}
    env: [HOME, HOME]
    steps:
      - name: load
        idx: 3
        type: python
        module: m
        function: f
        args: [1, "${{ inputs.rows }}"]
        description: Reads
      - name: each
        module: m
        function: g
        args: {one: "${{ item }}"}
        depends_on: load
        when: ${{ steps.load.result > 1 }}
        foreach: {items: "${{ steps.load.result }}", parallel: 3}
        fail_fast: true
        timeout: 90s
        retry: {attempts: 4, delay: 0, backoff: 2, jitter: 0.5, max_delay: 1h, on: timeout}
        executor: process
        continue_on_error: true
        success: {ctx_has_keys: [a, b]}
        env: {B: 2, A: "3"}
        cwd: data
      - name: list
        type: shell
        depends_on: []
        command: [ls, -l, 3]
        exit_codes: 1
      - name: pipe
        type: shell
        command: ls | wc
        shell: true
        exit_codes: [0, 2]
      - name: other
        type: recipe
        recipe: other.yaml
        args: {rows: 1}
    on_failure:
      - {name: alarm, module: m, function: h, when: failed()}
    finally:
      - {name: tidy, module: m, function: h, when: steps.alarm.state == 'succeeded'}
"""


def test_every_key_of_a_right_recipe_arrives_in_the_model():
    recipe = recipe_of(FULL)
    assert (recipe.name, recipe.version, recipe.description) == ("full", "2", "All of it")
    assert recipe.metadata["team"] == "blue"
    assert recipe.order == ORDER_GRAPH
    assert recipe.env_allow == ("HOME",)
    assert recipe.file == "demo.yaml"
    assert recipe.inputs == (
        Input("rows", "integer", 10, choices=(10, 20), description="How many"),
        Input("label", "string", "x"),
        Input("token", secret=True, required=True, env="TOKEN"),
        Input("key", secret=True, env="API_KEY"),
        Input("free", required=True),
        Input("short", "number", 2.5),
    )
    load, each, listing, pipe, other, alarm, tidy = recipe.steps
    assert [step.position for step in recipe.steps] == list(range(7))
    assert (load.idx, load.args, load.templated) == (3, (1, "${{ inputs.rows }}"), True)
    assert load.description == "Reads"
    assert (load.policy.timeout, load.policy.retry) == (60.0, Retry(attempts=2))
    assert each.depends_on == ("load",)
    assert each.when == "steps.load.result > 1"
    assert each.foreach == Foreach("${{ steps.load.result }}", parallel=3, fail_fast=True)
    assert each.policy.timeout == 90.0
    assert each.policy.retry == Retry(4, 0.0, 2, 0.5, 3600.0, ("timeout",))
    assert (each.policy.executor, each.policy.continue_on_error) == ("process", True)
    assert each.policy.success_keys == ("a", "b")
    assert dict(each.policy.env) == {"A": "3", "B": "2"}
    assert each.policy.cwd == "data"
    assert (listing.kind, listing.command, listing.policy.exit_codes) == (
        "shell",
        ("ls", "-l", "3"),
        (1,),
    )
    assert (pipe.command, pipe.policy.exit_codes) == ("ls | wc", (0, 2))
    assert (other.kind, other.recipe, other.args) == ("recipe", "other.yaml", {"rows": 1})
    assert [step.phase for step in recipe.steps] == [MAIN] * 5 + [ON_FAILURE, FINALLY]
    assert alarm.when == "failed()"
    assert tidy.policy is alarm.policy


def test_steps_without_rules_of_their_own_share_one_policy():
    recipe = recipe_of(one_step("") + "  - {name: b, module: m, function: f, timeout: 3}\n")
    assert recipe.steps[0].policy is DEFAULT_POLICY
    again = recipe_of(
        "steps:\n"
        + "".join(f"  - {{name: s{n}, module: m, function: f, timeout: 3}}\n" for n in range(3))
    )
    assert len({id(step.policy) for step in again.steps}) == 1


def test_templates_in_the_environment_of_all_steps_mark_every_step():
    recipe = recipe_of("defaults: {env: {A: '${{ run.id }}'}}\n" + one_step(""))
    assert recipe.steps[0].templated


@pytest.mark.parametrize(
    ("body", "order", "words"),
    [
        ("steps: [{name: a, module: m, function: f}]", ORDER_SEQUENCE, "no step has depends_on"),
        (
            "steps: [{name: a, module: m, function: f, depends_on: []}]",
            ORDER_GRAPH,
            "a step has depends_on",
        ),
        ("order: graph\nsteps: [{name: a, module: m, function: f}]", ORDER_GRAPH, "order: graph"),
        (
            "order: sequence\nsteps: [{name: a, module: m, function: f, depends_on: []}]",
            ORDER_SEQUENCE,
            "order: sequence",
        ),
        (
            "finally: [{name: b, module: m, function: f, depends_on: []}]\nsteps: [{name: a, module: m, function: f}]",
            ORDER_SEQUENCE,
            "no step has depends_on",
        ),
    ],
)
def test_a_note_says_which_ordering_rule_applies(body, order, words):
    checked = check(body)
    assert checked.recipe.order == order
    assert words in checked.recipe.order_reason
    (note,) = checked.problems
    assert (note.severity, note.code, note.message) == (
        "note",
        "order",
        checked.recipe.order_reason,
    )
    assert note.place.line in {1, 2}


def test_a_recipe_with_an_error_gives_no_recipe_and_with_a_warning_it_does():
    assert check(one_step("timeout: soon")).recipe is None
    assert check(one_step("owner: me")).recipe is not None


def test_a_mistake_found_while_reading_gives_no_recipe_either():
    checked = check("steps:\n  - name: a\n    name: b\n    module: m\n    function: f\n")
    assert checked.recipe is None
    assert "duplicate-key" in {problem.code for problem in checked.problems}


def test_a_recipe_that_is_well_is_never_read_a_second_time(monkeypatch):
    def refuse(*_args, **_more):
        raise AssertionError("a position was asked for")

    monkeypatch.setattr(Document, "place", refuse)
    assert check("steps: [{name: a, module: m, function: f}]").recipe is not None


def test_all_mistakes_come_in_one_pass_and_in_file_order():
    checked = check("""
        metadata: {name: 3}
        steps:
          - name: a
            module: m
            function: f
            timeout: soon
            depends_on: [b]
          - name: a
            type: shel
          - name: c
            module: m
            function: f
            retry: 0
            when: 1 +
        """)
    found = [problem.code for problem in checked.problems if problem.severity == "error"]
    assert found == [
        "wrong-type",
        "bad-duration",
        "unknown-dependency",
        "duplicate-name",
        "unknown-type",
        "out-of-range",
        "expression",
    ]
    lines = [problem.place.line for problem in checked.problems]
    assert lines == sorted(lines)


def test_a_mistake_without_end_is_listed_a_thousand_times_and_no_more():
    steps = "".join(
        f"  - {{name: s{n}, module: m, function: f, timeout: x}}\n" for n in range(1200)
    )
    checked = check("steps:\n" + steps)
    # The list, the sentence that it is not whole, and the note about the order.
    assert len(checked.problems) == MAX_PROBLEMS + 2
    assert checked.recipe is None
    assert "too-many-problems" in {problem.code for problem in checked.problems}


def test_no_number_of_warnings_hides_an_error():
    steps = "".join(f"  - {{name: s{n}, module: m, function: f, zzz: 1}}\n" for n in range(1200))
    checked = check("steps:\n" + steps + "  - {name: last, type: shell}\n")
    assert checked.recipe is None
    assert [one.code for one in checked.problems if one.severity == "error"] == ["missing-key"]
    assert "more than 1,000 warnings" in " ".join(one.message for one in checked.problems)


def test_thousands_of_near_names_are_looked_for_only_for_a_while():
    steps = "".join(
        f"  - {{name: step_number_{n}, module: m, function: f, depends_on: [stp_number_{n}]}}\n"
        for n in range(900)
    )
    problems = [one for one in check("steps:\n" + steps).problems if one.severity == "error"]
    hinted = [problem for problem in problems if "did you mean" in (problem.hint or "")]
    assert 0 < len(hinted) < len(problems) == 900


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a/b/nightly.yaml", "nightly"),
        ("nightly", "nightly"),
        ("C:\\x\\nightly.v2.yml", "nightly.v2"),
        (".yaml", ".yaml"),
        ("<text>", "<text>"),
        ("folder/", "recipe"),
    ],
)
def test_a_recipe_without_a_name_is_called_after_its_file(file, name):
    assert name_of(file) == name
    text = "steps: [{name: a, module: m, function: f}]"
    assert check_document(parse_text(text, file)).recipe.name == name


def test_the_older_header_is_read_in_the_words_of_the_newer():
    recipe = recipe_of("test_meta: {test_id: 42, tester: Ada, description: Pump}\n" + one_step(""))
    assert (recipe.name, recipe.description, recipe.metadata["tester"]) == ("42", "Pump", "Ada")


def test_with_both_headers_the_newer_decides():
    text = "metadata: {name: new}\ntest_meta: {test_id: old, tester: Ada}\n" + one_step("")
    recipe = recipe_of(text)
    assert (recipe.name, recipe.metadata["tester"]) == ("new", "Ada")


def test_a_type_of_the_workspace_is_known_and_takes_only_arguments():
    text = "steps: [{name: a, type: checksum, args: {files: []}}]"
    assert recipe_of(text, kinds=("checksum",)).steps[0].kind == "checksum"
    wrong = "steps: [{name: a, type: checksum, module: m, args: [1]}]"
    assert {code for _, code in codes(wrong, kinds=("checksum",))} >= {
        "key-not-here",
        "scriptlet-positional",
    }
    near = check("steps: [{name: a, type: cheksum}]", kinds=("checksum",)).problems
    assert "did you mean 'checksum'?" in {problem.hint for problem in near}


def test_when_may_be_a_plain_truth_value():
    assert recipe_of(one_step("when: false")).steps[0].when == "false"
    assert recipe_of(one_step("when: true")).steps[0].when == "true"


def test_no_arguments_at_all_may_be_written_as_nothing():
    assert recipe_of(one_step("args:")).steps[0].args is None


def test_foreach_takes_an_expression_without_braces_and_keeps_it_as_a_template():
    text = "inputs: {files: {type: list, default: []}}\n" + one_step("foreach: inputs.files")
    assert recipe_of(text).steps[0].foreach.items == "${{ inputs.files }}"


def test_a_sequence_keeps_depends_on_as_written():
    text = (
        "order: sequence\n"
        + one_step("")
        + "  - {name: b, module: m, function: f, depends_on: [a]}"
    )
    assert recipe_of(text).steps[1].depends_on == ("a",)


def test_a_result_may_be_read_by_whoever_waits_for_it_at_whatever_distance():
    chain = "".join(
        f"  - {{name: s{n}, module: m, function: f, depends_on: [s{n - 1}]}}\n" for n in range(1, 5)
    )
    last = (
        "  - {name: z, module: m, function: f, depends_on: [s4], args: ['${{ steps.s0.result }}']}"
    )
    start = "steps:\n  - {name: s0, module: m, function: f, depends_on: []}\n"
    assert check(start + chain + last).recipe is not None
    unrelated = last.replace("depends_on: [s4]", "depends_on: []")
    assert ("error", "not-upstream") in codes(start + chain + unrelated)


def test_in_a_sequence_every_earlier_step_is_waited_for():
    text = (
        "steps:\n"
        "  - {name: late, idx: 2, module: m, function: f, args: ['${{ steps.early.result }}']}\n"
        "  - {name: early, idx: 1, module: m, function: f}\n"
    )
    assert check(text).recipe is not None
    assert ("error", "not-upstream") in codes(text.replace("idx: 1", "idx: 3"))


def test_environment_of_all_steps_may_hold_expressions_and_they_are_checked():
    assert ("error", "unknown-input") in codes(
        "defaults: {env: {A: '${{ inputs.nope }}'}}\n" + one_step("")
    )
    fine = "inputs: {x: {default: 1}}\ndefaults: {env: {A: '${{ inputs.x }}'}}\n"
    assert check(fine + one_step("")).recipe is not None


@pytest.mark.parametrize("name", ["\u0434\u043e\u043c", "\u0394t_fit", "caf\u00e9", "\u8aad\u3080"])
def test_a_name_in_any_one_alphabet_is_fine(name):
    assert codes(f"steps: [{{name: {name}, module: m, function: f}}]") == [("note", "order")]


def test_what_holds_for_every_step_cannot_read_the_result_of_one():
    text = "defaults: {env: {A: '${{ steps.a.result }}'}}\n" + one_step("")
    assert ("error", "not-upstream") in codes(text)


def test_the_room_shows_its_names_and_no_others():
    from framework0 import recipe

    assert set(dir(recipe)) == set(recipe.__all__)
    assert all(getattr(recipe, name) is not None for name in recipe.__all__)
    with pytest.raises(AttributeError, match="no attribute 'recipes'"):
        recipe.recipes  # noqa: B018


def test_a_value_wrong_anyway_is_not_warned_about_a_second_time():
    found = codes(one_step("continue_on_error: yes"))
    assert found == [("note", "order"), ("error", "wrong-type")]


def test_a_very_long_cycle_is_shown_shortened():
    size = 40
    steps = "".join(
        f"  - {{name: s{n}, module: m, function: f, depends_on: [s{(n + 1) % size}]}}\n"
        for n in range(size)
    )
    (cycle,) = [one for one in check("steps:\n" + steps).problems if one.code == "cycle"]
    assert "… 28 more …" in cycle.message
    assert cycle.message.endswith("→ s0")


def test_ten_thousand_entries_are_the_most_one_step_may_depend_on():
    names = ", ".join(f"s{n}" for n in range(10_001))
    assert ("error", "too-many-entries") in codes(one_step(f"depends_on: [{names}]"))


def test_more_steps_than_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr("framework0.recipe.check.MAX_STEPS", 2)
    steps = "".join(f"  - {{name: s{n}, module: m, function: f}}\n" for n in range(3))
    assert ("error", "too-many-steps") in codes("steps:\n" + steps)


def test_more_items_than_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr("framework0.recipe.keys.MOST_ITEMS", 2)
    assert ("error", "too-many-entries") in codes(one_step("foreach: [1, 2, 3]"))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('cwd: "a\\0b"', "wrong-type"),
        ('cwd: ""', "wrong-type"),
        ('env: {A: "a\\0b"}', "wrong-type"),
        ("env: {A: 1.5}", "wrong-type"),
        ("env: {A: [1]}", "wrong-type"),
        ("env: {A: }", "wrong-type"),
        ("continue_on_error: 1", "wrong-type"),
        ("continue_on_error: 7", "wrong-type"),
        ("continue_on_error: ${{ inputs.x }}", "template-misplaced"),
        ("idx: ${{ inputs.x }}", "template-misplaced"),
        ("executor: ${{ inputs.x }}", "template-misplaced"),
        ("executor: [thread]", "bad-choice"),
        ("executor:", "bad-choice"),
        ("depends_on: ['${{ inputs.x }}']", "template-misplaced"),
        ("depends_on: ['']", "wrong-type"),
        ("success: {ctx_has_keys: 3}", "wrong-type"),
        ("retry: {attempts: true}", "wrong-type"),
        ("retry: {attempts: 2, backoff: fast}", "wrong-type"),
        ("retry: true", "wrong-type"),
        ("when: ''", "wrong-type"),
        ("when: [a]", "wrong-type"),
        ("foreach: ''", "wrong-type"),
        ("foreach: {items: 3}", "wrong-type"),
        ("foreach: {itms: [1]}", "unknown-key"),
        ("foreach: 3\nparallel: 2", "wrong-type"),
        ("foreach: [1]\nparallel: x", "wrong-type"),
        ("foreach: '${{ }}'", "expression"),
        ("foreach: ['${{ inputs.x }}']", "unknown-input"),
        ("foreach: {items: ['${{ inputs.x }}']}", "unknown-input"),
        ("when: ${{ 1", "expression"),
        ("description: ''", "wrong-type"),
        ("description: [a]", "wrong-type"),
        ("type:", "wrong-type"),
        ("command: [ls]", "key-not-here"),
        ("args: ['${{ steps.b.result }}']", "unknown-step"),
        ("args: ['${{ steps.a.more }}']", "unknown-step"),
        ("retry: {attempts: 2, ctx_has_keys: [a]}", "unknown-key"),
        ("name_of: x", "unknown-key"),
        ("attempts: 3", "unknown-key"),
        ("ctx_has_keys: [a]", "unknown-key"),
    ],
)
def test_each_wrong_value_of_a_step_has_its_code(body, code):
    assert code in {found for _, found in codes(one_step(body))}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("name: 3", "wrong-type"),
        ("name: ''", "bad-name"),
        ("module: 3", "wrong-type"),
        ("module: '${{ x }}'", "template-misplaced"),
        ("module: a-b.py", "bad-dotted-name"),
        ("module: ./a/b.py", "bad-dotted-name"),
        ("args: 3", "wrong-type"),
        ("depends_on: 3", "wrong-type"),
        ("depends_on: {}", "wrong-type"),
        ("idx: x", "wrong-type"),
    ],
)
def test_a_step_plain_but_for_one_value_is_answered_as_carefully(text, code):
    key = text.split(":")[0]
    good = {"name": "name: a", "module": "module: m", "function": "function: f"}
    good[key] = text
    body = "steps: [{" + ", ".join(good.values()) + "}]"
    assert code in {found for _, found in codes(body)}


@pytest.mark.parametrize(
    "body",
    [
        "command: 'a; b'",
        'command: ""',
        "command: 3",
        "command:",
        "command: ['a\\0']\n",
        'command: ["a\\0"]',
        "command: [true]",
        "command: 3\nshell: true",
        "command: ''\nshell: true",
        "exit_codes: []\ncommand: [a]",
        "exit_codes: true\ncommand: [a]",
        "exit_codes: [x]\ncommand: [a]",
    ],
)
def test_each_wrong_command_is_refused(body):
    text = "steps:\n  - name: a\n    type: shell\n    " + body.strip().replace("\n", "\n    ")
    if body.startswith("command: ['a\\0']"):
        assert check(text).recipe is not None
    else:
        assert check(text).recipe is None


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ("{a: {type: int}}", "bad-choice"),
        ("{a: {type: whatever}}", "bad-choice"),
        ("{a: {default: '${{ x }}'}}", "template-misplaced"),
        ("{a: {choices: []}}", "wrong-type"),
        ("{a: {choices: [1], type: string}}", "default-type"),
        ("{a: {choices: 3}}", "wrong-type"),
        ("{a: {secret: true, env: a-b}}", "bad-variable-name"),
        ("{a: {type: string, default: true}}", "default-type"),
        ("{a: {type: boolean, default: 1}}", "default-type"),
        ("{a: {type: mapping, default: []}}", "default-type"),
        ("{a: '${{ x }}'}", "template-misplaced"),
        ("{a: {defualt: 1}}", "unknown-key"),
        ("{1a: {}}", "bad-name"),
    ],
)
def test_each_wrong_input_has_its_code(inputs, code):
    assert code in {found for _, found in codes(f"inputs: {inputs}\n" + one_step(""))}


@pytest.mark.parametrize(
    "given",
    [
        "{type: number, default: 1}",
        "{type: number, default: 1.5}",
        "{type: list, default: [1]}",
        "{type: mapping, default: {a: 1}}",
        "{type: string, default: null}",
        "{default: true}",
        "{}",
    ],
)
def test_right_inputs_are_taken(given):
    assert check(f"inputs: {{a: {given}}}\n" + one_step("")).recipe is not None


def test_an_allowed_environment_variable_must_be_able_to_be_one():
    assert ("error", "bad-variable-name") in codes("env: [my-var]\n" + one_step(""))
    assert ("error", "bad-variable-name") in codes("env: my-var\n" + one_step(""))


def test_a_dependency_on_another_part_says_which_comes_first():
    text = (
        one_step("depends_on: [tidy]")
        + "finally:\n  - {name: tidy, module: m, function: f, depends_on: [a]}\n"
    )
    hints = [one.hint for one in check(text).problems if one.code == "other-part"]
    assert any(hint.startswith("finally starts after") for hint in hints)
    assert any(hint.startswith("take it away") for hint in hints)


def test_a_place_inside_a_text_is_found_in_quotes_in_blocks_and_not_where_it_was_rewritten():
    text = (
        "inputs: {x: {default: 1}}\n"
        "steps:\n"
        "  - name: a\n"
        "    module: m\n"
        "    function: f\n"
        "    args:\n"
        "      quoted: 'it is ${{ inputs.y }}'\n"
        "      block: |\n"
        "        one\n"
        "        two ${{ inputs.y }}\n"
        "      folded: >\n"
        "        one\n"
        "        two ${{ inputs.y }}\n"
        '      escaped: "\\x41 ${{ inputs.y }}"\n'
    )
    places = [
        (one.place.line, one.place.column)
        for one in check(text).problems
        if one.code == "unknown-input"
    ]
    assert places == [(7, 26), (10, 17), (11, 15), (14, 16)]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", "a", "b", "5m", "${{ inputs.a }}", "${{ steps.a.result }}", "${{", "x y"]
    )
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["a", "items", "attempts", "delay", "on", "ctx_has_keys", "type", "env"]),
        inner,
        max_size=3,
    ),
    max_leaves=6,
)
step_keys = st.sampled_from(
    [
        "name", "idx", "type", "module", "function", "args", "depends_on", "timeout", "retry", "when",
        "foreach", "parallel", "fail_fast", "executor", "continue_on_error", "success", "env", "cwd",
        "command", "shell", "exit_codes", "recipe", "description", "nmae", "zzz",
    ]
)  # fmt: skip
kinds = st.sampled_from(["python", "shell", "recipe", "checksum"])
steps = st.lists(
    st.dictionaries(step_keys, values, max_size=8)
    | st.builds(
        lambda extra, kind: {"name": "a", "module": "m", "function": "f", "type": kind, **extra},
        st.dictionaries(step_keys, values, max_size=3),
        kinds,
    )
    | values,
    max_size=4,
)
recipes = st.fixed_dictionaries(
    {},
    optional={
        "steps": steps | values,
        "finally": steps | values,
        "on_failure": steps,
        "inputs": values,
        "defaults": st.dictionaries(step_keys, values, max_size=4) | values,
        "metadata": values,
        "test_meta": values,
        "order": values,
        "env": values,
    },
)


@settings(deadline=None, max_examples=150)
@given(recipes)
def test_any_data_at_all_gives_a_recipe_or_located_problems(data):
    import json

    try:
        document = parse_text(json.dumps(data), "any.yaml")
    except Framework0Error:
        return
    checked = check_document(document, kinds=("checksum",))
    failed = [problem for problem in checked.problems if problem.severity == "error"]
    assert (checked.recipe is None) == bool(failed)
    for problem in checked.problems:
        assert problem.message
        assert problem.place.file == "any.yaml"
        assert all(place.line >= 1 for _, place in problem.related)
    if checked.recipe is not None:
        names = [step.name for step in checked.recipe.steps]
        assert len(set(names)) == len(names)
        assert all(names)
