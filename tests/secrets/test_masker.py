"""A secret is found in every shape it takes, and nothing else is touched."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from framework0.errors import RefusedError
from framework0.secrets import MASK, MINIMUM_LENGTH, Masker

secrets = st.text(st.characters(codec="utf-8"), min_size=8, max_size=40).filter(
    lambda text: len(text.strip()) >= 8 and len(set(text)) > 4
)
around = st.text(st.sampled_from("xyz \n"), max_size=12)


def test_text_without_secrets_is_returned_as_it_is():
    masker = Masker(["hunter2-hunter2"])
    for text in ("", "short", "a longer text\nof two lines\n", "hunt"):
        assert masker.mask(text) == text


def test_without_values_nothing_is_done():
    masker = Masker([])
    value = {"a": [1]}
    assert not masker
    assert masker.mask("anything") == "anything"
    assert masker.mask_value(value) is value
    assert masker.safe_cut("anything") == 8


def test_an_empty_value_hides_nothing():
    assert not Masker({"TOKEN": ""})
    assert Masker({"TOKEN": "", "KEY": "long-enough"})


def test_a_short_secret_is_refused_by_its_name_and_without_its_value():
    with pytest.raises(RefusedError, match="secret 'PIN' is too short") as refused:
        Masker({"PIN": "12345"})
    assert "12345" not in str(refused.value)
    with pytest.raises(RefusedError, match="secret number 2"):
        Masker(["long-enough", "  abc    "])


def test_the_shortest_allowed_is_masked():
    assert Masker(["abcdef"]).mask("x abcdef y") == f"x {MASK} y"
    assert MINIMUM_LENGTH == 6


def test_the_longer_of_two_overlapping_secrets_is_masked_whole():
    assert Masker(["abcdef", "abcdefghij"]).mask("abcdefghij") == MASK


def test_its_own_repr_tells_nothing():
    assert repr(Masker(["hunter2-hunter2"])) == "<Masker>"


def test_values_are_masked_deep_in_json_keys_included():
    masker = Masker(["hunter2-hunter2", "31415926"])
    value = {
        "a": ["x hunter2-hunter2", {"hunter2-hunter2": None}],
        "n": 31415926,
        "f": 1.5,
        "t": True,
        "tuple": ("hunter2-hunter2",),
    }
    assert masker.mask_value(value) == {
        "a": [f"x {MASK}", {MASK: None}],
        "n": MASK,
        "f": 1.5,
        "t": True,
        "tuple": [MASK],
    }


def test_a_secret_of_several_lines_is_found_by_any_of_its_lines():
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----"
    masker = Masker([key])
    assert masker.mask(key) == MASK
    assert masker.mask("  > MIIEvQIBADANBgkq\n") == f"  > {MASK}\n"


@pytest.mark.parametrize(
    ("broken", "shown"),
    [
        ("see correct-horse\n-battery-staple here", f"see {MASK}\n{MASK} here"),
        ("see correct-horse\r\n-battery-staple here", f"see {MASK}\r\n{MASK} here"),
        ("'correct-horse'\n '-battery-staple'", f"'{MASK}'\n '{MASK}'"),
        (
            "x = 'correct-horse' \\\n    '-battery-staple' + tail",
            f"x = '{MASK}' \\\n    '{MASK}' + tail",
        ),
        ("correct-horse-bat", MASK),
        ("t-horse-batt\n", f"{MASK}\n"),
        ("-battery-staple and correct-horse", f"{MASK} and {MASK}"),
        ("correct\nhorse", f"{MASK}\nhorse"),
        ("corre\nct-hor", f"corre\n{MASK}"),
        (
            '{"m": "see correct-horse\\n-battery-staple here"}',
            f'{{"m": "see {MASK}\\n{MASK} here"}}',
        ),
        ("see correct-horse\\\\r\\\\n-battery-staple", f"see {MASK}\\\\r\\\\n{MASK}"),
    ],
)
def test_a_secret_broken_over_lines_is_found_by_its_pieces(broken, shown):
    assert Masker(["correct-horse-battery-staple"]).mask(broken) == shown


def test_a_text_that_only_begins_alike_is_left_alone():
    masker = Masker(["correct-horse-battery-staple"])
    text = "a correct-ish answer\nrestaple\nmy correct-horse-races\nthe stables\n"
    assert masker.mask(text) == text


@pytest.mark.slow
@settings(max_examples=25)
@given(secrets, around, around)
def test_the_secret_itself_is_always_masked(secret, before, after):
    assume(secret not in before + after)
    assert secret not in Masker([secret]).mask(before + secret + after)


@pytest.mark.slow
@settings(max_examples=25)
@given(secrets, st.binary(max_size=7), st.binary(max_size=7))
def test_base64_is_found_at_any_position_in_a_longer_text(secret, before, after):
    masker = Masker([secret])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(before + secret.encode() + after).decode()
        shown = masker.mask(text)
        assert MASK in shown
        # Only the characters that share bits with their neighbors may be left.
        assert len(shown.replace(MASK, "")) <= (len(before) + len(after)) * 4 / 3 + 8


@pytest.mark.slow
@settings(max_examples=25)
@given(secrets)
def test_encoded_and_escaped_forms_are_found(secret):
    masker = Masker([secret])
    for text in (
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        json.dumps({"in": json.dumps({"deep": secret})}),
        repr(secret),
        ascii(secret),
        repr(secret.encode()),
        secret.encode().hex(),
    ):
        assert MASK in masker.mask(f"see {text} there")


@settings(max_examples=25)
@given(secrets, st.text(st.sampled_from("xyz"), max_size=60), st.data())
def test_a_safe_cut_never_splits_a_secret(secret, filler, data):
    masker = Masker([secret])
    place = data.draw(st.integers(0, len(filler)))
    text = filler[:place] + secret + filler[place:] + secret[: len(secret) // 2]
    cut = masker.safe_cut(text)
    assert secret not in masker.mask(text[:cut])
    whole = masker.mask(text[:cut]) + masker.mask(text[cut:] + secret[len(secret) // 2 :])
    assert secret not in whole


@given(st.text(st.sampled_from("abc \n"), max_size=200))
def test_masking_twice_is_masking_once(text):
    masker = Masker(["hunter2-hunter2", "abcabcab"])
    once = masker.mask(text)
    assert masker.mask(once) == once


def test_the_door_names_what_it_has():
    import framework0.secrets as room

    for name in room.__all__:
        assert getattr(room, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        room.nothing  # noqa: B018
