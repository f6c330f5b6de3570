"""A key changes with everything that counts, and what changed can be told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.runner.stepcache.parts import Parts, differences, key_of, short_form, text_of

BARE = Parts("1, Python 3", "python m:f", "c0de", None, {}, (), {}, {}, {}, {})

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def parts(**fields):
    return BARE._replace(**fields)


def exactly(one, other):
    """Whether two JSON values are the same, type and order included."""
    return text_of(one) == text_of(other)


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(st.text(max_size=4), JSON, max_size=3),
    st.dictionaries(st.text(max_size=4), JSON, max_size=3),
)
def test_two_keys_are_equal_only_for_the_same_arguments(one, other):
    same = key_of(parts(args=one)) == key_of(parts(args=other))
    assert same == exactly(one, other)
    told = list(differences(short_form(parts(args=one)), short_form(parts(args=other))))
    if not same and {**one} != {**other}:
        assert bool(told) or list(one) != list(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"args": [1]}, {"args": {"0": 1}}),
        ({"args": {"x": 1}}, {"args": {"x": 1.0}}),
        ({"args": {"x": 1}}, {"args": {"x": True}}),
        ({"args": {"x": None}}, {"args": {}}),
        ({"args": {"x": "1"}}, {"args": {"x": 1}}),
        ({"args": {"a": 1, "b": 2}}, {"args": {"b": 2, "a": 1}}),
        ({"key": ("v1",)}, {"key": ("v2",)}),
        ({"key": ("v1",)}, {"env": {"v1": ""}}),
        ({"context": {"k": "(absent)"}}, {"context": {"k": '"(absent)"'}}),
        ({"context": {"k": "1"}}, {"files": {"k": "1"}}),
        ({"code": "a"}, {"code": "b"}),
        ({"version": "2, Python 3"}, {}),
        ({"call": "python m:g"}, {}),
        ({"rest": {"cwd": "a"}}, {"rest": {"cwd": "b"}}),
    ],
)
def test_what_is_not_the_same_has_another_key(one, other):
    assert key_of(parts(**one)) != key_of(parts(**other))


def test_the_files_of_the_code_only_tell_what_changed():
    assert key_of(parts(code_files={"a.py": "1"})) == key_of(parts(code_files={"a.py": "2"}))


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({"args": {"n": 3}}, {"args": {"n": 4}}, "args changed: n 3 → 4"),
        ({"args": {}}, {"args": {"n": 4}}, "args changed: n none → 4"),
        ({"args": [1, 2]}, {"args": [1]}, "args changed: 1 2 → none"),
        ({"env": {"A": "x"}}, {"env": {"A": "y"}}, 'env changed: A "x" → "y"'),
        ({"key": ("v1",)}, {"key": ("v2",)}, 'cache.key changed: 0 "v1" → "v2"'),
        ({"context": {"k": "1"}}, {"context": {"k": "2"}}, "context changed: k 1 → 2"),
        ({"files": {"a": "1"}}, {"files": {"a": "2"}}, "file changed: a"),
        ({"files": {"a": "1"}}, {"files": {"a": "(absent)"}}, "file changed: a is gone"),
        ({"files": {}}, {"files": {"a": "2"}}, "file changed: a is new"),
        (
            {"code": "1", "code_files": {"a.py": "1"}},
            {"code": "2", "code_files": {"a.py": "2"}},
            "code changed: a.py",
        ),
        ({"code": "1"}, {"code": "2"}, "code changed: what its module is made of"),
        ({"rest": {"cwd": "a"}}, {"rest": {"cwd": "b"}}, 'changed: cwd "a" → "b"'),
        ({"version": "1"}, {"version": "2"}, "another version: 1 → 2"),
        ({"call": "f"}, {"call": "g"}, "it calls something else: f → g"),
    ],
)
def test_a_change_is_told_in_words(before, now, told):
    assert list(differences(short_form(parts(**before)), short_form(parts(**now)))) == [told]


def test_a_short_form_of_another_shape_is_told_as_a_change_and_hurts_nobody():
    assert list(differences({}, short_form(parts(args={"n": 1}))))


def test_long_values_are_kept_as_a_piece_and_their_hash():
    first, second = "x" * 100_000, "x" * 99_999 + "y"
    short = short_form(parts(args={"n": first}))["args"]["n"]
    assert len(short) < 100
    assert short != short_form(parts(args={"n": second}))["args"]["n"]


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), object()])
def test_what_is_no_json_has_no_key(value):
    with pytest.raises((TypeError, ValueError)):
        key_of(parts(args={"x": value}))
