"""Claims about misspelt names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.recipe.near import near_name

KEYS = ["name", "retry", "depends_on", "timeout", "idx", "order"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("nmae", "name"),
        ("tiemout", "timeout"),
        ("timout", "timeout"),
        ("depends-on", "depends_on"),
        ("Depends On", "depends_on"),
        ("dependson", "depends_on"),
        ("idxx", "idx"),
        ("RETRY", "retry"),
    ],
)
def test_a_slip_of_the_fingers_is_near(word, meant):
    assert near_name(word, KEYS) == meant


@pytest.mark.parametrize("word", ["owner", "id", "x", "", "retirement", "t" * 500])
def test_another_word_is_not_near(word):
    assert near_name(word, KEYS) is None


def test_of_two_near_names_the_nearer_is_meant():
    assert near_name("steps_a", ["steps_bb", "step_a", "steps_b"]) == "step_a"


letters = st.text(alphabet="abcdef", min_size=6, max_size=12)


@settings(deadline=None, max_examples=150)
@given(letters, st.data())
def test_one_letter_left_out_added_or_swapped_is_always_near(word, data):
    at = data.draw(st.integers(0, len(word) - 2))
    slips = [
        word[:at] + word[at + 1 :],
        word[:at] + "z" + word[at:],
        word[:at] + "z" + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    ]
    assert all(near_name(slip, [word]) == word for slip in slips)
