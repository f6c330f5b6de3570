"""Whether a failed attempt is followed by another, and after how long. Pure: chance is passed in."""

from __future__ import annotations

from framework0.runner.seams import TIMED_OUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from framework0.recipe import Retry
    from framework0.runner.seams import Outcome


def next_delay(
    retry: Retry, failures: int, outcome: Outcome, chance: Callable[[], float]
) -> float | None:
    """Return the seconds to wait before the next attempt, None when there is none.

    ``failures`` counts the attempts that have failed, this one included. ``chance`` yields a number
    in [0, 1). The wait grows exponentially and is spread by the jitter, so that many clients that
    failed together do not come back together (Brooker, "Exponential Backoff and Jitter", 2015).
    """
    if failures >= retry.attempts or not _covers(retry.on, outcome):
        return None
    delay = retry.delay
    if retry.backoff != 1.0 and delay:
        # The exponent is bounded by the limit on attempts; the power may still leave the floats.
        try:
            delay *= retry.backoff ** (failures - 1)
        except OverflowError:
            delay = retry.max_delay
    delay = min(delay, retry.max_delay)
    if retry.jitter:
        delay *= 1.0 + retry.jitter * (2.0 * chance() - 1.0)
    return max(0.0, delay)


def luck() -> float:
    """Return a number in [0, 1), as it happens to come."""
    from random import random

    # Nobody has to be kept from guessing it.
    return random()  # noqa: S311


def _covers(on: tuple[str, ...], outcome: Outcome) -> bool:
    """Say whether ``retry.on`` names this failure; an empty list names every one."""
    if not on:
        return True
    if outcome.state == TIMED_OUT:
        return "timeout" in on or "TimeoutError" in on
    if outcome.failure is None:
        return False
    names = (outcome.failure.kind, *outcome.failure.bases)
    return any(name in on or name.rpartition(".")[2] in on for name in names)
