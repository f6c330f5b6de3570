"""When a schedule is due: by a cron expression in a time zone, or every so many seconds.

Moments are epoch seconds. A due time is a moment of the wall clock, whole seconds, and the same
however often it is asked for.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from framework0.errors import UsageError
from framework0.schedules.limits import SCANNED, SHORTEST_INTERVAL
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo
    from typing import Any

LAST_MOMENT = 253_402_300_800.0
"""The year 10,000, in which calendars of Python end."""


class DueTimes(NamedTuple):
    """What was due between two moments: the latest ones, ascending, and how many there were before.

    ``first_left_out`` is the earliest of those before, None if there are none. ``left_out`` is their
    number, None when they are too many to be counted.
    """

    moments: tuple[float, ...] = ()
    first_left_out: float | None = None
    left_out: int | None = 0


class Timing(NamedTuple):
    """``cron`` in the time zone ``tz``, or ``every`` seconds counted from ``anchor``.

    Exactly one of ``cron`` and ``every`` is given. Time zone data is read anew with every question,
    so that an update of it counts without a restart.
    """

    cron: str = ""
    tz: str = "UTC"
    every: float = 0.0
    anchor: float = 0.0

    def __str__(self) -> str:
        if self.cron:
            return f"{self.cron} ({self.tz})"
        return f"every {_length(self.every)}"

    def after(self, moment: float) -> Iterator[float]:
        """Yield the due times later than ``moment``, ascending.

        Raises :class:`~framework0.errors.UsageError` when this machine does not know the time zone.
        """
        if not self.cron:
            yield from self._multiples(moment)
            return
        from datetime import UTC, datetime

        from framework0.schedules.cron import times

        zone = zone_named(self.tz)
        if -LAST_MOMENT < moment < LAST_MOMENT:
            try:
                yield from times(self.cron, datetime.fromtimestamp(moment, UTC), zone)
            except (OverflowError, ValueError):
                # The calendar ends there, and with it all schedules.
                return

    def next_after(self, moment: float) -> float | None:
        """Return the first due time later than ``moment``, None if there will be none."""
        return next(self.after(moment), None)

    def between(self, since: float, until: float, most: int) -> DueTimes:
        """Return the due times later than ``since`` up to ``until``: the latest ``most`` of them."""
        if not self.cron:
            return self._multiples_between(since, until, most)
        first, start, counted = None, since, True
        while True:
            latest: deque[float] = deque(maxlen=most)
            found = 0
            for moment in takewhile(until.__ge__, islice(self.after(start), SCANNED)):
                first = moment if first is None else first
                latest.append(moment)
                # enumerate would leave nothing behind for an empty loop.
                found += 1
            if found < SCANNED:
                return _due(latest, first, found if counted else None)
            # Too many to count in one go: go on from half way between there and the end.
            start, counted = (latest[-1] + until) / 2, False

    def _multiples(self, moment: float) -> Iterator[float]:
        number = max(0, math.floor((moment - self.anchor) / self.every)) + 1
        while True:
            due = self.anchor + number * self.every
            # Of two neighbors of `moment` rounding may have chosen the wrong one.
            if due > moment:
                yield due
            number += 1

    def _multiples_between(self, since: float, until: float, most: int) -> DueTimes:
        first = next(self._multiples(since))
        count = max(0, math.floor((until - first) / self.every) + 1)
        kept = range(max(0, count - most), count)
        moments = tuple(first + number * self.every for number in kept)
        left_out = count - len(moments)
        return DueTimes(moments, first if left_out else None, left_out)


def _due(latest: deque[float], first: float | None, found: int | None) -> DueTimes:
    left_out = None if found is None else found - len(latest)
    if left_out == 0:
        return DueTimes(tuple(latest), None, 0)
    return DueTimes(tuple(latest), first, left_out)


def zone_named(name: str) -> tzinfo:
    """Return the time zone of that name, from the machine's data as it is now.

    Raises :class:`~framework0.errors.UsageError` naming the one that comes near.
    """
    from zoneinfo import ZoneInfo

    if name.upper() == "UTC":
        from datetime import UTC

        return UTC
    try:
        return ZoneInfo.no_cache(name)
    # Not found, not a name, a folder of zones, or a file that holds none.
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(f"there is no time zone {name!r} here: {_near_zone(name)}") from error


def _near_zone(name: str) -> str:
    from zoneinfo import available_timezones

    from framework0.recipe import near_name

    known = available_timezones()
    if not known:
        return "this machine has no time zone data (install the package tzdata)"
    cities = {zone.rpartition("/")[2]: zone for zone in sorted(known, reverse=True)}
    near = near_name(name, sorted(known))
    city = near_name(name.rpartition("/")[2], cities)
    found = near or (cities[city] if city else None)
    return f"did you mean {found!r}?" if found else "names are like Europe/Berlin"


def moment_text(moment: float, tz: str) -> str:
    """Return a moment as a person reads it in its time zone, with the offset: no hour comes twice."""
    from datetime import UTC, datetime

    try:
        zone = zone_named(tz)
    except UsageError:
        zone = UTC
    try:
        shown = datetime.fromtimestamp(moment, zone)
        return shown.strftime("%Y-%m-%d %H:%M:%S%z" if shown.second else "%Y-%m-%d %H:%M%z")
    except (OverflowError, ValueError, OSError):
        return f"{moment:.0f} s after 1970"


def interval(value: Any) -> float:
    """Return the seconds of an interval such as ``15m``; raise ValueError saying what is wrong."""
    from framework0.durations import parse_duration

    seconds = parse_duration(value)
    if seconds < SHORTEST_INTERVAL:
        raise ValueError(f"must be at least {SHORTEST_INTERVAL:g} s")
    return seconds


def _length(seconds: float) -> str:
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds % unit == 0:
            return f"{seconds / unit:g}{name}"
    return f"{seconds:g}s"
