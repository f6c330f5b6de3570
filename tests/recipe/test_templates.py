from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.errors import ExpressionError
from framework0.recipe.expression_values import MAX_TEXT
from framework0.recipe.expressions import MAX_LENGTH, Scope
from framework0.recipe.templates import MAX_HOLES, MAX_LEVELS, find_templates, has_template, render

SCOPE = Scope(
    inputs={
        "n": 3,
        "list": [1, "é", None],
        "map": {"a": True},
        "text": "x y",
        "evil": "${{ inputs.n }}",
    },
    context={"k": 1},
)


def failure(value, scope=SCOPE):
    with pytest.raises(ExpressionError) as caught:
        render(value, scope)
    return caught.value


def error_of(value, scope):
    try:
        render(value, scope)
    except ExpressionError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("${{ inputs.n }}", 3),
        ("${{inputs.n}}", 3),
        ("${{ inputs.list }}", [1, "é", None]),
        ("${{ inputs.map }}", {"a": True}),
        ("${{ null }}", None),
        ("n=${{ inputs.n }}", "n=3"),
        ("${{ inputs.n }}${{ inputs.n }}", "33"),
        (" ${{ inputs.n }}", " 3"),
        ("${{ inputs.list }} ${{ inputs.map }}", '[1,"é",null] {"a":true}'),
        ("${{ true }}/${{ null }}/${{ 1.5 }}", "true/null/1.5"),
        ("$${{ inputs.n }}", "${{ inputs.n }}"),
        ("a $${{ b ${{ inputs.n }}", "a ${{ b 3"),
        ("$$${{ inputs.n }}", "$${{ inputs.n }}"),
        ("$ {{ inputs.n }} {{ x }} $x ${x} }}", "$ {{ inputs.n }} {{ x }} $x ${x} }}"),
        ("${{ '}}' }}", "}}"),
        ("${{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
        ("${{ {'a': {'b': 1}}}}", {"a": {"b": 1}}),
        ("${{ '${{' }}", "${{"),
        ('${{ "it\'s \\" }}" }}', "it's \" }}"),
        ("${{\n  inputs.n\n}}", 3),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_a_text_becomes(template, expected):
    found = render(template, SCOPE)
    assert found == expected
    assert type(found) is type(expected)


def test_every_text_inside_data_is_filled_in_and_the_rest_is_copied():
    given_value = {
        "a": ["${{ inputs.n }}", 1, None, {"b": "x${{ inputs.n }}"}],
        "${{ key }}": ("${{ 1 }}",),
    }
    found = render(given_value, SCOPE)
    assert found == {"a": [3, 1, None, {"b": "x3"}], "${{ key }}": (1,)}
    assert found["a"] is not given_value["a"]
    assert given_value["a"][0] == "${{ inputs.n }}"


def test_what_an_expression_yields_is_never_expanded_again():
    assert render("${{ inputs.evil }}", SCOPE) == "${{ inputs.n }}"
    assert render("a ${{ inputs.evil }}", SCOPE) == "a ${{ inputs.n }}"


def test_every_expression_is_found_with_its_place():
    value = {
        "a": "x ${{ inputs.n }} ${{ 2 }}",
        "b": [1, "${{  context.k }}"],
        "c": "$${{ no }}",
        "d": None,
    }
    assert [(t.path, t.offset, t.expression) for t in find_templates(value)] == [
        (("a",), 6, "inputs.n"),
        (("a",), 22, "2"),
        (("b", 1), 5, "context.k"),
    ]
    for template in find_templates(value):
        text = value
        for part in template.path:
            text = text[part]
        assert text[template.offset :].startswith(template.expression)
        assert template.error is None


@pytest.mark.parametrize(
    ("text", "message", "at"),
    [
        ("ab ${{ inputs.n", "not closed", 3),
        ("ab ${{ inputs.n }", "not closed", 3),
        ("${{", "not closed", 0),
        ("${{ ${{ 1 }} }}", "inside another", 4),
        ("ab ${{ [1 ${{ 2 }}", "inside another", 10),
        ("${{ 'abc }}", "no closing '", 4),
        ("${{ 'abc\\", "no closing '", 4),
        ("${{ " + "x" * 5000 + " }}", "not closed within 4,096 characters", 0),
        ("ab ${{ (1 + [2) }}", "this `[` is not closed", 12),
        ("ab ${{ (1 }}", "this `(` is not closed", 7),
        ("ab ${{ {'a': 1 }} }", "not closed", 3),
        ("ok ${{ 1 +* }}", "`*` stands", 10),
        ("ok ${{ }}", "is empty", 6),
        ("ok ${{ inputs.m }}", "no `inputs.m`", 14),
        ("ok ${{ 1 / 0 }}", "division by zero", 9),
    ],
)
def test_a_mistake_is_located_in_the_whole_text(text, message, at):
    error = failure(text)
    assert message in str(error)
    # An empty expression is located where it would begin.
    assert error.offset == at or (message == "is empty" and error.offset in range(at, at + 2))


def test_mistakes_in_cutting_are_yielded_beside_what_is_right():
    found = list(find_templates(["${{ a }} ${{ 'b }}", "${{ c", "${{ d }}"]))
    assert [(t.path, t.expression.strip(), t.error is None) for t in found] == [
        ((0,), "a", True),
        ((0,), "'b }}", False),
        ((1,), "c", False),
        ((2,), "d", True),
    ]
    assert [t.offset + t.error.offset for t in found if t.error] == [13, 0]


def test_has_template_says_whether_rendering_changes_anything():
    assert has_template("${{ 1 }}")
    assert has_template("$${{ 1 }}")
    assert has_template({"a": [1, {"b": "x ${{ 1 }}"}]})
    assert has_template(("${{ 1 }}",))
    assert not has_template({"a": [1, None, "{{ x }}"], "${{ key }}": 2})
    assert not has_template(7)


def test_a_text_may_not_grow_over_the_limit():
    scope = Scope(inputs={"half": "x" * (MAX_TEXT // 2)})
    assert len(render("${{ inputs.half }}${{ inputs.half }}", scope)) == MAX_TEXT
    assert "longer than 65,536" in str(failure("${{ inputs.half }}${{ inputs.half }}!", scope))
    assert "longer than 65,536" in str(failure("x" * MAX_TEXT + "${{ 1 }}"))


def test_a_large_value_passes_whole_but_not_as_part_of_a_text():
    scope = Scope(inputs={"list": list(range(30_000))})
    assert render("${{ inputs.list }}", scope) is scope.inputs["list"]
    assert failure("a ${{ inputs.list }}", scope).offset == 6


def test_a_text_may_hold_many_expressions_but_not_endlessly_many():
    assert render("${{1}}" * MAX_HOLES, SCOPE) == "1" * MAX_HOLES
    assert "more than 1,000 expressions" in str(failure("${{1}}" * (MAX_HOLES + 1)))
    found = list(find_templates("${{1}}" * (MAX_HOLES + 1)))
    assert found[-1].error is not None


def test_data_nested_too_deeply_is_refused_not_recursed_into():
    value = "${{ 1 }}"
    for _ in range(MAX_LEVELS + 5):
        value = [value]
    assert "nested deeper" in str(failure(value))
    assert list(find_templates(value)) == []


def test_an_object_has_no_text():
    scope = Scope(steps={"a": {"result": object()}})
    assert render("${{ steps.a.result }}", scope) is scope.steps["a"]["result"]
    error = failure("see ${{ steps.a.result }}", scope)
    assert "Python object of type object" in str(error)
    assert error.offset == 8


def test_a_long_text_is_cut_as_a_short_one():
    text = "y" * (MAX_LENGTH + 10) + "${{ inputs.n }}"
    assert render(text, SCOPE) == "y" * (MAX_LENGTH + 10) + "3"


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="${} ab'\"\\[]().1", max_size=40))
def test_any_text_renders_or_is_an_expression_error(text):
    found = list(find_templates(text))
    scope = Scope(inputs={"a": 1})
    error = error_of(text, scope)
    if error is not None:
        assert 0 <= error.offset <= len(text)
        assert has_template(text)
        return
    assert all(template.error is None for template in found)
    if not has_template(text):
        assert render(text, scope) == text


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=10).filter(lambda t: "${{" not in t),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    )
)
def test_data_without_templates_comes_back_equal(value):
    assert not has_template(value)
    assert render(value, SCOPE) == value
    assert render("${{ inputs.v }}", Scope(inputs={"v": value})) is value
