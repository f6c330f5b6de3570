from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.context import check_key, matcher
from framework0.context.limits import KEY_CHARACTERS
from framework0.errors import ContextError

alphabet = st.text(alphabet="ab.*", min_size=1, max_size=10)


def matches_by_definition(pattern, key):
    """Try everything: what a star takes, character by character."""
    if not pattern:
        return not key
    if pattern.startswith("*"):
        rest = pattern.lstrip("*")
        any_character = len(pattern) - len(rest) > 1
        return any(
            matches_by_definition(rest, key[taken:])
            for taken in range(len(key) + 1)
            if any_character or "." not in key[:taken]
        )
    return bool(key) and key[0] == pattern[0] and matches_by_definition(pattern[1:], key[1:])


@given(alphabet, st.text(alphabet="ab.", max_size=12))
@settings(deadline=None, max_examples=600)
def test_one_star_stays_within_a_part_and_two_cross_them(pattern, key):
    assert bool(matcher(pattern)(key)) == matches_by_definition(pattern, key)


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("**", ["a", "a.b", "x[0].y"], []),
        ("*", ["a", "x[0]"], ["a.b"]),
        ("a.*", ["a.b", "a."], ["a", "ab", "a.b.c", "b.a."]),
        ("a.**", ["a.b", "a.b.c", "a."], ["a", "ab", "b.a."]),
        ("a", ["a"], ["a.b", "b", "aa"]),
        ("*.total", ["x.total"], ["total", "a.b.total", "x.total.y"]),
        ("**.total", ["x.total", "a.b.total"], ["total", "x.total.y"]),
        ("work[0].*", ["work[0].rows"], ["work0.rows", "work[1].rows"]),
        ("a*a", ["aa", "aba"], ["a", "a.a"]),
        ("steps.*.result.**", ["steps.x.result.y.z"], ["steps.a.b.result.c", "steps.result.y"]),
        ("***", ["a", "a.b"], []),
    ],
)
def test_patterns_choose_keys(pattern, matching, others):
    matches = matcher(pattern)
    assert [key for key in matching + others if matches(key)] == matching


@pytest.mark.parametrize("pattern", ["*a" * 40, "a" * 600 + "*", "**x" * 30])
def test_a_pattern_that_would_be_costly_is_refused(pattern):
    with pytest.raises(ContextError, match="stars"):
        matcher(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["**" + "a*" * 29 + "c", "**a" * 15 + "**c", "a*" * 31 + "c", "**a*b" * 9 + "**c"],
)
def test_a_hostile_pattern_ends(pattern):
    """A matcher that tries again what it has tried would need longer than there is."""
    matches = matcher(pattern)
    assert not matches("a" * KEY_CHARACTERS)
    assert not matches("ab" * (KEY_CHARACTERS // 2))


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
