"""When a failed attempt is followed by another, and after how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework0.recipe import Retry
from framework0.runner import FAILED, TIMED_OUT, Failure, Outcome
from framework0.runner.retry import next_delay

FAILURE = Outcome(FAILED, None, Failure("pkg.DiskError", "full", bases=("OSError", "Exception")))
LATE = Outcome(TIMED_OUT, None, Failure("timeout", "late"))


def delay(retry: Retry, failures: int = 1, outcome: Outcome = FAILURE, chance: float = 0.5):
    return next_delay(retry, failures, outcome, lambda: chance)


def test_attempts_are_the_total_the_first_included():
    assert delay(Retry(attempts=1)) is None
    assert delay(Retry(attempts=3), failures=2) == 0.0
    assert delay(Retry(attempts=3), failures=3) is None


def test_the_delay_grows_by_the_backoff_up_to_its_limit():
    retry = Retry(attempts=10, delay=2.0, backoff=3.0, max_delay=20.0)
    assert [delay(retry, failures=n) for n in (1, 2, 3, 4)] == [2.0, 6.0, 18.0, 20.0]


def test_a_power_that_leaves_the_floats_is_the_longest_delay():
    assert (
        delay(Retry(attempts=10_000, delay=1.0, backoff=10.0, max_delay=60.0), failures=900) == 60.0
    )


def test_jitter_spreads_the_delay_to_both_sides():
    retry = Retry(attempts=5, delay=10.0, jitter=0.2)
    assert delay(retry, chance=0.0) == pytest.approx(8.0)
    assert delay(retry, chance=0.5) == pytest.approx(10.0)


@pytest.mark.parametrize("name", ["DiskError", "pkg.DiskError", "OSError"])
def test_on_names_a_class_or_its_family(name):
    assert delay(Retry(attempts=2, on=(name,))) == 0.0


def test_on_leaves_other_failures_alone():
    assert delay(Retry(attempts=2, on=("ValueError",))) is None
    assert delay(Retry(attempts=2, on=("ValueError",)), outcome=Outcome(FAILED)) is None


def test_timeouts_are_named_by_the_word_or_by_the_builtin_class():
    assert delay(Retry(attempts=2, on=("timeout",)), outcome=LATE) == 0.0
    assert delay(Retry(attempts=2, on=("TimeoutError",)), outcome=LATE) == 0.0
    assert delay(Retry(attempts=2, on=("ValueError",)), outcome=LATE) is None


@given(
    st.integers(2, 100),
    st.floats(0, 100),
    st.floats(1, 10),
    st.floats(0, 1),
    st.floats(0, 1, exclude_max=True),
    st.data(),
)
def test_a_delay_is_never_negative_nor_beyond_its_limit(
    attempts, base, backoff, jitter, chance, data
):
    failures = data.draw(st.integers(1, attempts - 1))
    retry = Retry(attempts=attempts, delay=base, backoff=backoff, jitter=jitter, max_delay=50.0)
    found = delay(retry, failures=failures, chance=chance)
    assert found is not None
    assert 0.0 <= found <= 50.0 * (1.0 + jitter)
