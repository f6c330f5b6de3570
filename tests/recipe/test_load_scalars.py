"""What an unquoted word means: the core schema of YAML 1.2, and the traps around it."""

from __future__ import annotations

import pytest
import yaml12
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.errors import RecipeError
from framework0.recipe.load import parse_text
from framework0.recipe.scalars import shorten


def read(word):
    """Read ``word`` as the value of a key with the careful reader; return it and what was told."""
    # An anchor is something only the careful reader takes.
    document = parse_text(f"a: &x {word}\n")
    return document.data["a"], [problem.code for problem in document.problems]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("NULL", None),
        ("nULL", "nULL"),
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("tRUE", "tRUE"),
        ("false", False),
        ("False", False),
        ("FALSE", False),
        ("0", 0),
        ("-0", 0),
        ("+5", 5),
        ("-17", -17),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775807", 1 - 2**63),
        ("0o17", 15),
        ("0x1F", 31),
        ("0o18", "0o18"),
        ("0xG", "0xG"),
        ("1.5", 1.5),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("+1.5E-3", 0.0015),
        ("01.5", 1.5),
        ("1e-999", 0.0),
        (".", "."),
        ("..", ".."),
        ("+", "+"),
        ("-", "-"),
        ("./run", "./run"),
        ("inf", "inf"),
        ("nan", "nan"),
        ("Infinity", "Infinity"),
        ("12:30", "12:30"),
        ("12:30:45", "12:30:45"),
        ("190:20:30", "190:20:30"),
        ("2024-02-30", "2024-02-30"),
        ("1.2.3", "1.2.3"),
        ("90s", "90s"),
        ("y", "y"),
        ("n", "n"),
        ("=", "="),
    ],
)
def test_a_word_is_read_as_the_core_schema_says(word, value):
    got, told = read(word) if word != "-" else ("-", [])
    assert (got, type(got)) == (value, type(value))
    assert told == []


@pytest.mark.parametrize("word", ["yes", "Yes", "YES", "no", "No", "NO", "on", "On", "off", "OFF"])
def test_a_word_that_was_a_boolean_once_is_text_with_a_warning(word):
    assert read(word) == (word, ["looks-like-boolean"])


@pytest.mark.parametrize("word", ["1_000", "-1_0", "1_000.5", "1__0"])
def test_a_number_with_underscores_is_text_with_a_warning(word):
    assert read(word) == (word, ["looks-like-number"])


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("0777", "number-ambiguous"),
        ("-012", "number-ambiguous"),
        ("00", "number-ambiguous"),
        ("0089", "number-ambiguous"),
        ("9223372036854775808", "number-too-large"),
        ("9" * 10_000, "number-too-large"),
        ("0x" + "f" * 100_000, "number-too-large"),
        ("0x8000000000000000", "number-too-large"),
        ("1e999", "number-too-large"),
        ("-1e999", "number-too-large"),
        (".nan", "number-not-finite"),
        (".inf", "number-not-finite"),
        ("-.Inf", "number-not-finite"),
    ],
)
def test_a_number_that_means_two_things_or_none_is_a_mistake(word, code):
    assert read(word)[1] == [code]


@given(
    st.one_of(
        st.integers(-(2**63) + 1, 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
    )
)
def test_a_number_written_by_python_is_read_as_the_same_number(number):
    value, told = read(repr(number))
    assert value == number
    assert type(value) is type(number)
    assert told == []


@settings(max_examples=300)
@given(st.text(alphabet="0123456789+-.eExo_", min_size=1, max_size=12))
def test_what_is_a_number_here_is_the_same_number_to_the_native_reader(word):
    # Not the other way round: the native reader takes +-0 and 0o-0 for numbers as well.
    text = f"a: &x '{word}'\nb: &y {word}\n"
    try:
        document = parse_text(text)
    except RecipeError:
        return
    value = document.data["b"]
    if not document.problems and type(value) in {int, float}:
        assert repr(yaml12.parse_yaml(text)["b"]) == repr(value)


def test_a_shortened_text_tells_how_long_it_was():
    assert shorten("x" * 40) == "x" * 40
    assert shorten("x" * 41) == "x" * 39 + "… (41 characters)"
