from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import itertools
import json
import pathlib
import threading
import uuid
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework0.context import Context, ValueLimits, check_json
from framework0.context.values import format_path, same, thaw, weigh
from framework0.errors import ValueRefused

# Hypothesis also tries the words it finds in our code, and one key is refused.
names = st.text().filter(lambda name: name != "$artifact")

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


@dataclasses.dataclass
class Point:
    x: int = 0


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    YES = "yes"


class Pair(NamedTuple):
    left: int
    right: int


class Loud(float):
    def __float__(self):
        raise AssertionError("the base's own conversion is used")


class Lying(dict):
    def items(self):
        return []


def nested(levels):
    value = 0
    for _ in range(levels):
        value = [value]
    return value


def itself():
    value = {"name": "loop"}
    value["self"] = value
    return value


def ring():
    first, second = {}, []
    first["next"] = second
    second.extend([0, first])
    return {"start": first}


def billion_laughs():
    value = ["ha"] * 10
    for _ in range(40):
        value = [value] * 10
    return value


NOW = dt.datetime(2024, 1, 2, tzinfo=dt.UTC)

REFUSED = [
    ("a set", {1, 2}, "", "sorted()"),
    ("bytes", b"ab", "", "decode()"),
    ("bytearray", {"raw": bytearray(b"ab")}, "raw", "decode()"),
    ("not a number", float("nan"), "", "None"),
    ("infinity", [1.0, float("inf")], "[1]", "inf"),
    ("minus infinity among whole numbers", [1, float("-inf")], "[1]", "-inf"),
    ("a datetime in rows", {"rows": [1, 2, 3, {"when": NOW}]}, "rows[3].when", "isoformat()"),
    ("a date", {"day": NOW.date()}, "day", "isoformat()"),
    ("a duration", [NOW - NOW], "[0]", "total_seconds()"),
    ("a decimal", {"price": decimal.Decimal("1.5")}, "price", "str()"),
    ("a path", {"file": pathlib.Path("a")}, "file", "str()"),
    ("a uuid", [[uuid.UUID(int=0)]], "[0][0]", "str()"),
    ("a complex number", {"a": [{"b": 1j}]}, "a[0].b", "complex"),
    ("a key with a blank before it", {"first name": {"x": object()}}, '["first name"].x', "object"),
    ("a quoted key", {'say "hi"': {1}}, '["say \\"hi\\""]', "set"),
    ("a key that is a number", {"a": {1: "one"}}, "a[1]", "key"),
    ("a key that is None", {None: 1}, "[None]", "key"),
    ("a key that is a tuple", [{(1, 2): 3}], "[0][(1, 2)]", "key"),
    ("a key that is a bool", {"flags": {True: 1}}, "flags[True]", "key"),
    ("a key with a lone surrogate", {"a": {"\ud800": 1}}, 'a["\\ud800"]', "surrogate"),
    ("text with a lone surrogate", {"text": "ab\udc80"}, "text", "surrogate"),
    ("a lone surrogate among texts", ["a", "\ud83d", "\ude00"], "[1]", "surrogate"),
    ("a lone surrogate among all kinds", [1, "x", "\ud83d"], "[2]", "surrogate"),
    ("a 5,000-digit integer", 10**5000, "", "digits"),
    ("a 5,000-digit integer in a list", [1, -(10**5000)], "[1]", "digits"),
    ("a function", {"call": len}, "call", "builtin_function_or_method"),
    ("a class", [int], "[0]", "type"),
    ("a generator", {"rows": (n for n in [1])}, "rows", "list()"),
    ("a range", range(3), "", "list()"),
    ("a deque", {"q": collections.deque([1])}, "q", "list()"),
    ("a view of keys", [{}.keys()], "[0]", "list()"),
    ("a lock", {"lock": threading.Lock()}, "lock", "lock"),
    ("a dataclass", {"point": Point()}, "point", "asdict()"),
    ("an enum", [Color.RED], "[0]", "value"),
    ("an exception", {"error": ValueError("x")}, "error", "ValueError"),
    ("itself", itself(), "self", "holds itself"),
    ("a ring of two", ring(), "start.next[1]", "holds itself"),
    ("65 levels", nested(65), "[0]" * 64, "64 levels"),
    ("100,000 levels", nested(100_000), "[0]" * 64, "64 levels"),
]


@pytest.mark.parametrize(
    ("value", "path", "told"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_is_not_json_is_refused_with_the_path_that_leads_to_it(context, value, path, told):
    with pytest.raises(ValueRefused) as refused:
        context.set("result", value)
    assert refused.value.path == path
    assert told in str(refused.value)
    assert "'result'" in str(refused.value)
    assert "result" not in context
    assert context.version == 0


def test_a_message_stays_short_however_deep_the_path():
    with pytest.raises(ValueRefused) as refused:
        check_json({"x" * 200: nested(70)})
    assert len(refused.value.path) > 350
    assert len(str(refused.value)) < 300
    assert "…" in str(refused.value)


def test_numpy_scalars_are_told_to_use_item():
    scalar = type("int64", (), {"__module__": "numpy"})()
    with pytest.raises(ValueRefused, match=r"numpy\.int64.*its item\(\)"):
        check_json([scalar])


@pytest.mark.parametrize(
    ("given_value", "stored"),
    [
        ((1, (2, 3)), [1, [2, 3]]),
        (Level.HIGH, 3),
        ([Word.YES, Level.HIGH], ["yes", 3]),
        ({Word.YES: 1}, {"yes": 1}),
        ({Word.YES: [1]}, {"yes": [1]}),
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (Pair(1, 2), [1, 2]),
        (Loud(1.5), 1.5),
        (Lying(a=1), {"a": 1}),
        (2**64, 2**64),
        ([True, None], [True, None]),
        ("ä€😀", "ä€😀"),
        ({"ä": "\x00"}, {"ä": "\x00"}),
        ([], []),
        ({}, {}),
    ],
)
def test_what_json_can_say_is_stored_as_plain_types(given_value, stored):
    frozen = check_json(given_value)
    assert same(frozen, stored)
    assert json.loads(json.dumps(frozen)) == stored


@given(json_values)
@settings(deadline=None, max_examples=120)
def test_json_goes_in_and_comes_out_unchanged(value):
    context = Context()
    context.set("key", value)
    assert same(context.get("key"), value)
    assert weigh(context.get("key")) > 0


def containers(value):
    yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, list | dict):
            yield from containers(inner)


@given(st.lists(json_values, max_size=4) | st.dictionaries(names, json_values, max_size=4))
@settings(deadline=None, max_examples=100)
def test_no_container_is_shared_between_writer_store_and_readers(value):
    context = Context()
    context.set("key", value)
    first, second = context.get("key"), context["key"]
    seen = [id(each) for copy in (value, first, second) for each in containers(copy)]
    assert len(seen) == len(set(seen))
    for each in itertools.chain(list(containers(first)), list(containers(value))):
        each.clear()
    assert same(context.get("key"), second)


def test_true_is_not_one_and_one_is_not_a_float():
    assert not same([True], [1])
    assert not same({"a": 1}, {"a": 1.0})
    assert not same([1], [1, 2])
    assert same({"a": [1, None]}, {"a": [1, None]})


@given(json_values)
@settings(deadline=None, max_examples=100)
def test_a_thawed_value_is_the_same_json(value):
    frozen = check_json(value)
    assert same(thaw(frozen), frozen)


def test_the_size_of_a_value_is_bounded_and_the_bounds_can_be_moved():
    small = Context(limits=ValueLimits(depth=3, items=10, characters=20, digits=5))
    for key, fits in [("items", [1] * 10), ("text", "x" * 20), ("deep", [[[1]]]), ("big", 99_999)]:
        small.set(key, fits)
    for too_large, told in [
        ([1] * 11, "10 items"),
        ([[1] * 5, [1] * 5], "10 items"),
        ("x" * 21, "20 characters"),
        (["x" * 10, "y" * 11], "20 characters"),
        ({"x" * 10: "y" * 11}, "20 characters"),
        ([[[[1]]]], "3 levels"),
        ([2**63 * 10**5], "5 digits"),
    ]:
        with pytest.raises(ValueRefused, match=told):
            small.set("key", too_large)


def test_a_value_of_few_objects_that_unfolds_to_billions_is_refused_at_once():
    with pytest.raises(ValueRefused, match="items"):
        check_json(billion_laughs())


def test_paths_read_like_the_code_that_leads_there():
    assert format_path(["rows", 3, "when"]) == "rows[3].when"
    assert format_path(["first name", "a\\b", 0]) == '["first name"]["a\\\\b"][0]'
    assert format_path([]) == ""
