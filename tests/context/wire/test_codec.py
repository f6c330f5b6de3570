"""What strict JSON is: the claims every codec of a server must pass."""

from __future__ import annotations

import json
import math
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.context.wire.codec import STRICT, Malformed, StrictCodec

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)


def code_of(text, codec=STRICT):
    with pytest.raises(Malformed) as refused:
        codec.decode(text)
    return refused.value.code


@given(values)
@settings(deadline=None)
def test_what_is_encoded_is_read_the_same(value):
    data = STRICT.encode(value)
    assert STRICT.decode(data) == value
    assert STRICT.decode(data.decode()) == value
    assert json.dumps(STRICT.decode(data)) == json.dumps(value)


@given(values)
@settings(deadline=None)
def test_what_others_write_is_read_too(value):
    assert STRICT.decode(json.dumps(value, indent=1)) == value


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=250)
def test_any_bytes_are_a_value_or_malformed(data):
    with suppress(Malformed):
        STRICT.decode(data)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "malformed"),
        ("{", "malformed"),
        ("nul", "malformed"),
        ("[1,]", "malformed"),
        ('{"a":1,}', "malformed"),
        ("[1] 2", "malformed"),
        ("01", "malformed"),
        ("'a'", "malformed"),
        ("/* */ 1", "malformed"),
        ('"\x00"', "malformed"),
        ('"\\x41"', "malformed"),
        ("\ufeff1", "malformed"),
        (b"\xff\xfe1\x00", "malformed"),
        (b'"\xe9"', "malformed"),
        (b'"\xed\xa0\x80"', "malformed"),
        ("NaN", "not_json_value"),
        ('{"x":NaN}', "not_json_value"),
        ("[Infinity]", "not_json_value"),
        ("-Infinity", "not_json_value"),
        ("1e999", "not_json_value"),
        ("-1e400", "not_json_value"),
        ("1" * 400 + ".5", "not_json_value"),
        ('"\\ud800"', "not_json_value"),
        ('{"\\uDfff":1}', "not_json_value"),
        ('["\\udc00\\ud800"]', "not_json_value"),
        ('"\ud800"', "not_json_value"),
        (str(2**63), "number_too_large"),
        (str(-(2**63) - 1), "number_too_large"),
        ("1" * 5_000, "number_too_large"),
        ("[" + "9" * 19 + "]", "number_too_large"),
        ('{"a":1,"a":1}', "duplicate_key"),
        ('[{"b":{"c":1,"d":2,"c":3}}]', "duplicate_key"),
        ('{"a":1,"\\u0061":1}', "duplicate_key"),
        ("[" * 100_000, "too_deep"),
        ("[" * 69 + "]" * 69, "too_deep"),
        ('{"a":' * 69 + "1" + "}" * 69, "too_deep"),
        ("{" + ",".join(f'"k{n}":0' for n in range(10_001)) + "}", "too_many_keys"),
        ('"' + "x" * 1024 * 1024 + '"', "too_large"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_what_is_refused_has_a_code(text, code):
    assert code_of(text) == code


@pytest.mark.parametrize(
    "value",
    [
        2**63 - 1,
        -(2**63),
        "\U0001f600",
        "a:b" * 10_000,
        "[{" * 100,
        "9" * 40,
        {"__proto__": {"x": 1}},
        [[[]] * 100],
        [math.pi, -0.0, 5e-324, 1.7976931348623157e308],
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_only_looks_suspicious_is_taken(value):
    assert STRICT.decode(json.dumps(value)) == value


def test_the_deepest_that_may_be_is_taken():
    text = "[" * 68 + "]" * 68
    assert json.dumps(STRICT.decode(text)) == text


def test_where_the_text_is_wrong_is_told():
    with pytest.raises(Malformed) as refused:
        STRICT.decode('{"a": 1, b}')
    assert refused.value.offset == 9


def test_a_codec_may_take_long_integers_when_a_client_reads_what_a_context_holds():
    codec = StrictCodec(digits=4_000)
    assert codec.decode("1" * 4_000) == int("1" * 4_000)
    assert code_of("1" * 5_000, codec) == "number_too_large"


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": "\ud800"}, {1, 2}, object()])
def test_what_has_no_json_form_is_not_sent(value):
    with pytest.raises(Malformed):
        STRICT.encode(value)


def test_a_value_that_holds_itself_is_not_sent():
    value = []
    value.append(value)
    with pytest.raises(Malformed):
        STRICT.encode(value)
