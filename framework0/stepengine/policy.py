"""The rules under which a node is called: how long, how often, how many times. Pure."""

from __future__ import annotations

from framework0.durations import parse_duration
from framework0.source import near_names
from framework0.stepengine.limits import MAX_ATTEMPTS
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

LONGEST_DELAY: Final = 3600.0
"""Seconds that no wait between attempts exceeds, as in recipes."""

_LARGEST_BACKOFF: Final = 1_000.0


class PolicyRefused(ValueError):
    """A rule is not written as it should be; the text completes the sentence "retry …"."""


class Retry(NamedTuple):
    """How often ``step_execute`` is called until it goes well.

    ``attempts`` is the total, the first included; the wait before attempt *n* + 1 is
    ``delay * backoff ** (n - 1)`` seconds, at most an hour.
    """

    attempts: int = 1
    delay: float = 0.0
    backoff: float = 1.0

    def wait_after(self, attempt: int) -> float | None:
        """Return the seconds to wait after a failed attempt; None when it was the last."""
        if attempt >= self.attempts:
            return None
        try:
            return min(self.delay * self.backoff ** (attempt - 1), LONGEST_DELAY)
        except OverflowError:
            return LONGEST_DELAY


NO_RETRY: Final = Retry()


def read_timeout(value: Any) -> float:
    """Return the seconds that a ``timeout`` means; raises :class:`PolicyRefused`."""
    try:
        return parse_duration(value)
    except ValueError as error:
        raise PolicyRefused(str(error)) from error


def read_retry(value: Any) -> Retry:
    """Return what a ``retry`` means, a number of attempts or a dictionary; raises :class:`PolicyRefused`."""
    if not isinstance(value, dict):
        return Retry(_whole(value, "must be a number of attempts or a dictionary"))
    for word in value:
        if word not in Retry._fields:
            near = near_names(str(word), Retry._fields, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(Retry._fields)}"
            raise PolicyRefused(f"has the unknown key {word!r:.60}: {hint}")
    if "attempts" not in value:
        raise PolicyRefused("does not say how many attempts there may be")
    return Retry(
        _whole(value["attempts"], "must have attempts that are a number"),
        _delay(value.get("delay", 0)),
        _backoff(value),
    )


def read_limit(value: Any) -> int:
    """Return what ``max_visits`` means; raises :class:`PolicyRefused`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise PolicyRefused(f"must be a whole number of 1 or more, not {value!r:.60}")
    return value


def _whole(value: Any, wanted: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise PolicyRefused(f"{wanted}, not {value!r:.60}")
    if not 1 <= value <= MAX_ATTEMPTS:
        raise PolicyRefused(f"must be from 1 to {MAX_ATTEMPTS:,} attempts, not {value}")
    return value


def _delay(value: Any) -> float:
    try:
        return parse_duration(value, zero=True)
    except ValueError as error:
        raise PolicyRefused(f"has a delay that {error}") from error


def _backoff(value: Mapping[str, Any]) -> float:
    found = value.get("backoff", 1)
    number = isinstance(found, (int, float)) and not isinstance(found, bool)
    if not number or not 1 <= found <= _LARGEST_BACKOFF:
        raise PolicyRefused(
            f"has a backoff that must be a number from 1 to {_LARGEST_BACKOFF:,.0f}, not {found!r:.60}"
        )
    return float(found)
