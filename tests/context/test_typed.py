from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict
from uuid import UUID

import pytest

from framework0.context import Context
from framework0.errors import ContextError, TypeMismatch


@dataclass
class Row:
    name: str
    price: float
    tags: list[str] = field(default_factory=list)


@dataclass
class Report:
    rows: list[Row]
    made: dt.datetime | None = None

    def __post_init__(self):
        if not self.rows:
            raise ValueError("a report needs rows")


class Point(TypedDict):
    x: int
    y: int
    label: NotRequired[str]


class Color(enum.Enum):
    RED = "red"


class Odd:
    pass


NOON = "2024-01-02T12:00:00+00:00"
UUID_TEXT = "12345678-1234-5678-1234-567812345678"


@pytest.fixture
def context():
    """One store is enough: what is read is told by the type alone."""
    return Context()


@pytest.mark.parametrize(
    ("stored", "wanted", "read"),
    [
        (1, int, 1),
        (1, float, 1.0),
        (1.5, float, 1.5),
        (True, bool, True),
        ("a", str, "a"),
        (None, None, None),
        (None, int | None, None),
        (None, Optional[int], None),  # noqa: UP045 - what users write
        ([1, 2], list, [1, 2]),
        ([1, 2], tuple, (1, 2)),
        ([1, 2], list[int], [1, 2]),
        ([1, 2], Sequence[int], [1, 2]),
        ([1, "a"], tuple[int, str], (1, "a")),
        ([1, 2, 3], tuple[int, ...], (1, 2, 3)),
        ({"a": 1}, dict, {"a": 1}),
        ({"a": 1}, dict[str, float], {"a": 1.0}),
        ({"a": [1]}, Mapping[str, list[int]], {"a": [1]}),
        ("x", Literal["x", "y"], "x"),
        ("a", int | str, "a"),
        ([1, "a"], list[int | str], [1, "a"]),
        ({"x": 1}, Any, {"x": 1}),
        ({"x": 1}, object, {"x": 1}),
        (3, Annotated[int, "rows"], 3),
        ("2024-01-02", dt.date, dt.date(2024, 1, 2)),
        (NOON, dt.datetime, dt.datetime.fromisoformat(NOON)),
        ("03:04", dt.time, dt.time(3, 4)),
        ("1.10", Decimal, Decimal("1.10")),
        ("a/b", Path, Path("a/b")),
        (UUID_TEXT, UUID, UUID(UUID_TEXT)),
        ("red", Color, Color.RED),
        ({"x": 1, "y": 2, "more": 3}, Point, {"x": 1, "y": 2, "more": 3}),
        (
            {"rows": [{"name": "a", "price": 2}], "made": NOON},
            Report,
            Report([Row("a", 2.0)], dt.datetime.fromisoformat(NOON)),
        ),
    ],
)
def test_a_value_comes_out_as_what_was_asked_for(context, stored, wanted, read):
    context.set("key", stored)
    found = context.get("key", type=wanted)
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(
    ("stored", "wanted", "path", "told"),
    [
        ("12", int, "", "is the text '12', and int was asked for"),
        (True, int, "", "is true, and int"),
        (1, bool, "", "is the number 1, and bool"),
        (None, str, "", "is null, and str"),
        ("x" * 100, int, "", "is the text 'xxxx"),
        ([1, "a", True], list[int], "[1]", r"at \[1\], is the text 'a', and int"),
        ({"a": {"b": [1]}}, dict[str, dict[str, int]], "a.b", "at a.b, is a list of 1, and int"),
        ({"first name": 1}, dict[str, str], '["first name"]', "the number 1"),
        ([1], tuple[int, str], "", "a list of 1, and tuple"),
        ("z", Literal["x", "y"], "", "Literal"),
        ([1, [None]], list[int | list[int]], "[1][0]", "is null, and int"),
        (1, str | None, "", r"and str \| None"),
        ("2024-13-01", dt.date, "", "month must be in 1..12"),
        (5, dt.date, "", "the number 5, and date"),
        ("one", Decimal, "", "Decimal"),
        ("blue", Color, "", "'blue' is not a valid Color"),
        ({"x": 1}, Point, "", "an object with 'x', and Point was asked for .'y' is missing"),
        ({"x": 1, "y": "2"}, Point, "y", "at y, is the text '2', and int"),
        ({"rows": [{"name": "a"}]}, Report, "rows[0]", "'price' is missing"),
        ({"rows": [{"name": "a", "price": 1, "prize": 2}]}, Report, "rows[0]", "no field 'prize'"),
        ({"rows": []}, Report, "", "a report needs rows"),
        ({}, int, "", "is {}, and int"),
        ([1], Odd, "", "a list of 1, and Odd"),
    ],
)
def test_what_does_not_fit_is_located(context, stored, wanted, path, told):
    context.set("key", stored)
    with pytest.raises(TypeMismatch, match=told) as mismatch:
        context.get("key", type=wanted)
    assert mismatch.value.path == path
    assert "'key'" in str(mismatch.value)


@pytest.mark.parametrize("wanted", ["int", 3, [int], set[int], type[int]])
def test_what_is_no_type_is_refused(context, wanted):
    context.set("key", [1])
    with pytest.raises(ContextError, match="no type") as error:
        context.get("key", type=wanted)
    assert not isinstance(error.value, TypeMismatch)


def test_the_default_is_returned_as_it_is(context):
    assert context.get("absent", type=int) is None
    assert context.get("absent", "none", type=int) == "none"


def test_what_comes_out_is_a_copy(context):
    context.set("key", {"a": [1]})
    context.get("key", type=Any)["a"].append(2)
    context.get("key", type=dict)["a"].append(2)
    assert context.get("key") == {"a": [1]}
