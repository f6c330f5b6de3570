from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.context import check_key, matcher
from framework0.context.limits import KEY_CHARACTERS
from framework0.errors import ContextError

alphabet = st.text(alphabet="ab.*", min_size=1, max_size=8)


@given(alphabet, st.text(alphabet="ab.", max_size=10))
@settings(deadline=None, max_examples=500)
def test_a_star_matches_as_in_every_glob(pattern, key):
    assert matcher(pattern)(key) == fnmatch.fnmatchcase(key, pattern)


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*", ["a", "a.b", "x[0].y"], []),
        ("a.*", ["a.b", "a.b.c", "a."], ["a", "ab", "b.a."]),
        ("a", ["a"], ["a.b", "b", "aa"]),
        ("*.total", ["x.total", "a.b.total"], ["total", "x.total.y"]),
        ("work[0].*", ["work[0].rows"], ["work0.rows", "work[1].rows"]),
        ("a*a", ["aa", "aba"], ["a"]),
        ("steps.*.result.*", ["steps.x.result.y", "steps.a.b.result.c"], ["steps.result.y"]),
    ],
)
def test_patterns_choose_keys(pattern, matching, others):
    matches = matcher(pattern)
    assert [key for key in matching + others if matches(key)] == matching


@pytest.mark.parametrize("pattern", ["", None, 3, ["a"]])
def test_a_pattern_is_text(context, pattern):
    with pytest.raises(ContextError, match="pattern"):
        context.keys(pattern)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("", "empty"),
        (None, "NoneType"),
        (3, "int"),
        (b"a", "bytes"),
        ("a\nb", "control"),
        ("a\x1bb", "control"),
        ("a\x7f", "control"),
        ("a\x85", "control"),
        ("a\ud800", "surrogate"),
        ("a\u2028", "line separator"),
        ("x" * (KEY_CHARACTERS + 1), "characters"),
    ],
)
def test_what_cannot_be_a_key_is_refused_by_every_writer(context, key, told):
    for call in (
        lambda: context.set(key, 1),
        lambda: context.delete(key),
        lambda: context.history(key),
        lambda: context.modify(key, str),
    ):
        with pytest.raises(ContextError, match=told):
            call()
    assert len(context) == 0


@pytest.mark.parametrize(
    "key", ["a", "a.b", "..", "a b", "ключ", "x[0]/y\\z", "\u00a0", "😀", "x" * KEY_CHARACTERS]
)
def test_other_keys_are_opaque(context, key):
    context.set(key, 1)
    assert context.keys() == [key]
    assert context.get(key) == 1


def test_a_subclass_of_text_becomes_plain_text():
    class Name(str):
        __slots__ = ()

        def __str__(self):
            raise AssertionError("the base's own conversion is used")

    assert type(check_key(Name("a"))) is str
