"""The checker of histories can tell: ten that fit no order are refused, those that fit one are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.linearizability import FOREVER, UNKNOWN, Operation, violation

if TYPE_CHECKING:
    import random


def read(start: float, end: float, out: Any) -> Operation:
    return Operation("k", "read", start, end, out=out)


def write(start: float, end: float, value: Any) -> Operation:
    return Operation("k", "write", start, end, value, out=UNKNOWN if end == FOREVER else None)


def cas(start: float, end: float, expected: Any, value: Any, out: Any) -> Operation:
    return Operation("k", "cas", start, end, value, expected, out)


BAD = {
    "a read of what nobody wrote": [read(0, 1, 7)],
    "a read after a write sees what was before": [write(0, 1, 1), read(2, 3, None)],
    "a read goes back in time": [
        write(0, 1, 1),
        write(2, 9, 2),
        read(3, 4, 2),
        read(5, 6, 1),
    ],
    "two readers see two writes in opposite orders": [
        write(0, 9, 1),
        write(0, 9, 2),
        read(1, 2, 1),
        read(3, 4, 2),
        read(5, 6, 1),
    ],
    "an acknowledged write is lost": [write(0, 1, 1), write(2, 3, 2), read(4, 5, 1)],
    "two compare-and-sets win from one value": [
        write(0, 1, 0),
        cas(2, 5, 0, 1, True),
        cas(3, 6, 0, 2, True),
    ],
    "a compare-and-set fails though nothing else was there": [
        write(0, 1, 0),
        cas(2, 3, 0, 1, False),
    ],
    "a compare-and-set wins from what was overwritten": [
        write(0, 1, 0),
        write(2, 3, 5),
        cas(4, 5, 0, 1, True),
    ],
    "a failed compare-and-set has happened all the same": [
        write(0, 1, 0),
        cas(2, 3, 9, 1, False),
        read(4, 5, 1),
    ],
    "a write without an answer comes, goes and comes again": [
        write(0, 1, 0),
        write(2, FOREVER, 1),
        read(3, 4, 1),
        read(5, 6, 0),
    ],
    "a write happens before it is called": [read(0, 1, 1), write(2, 3, 1)],
    "a cut-off server answers with the past": [
        write(0, 1, 1),
        cas(2, 3, 1, 2, True),
        read(4, 5, 2),
        read(6, 7, 1),
    ],
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_history_that_fits_no_order_is_refused(name: str) -> None:
    assert violation(BAD[name]) == "k"


@pytest.mark.parametrize(
    "history",
    [
        [],
        [read(0, 1, None)],
        [write(0, 5, 1), read(1, 2, None), read(3, 4, 1)],
        [write(0, FOREVER, 1), read(1, 2, None), read(3, 4, 1)],
        [write(0, FOREVER, 1), read(1, 2, None)],
        [write(0, 1, 0), cas(2, FOREVER, 0, 1, UNKNOWN), read(3, 4, 0), read(5, 6, 1)],
        [write(0, 1, 0), cas(2, 5, 0, 1, True), cas(3, 6, 0, 2, False), read(7, 8, 1)],
    ],
)
def test_a_history_that_fits_an_order_is_accepted(history: list[Operation]) -> None:
    assert violation(history) is None


def test_keys_are_judged_each_by_itself() -> None:
    good = [Operation("a", "write", 0, 1, 1), Operation("a", "read", 2, 3, out=1)]
    assert violation(good + BAD["an acknowledged write is lost"]) == "k"


@settings(deadline=None, max_examples=100)
@given(st.randoms(use_true_random=False), st.integers(1, 60))
def test_what_a_real_register_did_is_accepted_and_a_lie_about_it_refused(
    chance: random.Random, count: int
) -> None:
    state, now, history = None, 0.0, []
    for number in range(count):
        # Takes effect at ``now``; calls and answers lie around it, overlapping their neighbors'.
        now += 1
        start, end = now - chance.random() * 3, now + chance.random() * 3
        kind = chance.choice(["read", "write", "cas"])
        if kind == "read":
            history.append(read(start, end, state))
        elif kind == "write":
            state = number
            history.append(write(start, end, number))
        else:
            expected = chance.choice([state, -1])
            history.append(cas(start, end, expected, number, expected == state))
            state = number if expected == state else state
    assert violation(history) is None
    assert violation([*history, read(now + 10, now + 11, "never written")]) == "k"
