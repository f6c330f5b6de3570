"""A patch makes the new value of the old one, and is small where little changed."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.context.values import same
from framework0.context.wire.codec import STRICT, Malformed
from framework0.context.wire.patching import difference, patched

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, 1.0, -0.0])
    | st.text(max_size=4)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=6)
    | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=25,
)


@given(values, values)
@settings(deadline=None, max_examples=300)
def test_old_and_patch_make_new_and_old_stays_as_it_is(old, new):
    edits = difference(old, new)
    if type(old) is not type(new) or type(new) not in {dict, list, str}:
        assert edits is None
        return
    before = copy.deepcopy(old)
    over_the_wire = STRICT.decode(STRICT.encode(edits))
    assert same(patched(old, over_the_wire), new)
    assert same(old, before)


@given(values, st.lists(values, max_size=4))
@settings(deadline=None, max_examples=200)
def test_edits_that_do_not_fit_are_refused(old, edits):
    try:
        patched(old, edits)
    except Malformed as error:
        assert error.code == "malformed"  # noqa: PT017


@pytest.mark.parametrize(
    "edits",
    [
        5,
        [["=", ["x"], 1]],
        [["=", ["a", "b", 9], 1]],
        [["=", ["a", "b", -1], 1]],
        [["=", ["a", "b", True], 1]],
        [["-", ["nowhere"]]],
        [["~", ["a", "b"], 0, 9, []]],
        [["~", ["a", "b"], 0, 1, "text"]],
        [["~", ["a", "b"], -1, 1, []]],
        [["?", ["a"]]],
        [["="]],
    ],
)
def test_a_patch_for_another_value_is_malformed(edits):
    with pytest.raises(Malformed):
        patched({"a": {"b": [1]}} if edits != [["=", ["x"], 1]] else 7, edits)


def rows(count):
    return [{"name": f"row {n}", "value": n, "tags": ["a", "b"]} for n in range(count)]


def test_one_percent_of_a_large_value_costs_little():
    old = rows(16_000)
    new = rows(16_000)
    for index in range(0, 16_000, 100):
        new[index]["value"] = -1
    assert len(json.dumps(new)) > 800_000
    edits = difference(old, new)
    assert len(STRICT.encode(edits)) < 20_000
    assert patched(old, edits) == new


def test_true_in_the_place_of_one_is_a_difference_wherever_it_stands():
    for old, new in [
        ([[1]], [[True]]),
        ([{"a": 1, "b": True}], [{"b": 1, "a": True}]),
        ({"a": {"b": [1.0]}}, {"a": {"b": [1]}}),
    ]:
        assert old == new
        assert same(patched(old, difference(old, new)), new)


def test_a_row_that_is_put_in_costs_no_more_than_itself():
    old, new = rows(1_000), rows(1_000)
    new.insert(500, {"name": "new"})
    assert difference(old, new) == [["~", [], 500, 0, [{"name": "new"}]]]
    assert patched(old, difference(old, new)) == new
    text = "x" * 5_000
    assert difference(text, text + "yz") == [["~", [], 5_000, 0, "yz"]]


def test_a_value_that_is_wholly_another_is_not_patched():
    assert difference(list(range(10_000)), list(range(1, 10_001))) is None
    assert difference({"a": 1}, [1]) is None
