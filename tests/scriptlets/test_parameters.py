"""The declaration of params, and every misfit in one message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.errors import ScriptletError
from framework0.scriptlets import BaseScriptlet, Parameter
from framework0.scriptlets.parameters import accept, declared


def scriptlet(**parameters):
    return type("Load", (BaseScriptlet,), {"parameters": parameters})()


@pytest.mark.parametrize(
    ("parameter", "required", "default"),
    [
        (Parameter(str), True, None),
        (Parameter(str, required=True), True, None),
        (Parameter(str, default="x"), False, "x"),
        (Parameter(str, default=None), False, None),
        (Parameter(str, required=False), False, None),
        (Parameter(), True, None),
    ],
)
def test_required_unless_it_has_a_default_or_says_otherwise(parameter, required, default):
    assert (parameter.required, parameter.default) == (required, default)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Parameter(tuple), "the type is one of str, int, float, bool, list, dict, object"),
        (lambda: Parameter("str"), "the type is one of"),
        (lambda: Parameter(str, required=True, default="x"), "drop one of the two"),
        (lambda: Parameter(int, default="x"), "the default is str, not int"),
        (lambda: Parameter(int, default=3, choices=(1, 2)), "the default is 3, not one of 1, 2"),
    ],
)
def test_a_declaration_that_cannot_be_right_is_refused_at_once(make, message):
    with pytest.raises(ScriptletError, match=message):
        make()


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (str, ["", "x"], [1, None, ["x"]]),
        (int, [0, -5, 10**30], [1.0, True, "1", None]),
        (float, [0.5, 3], [True, "1.5", None]),
        (bool, [True, False], [0, 1, "yes"]),
        (list, [[], [1]], [(1,), {}, "x"]),
        (dict, [{}, {"a": 1}], [[], None]),
        (object, [1, "x", None, [], True], []),
    ],
)
def test_each_type_takes_its_own_values_only(kind, good, bad):
    made = scriptlet(value=Parameter(kind))
    for value in good:
        assert accept(made, {"value": value}) == {"value": value}
    for value in bad:
        with pytest.raises(ScriptletError, match="params do not fit: value is "):
            accept(made, {"value": value})


def test_none_fits_where_the_default_is_none():
    made = scriptlet(note=Parameter(str, required=False))
    assert accept(made, {"note": None}) == {"note": None}
    assert accept(made, None) == {"note": None}


def test_a_plain_default_declares_an_optional_parameter_of_its_type():
    made = scriptlet(mode="fast", limit=5, anything=None)
    assert accept(made, {"anything": [1]}) == {"mode": "fast", "limit": 5, "anything": [1]}
    with pytest.raises(ScriptletError, match="mode is int, not str"):
        accept(made, {"mode": 1})


def test_every_misfit_is_told_at_once():
    made = scriptlet(source=Parameter(str), limit=5, mode=Parameter(str, choices=("a", "b")))
    with pytest.raises(ScriptletError) as error:
        accept(made, {"sorce": 1, "limit": "many", "mode": "c", "zzz": 0})
    assert str(error.value) == (
        "load: params do not fit: sorce is unknown (did you mean source?); "
        "zzz is unknown (known are source, limit, mode); source is missing (str); "
        "limit is str, not int; mode is 'c', not one of 'a', 'b'"
    )


def test_a_class_that_declares_nothing_takes_anything():
    assert accept(scriptlet(), {"x": 1}) == {"x": 1}
    assert accept(scriptlet(), None) == {}


def test_defaults_are_fresh_each_time():
    made = scriptlet(rows=[{"a": [1]}])
    accept(made, {})["rows"][0]["a"].append(2)
    assert accept(made, {}) == {"rows": [{"a": [1]}]}


def test_the_callers_mapping_is_left_alone():
    given_params = {}
    accept(scriptlet(limit=5), given_params)
    assert given_params == {}


def test_a_subclass_replaces_the_declaration_and_may_take_it_up():
    class Base(BaseScriptlet):
        parameters = {"a": 1}

    class Adds(Base):
        parameters = {**Base.parameters, "b": 2}

    class Replaces(Base):
        parameters = {"c": 3}

    assert list(declared(Adds)) == ["a", "b"]
    assert list(declared(Replaces)) == ["c"]


def test_a_parameter_shows_itself():
    assert repr(Parameter(str)) == "Parameter(str, required)"
    assert repr(Parameter(int, default=5)) == "Parameter(int, default=5)"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@given(st.dictionaries(st.text(min_size=1, max_size=5), json_values, min_size=1, max_size=5))
def test_any_json_default_is_accepted_by_its_own_declaration(defaults):
    made = scriptlet(**defaults) if all(map(str.isidentifier, defaults)) else None
    if made is None:
        made = type("Load", (BaseScriptlet,), {"parameters": defaults})()
    assert accept(made, {}) == defaults
    assert accept(made, defaults) == defaults
