"""Due times of an expression that goes by the time that passes: every moment whose local time fits.

The calendar alone says which local times fit; the zone says when it is that time. Between two changes
of the clock a zone is a fixed distance from UTC, so the moments are found stretch by stretch. (cronsim
can count in a zone too, but loses its way on a day whose midnight is left out.)
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo
    from typing import Final

STRIDE: Final = 900.0
"""Seconds between two looks at a zone's distance from UTC; no clock is changed twice in so short a time."""

APART: Final = 26 * 3600.0
"""Seconds by which two distances of one zone may differ: Samoa has changed its by a whole day."""

SECOND: Final = timedelta(seconds=1)


def passing_times(expression: str, after: float, zone: tzinfo) -> Iterator[float]:
    """Yield the epoch seconds later than ``after`` at which the expression fits the local time."""
    from cronsim import CronSim

    # All up to `start` is done, and `local` is what the calendar shows then in this stretch.
    start, offset = after, _offset(after, zone)
    local = _calendar(start + offset)
    on = True
    while on:
        on = False
        for found in CronSim(expression, local):
            moment = found.replace(tzinfo=UTC).timestamp() - offset
            changed = _change(start, min(moment, start + APART), offset, zone)
            if changed is not None:
                start, offset, on = changed - 1.0, _offset(changed, zone), True
                local = _calendar(changed + offset) - SECOND
                break
            if moment - start > APART:
                # No local time between here and there fits, whatever the clock does meanwhile.
                start, on = moment - APART, True
                offset = _offset(start, zone)
                local = _calendar(start + offset)
                break
            yield moment
            start = moment


def _change(start: float, end: float, offset: float, zone: tzinfo) -> float | None:
    """Return the first second after ``start`` and up to ``end`` with another distance from UTC."""
    before = start
    while before < end:
        here = min(before + STRIDE, end)
        if _offset(here, zone) != offset:
            return _first_other(int(before), int(here) + 1, offset, zone)
        before = here
    return None


def _first_other(low: int, high: int, offset: float, zone: tzinfo) -> float:
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(middle, zone) == offset:
            low = middle
        else:
            high = middle
    return float(high)


def _offset(moment: float, zone: tzinfo) -> float:
    distance = datetime.fromtimestamp(moment, zone).utcoffset()
    return 0.0 if distance is None else distance.total_seconds()


def _calendar(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
