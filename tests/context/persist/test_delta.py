"""Deltas: any text comes back, a small change is small, and damage is noticed."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.context.persist.delta import apply_delta, encode_delta
from framework0.context.persist.texts import decode, encode

texts = st.text(max_size=200)
# Texts that have much in common, and what differs in several places.
pieces = st.lists(st.sampled_from(['{"a":1}', "xyzzy" * 9, ",", "0.25,", "é€𝄞" * 5]), max_size=60)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=6)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=6),
    max_leaves=40,
)  # fmt: skip


@pytest.mark.slow
@given(texts, texts)
@settings(deadline=None, max_examples=100)
def test_a_delta_makes_the_new_text_out_of_the_old_one(before, after):
    assert apply_delta(before, encode_delta(before, after)) == after


@pytest.mark.slow
@given(pieces, pieces, st.data())
@settings(deadline=None, max_examples=100)
def test_so_does_one_between_texts_that_share_most(common, new, data):
    before = "".join(common)
    changed = list(common)
    for piece in new[:5]:
        place = data.draw(st.integers(0, len(changed)))
        changed[place : place + data.draw(st.integers(0, 2))] = [piece]
    after = "".join(changed)
    assert apply_delta(before, encode_delta(before, after)) == after


@pytest.mark.slow
@given(json_values, json_values)
@settings(deadline=None, max_examples=100)
def test_arbitrary_json_round_trips(before, after):
    old, new = encode(before), encode(after)
    found = apply_delta(old, encode_delta(old, new))
    # What is kept as a text must be that text again when it is made from the value.
    assert found == new == encode(decode(new))
    assert decode(found) == after


def numbers(count, seed):
    chance = random.Random(seed)
    return [chance.random() for _ in range(count)]


def records(count):
    return [
        {"id": n, "mail": f"user{n}@example.org", "score": n / 7, "tags": ["a", "b"]}
        for n in range(count)
    ]


def scattered(values, share, make):
    changed = list(values)
    for place in random.Random(2).sample(range(len(values)), int(len(values) * share)):
        changed[place] = make(place)
    return changed


MEGABYTE = {
    "numbers, scattered": (
        numbers(52_000, 1), scattered(numbers(52_000, 1), 0.01, lambda n: n / 3)
    ),
    "numbers, in one place": (
        numbers(52_000, 1), [*numbers(52_000, 1)[:20_000], *numbers(520, 3), *numbers(52_000, 1)[20_520:]]
    ),
    "records, replaced": (
        records(15_000), scattered(records(15_000), 0.01, lambda n: {"id": n, "new": str(n * 77)})
    ),
    "records, removed": (records(15_000), [r for r in records(15_000) if r["id"] % 100]),
    "records, added": (records(15_000), records(15_000)[:7_000] + records(150) + records(15_000)[7_000:]),
    "a text": ("word " * 200_000, "word " * 100_000 + "another " * 1_000 + "word " * 99_000),
}  # fmt: skip


@pytest.mark.parametrize("name", MEGABYTE)
def test_a_change_of_a_hundredth_of_a_megabyte_takes_less_than_20_kb(name):
    before, after = map(encode, MEGABYTE[name])
    assert len(before) > 900_000
    delta = encode_delta(before, after)
    assert len(delta) <= 20_000
    assert apply_delta(before, delta) == after


def test_texts_without_anything_in_common_end_in_good_time():
    bits = [random.Random(1).randrange(2) for _ in range(100_000)]
    others = [random.Random(2).randrange(2) for _ in range(100_000)]
    before, after = json.dumps(bits), json.dumps(others)
    assert apply_delta(before, encode_delta(before, after)) == after


def test_a_delta_of_another_text_is_refused():
    delta = encode_delta("one text and more of it" * 3, "another text and more of it" * 3)
    with pytest.raises(ValueError, match="characters"):
        apply_delta("too short", delta)
    with pytest.raises(ValueError, match="does not lead"):
        apply_delta("ONE TEXT AND MORE OF IT" * 3, delta)


def test_no_flipped_bit_of_a_delta_is_accepted_as_another_text():
    before, after = "some words that stay " * 20, "some words that go and " * 20
    delta = encode_delta(before, after)
    for place in range(len(delta)):
        for bit in range(8):
            wrong = bytearray(delta)
            wrong[place] ^= 1 << bit
            try:
                found = apply_delta(before, bytes(wrong))
            except ValueError:
                continue
            # zlib's header has bits that change nothing.
            assert found == after
