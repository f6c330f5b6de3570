"""What nodes say about time and attempts is read as in recipes, and what is no such rule is told."""

from __future__ import annotations

import pytest

from framework0.stepengine.policy import PolicyRefused, Retry, read_limit, read_retry, read_timeout


@pytest.mark.parametrize(("written", "seconds"), [(2, 2.0), ("90s", 90.0), ("1h30m", 5400.0)])
def test_a_timeout_is_a_length_of_time_as_in_recipes(written, seconds):
    assert read_timeout(written) == seconds


@pytest.mark.parametrize(
    ("written", "retry"),
    [
        (3, Retry(3)),
        ({"attempts": 2}, Retry(2)),
        ({"attempts": 4, "delay": "250ms", "backoff": 2}, Retry(4, 0.25, 2.0)),
    ],
)
def test_a_retry_is_a_number_of_attempts_or_a_dictionary(written, retry):
    assert read_retry(written) == retry


@pytest.mark.parametrize(
    ("read", "written", "told"),
    [
        (read_timeout, "soon", "must be a number of seconds"),
        (read_timeout, -1, "must not be negative"),
        (read_timeout, True, "not true"),
        (read_retry, "often", "must be a number of attempts or a dictionary"),
        (read_retry, True, "not True"),
        (read_retry, 0, "from 1 to 1,000"),
        (read_retry, {}, "does not say how many attempts"),
        (read_retry, {"atempts": 3}, "did you mean attempts"),
        (read_retry, {"attempts": 3, "colour": 1}, "there are attempts, delay, backoff"),
        (read_retry, {"attempts": "3"}, "must have attempts that are a number"),
        (read_retry, {"attempts": 3, "delay": "later"}, "has a delay that must be"),
        (read_retry, {"attempts": 3, "backoff": 0.5}, "from 1 to 1,000"),
        (read_retry, {"attempts": 3, "backoff": "twice"}, "'twice'"),
        (read_limit, 0, "1 or more"),
        (read_limit, "many", "'many'"),
        (read_limit, True, "not True"),
    ],
)
def test_what_is_no_such_rule_is_told(read, written, told):
    with pytest.raises(PolicyRefused) as refused:
        read(written)
    assert told in str(refused.value)


def test_waits_grow_and_are_bounded_and_end_with_the_attempts():
    retry = Retry(4, 10.0, 20.0)
    assert [retry.wait_after(attempt) for attempt in (1, 2, 3, 4, 9)] == [
        10.0, 200.0, 3600.0, None, None,
    ]  # fmt: skip
    assert Retry(1000, 1.0, 1000.0).wait_after(900) == 3600.0


def test_a_limit_is_a_number_of_visits():
    assert read_limit(7) == 7
