"""``type: wait``: go on after a time, or at one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from framework0.errors import UsageError
from framework0.scriptlets.base import BaseScriptlet
from framework0.scriptlets.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

CLOCK_LOOK: Final = 30.0
"""Seconds after which the wall clock is read again: it may be set, and a laptop may sleep."""


class Wait(BaseScriptlet):
    """Wait for a while, or until a time of day or of the calendar; holds no thread meanwhile.

    It takes up one of the run's ``concurrency`` places. To try something again later, the step's own
    ``retry`` with a ``delay`` is better: it takes up nothing. The result holds ``waited``, in seconds.
    Raises UsageError for what is no duration and no time, and for a time zone that is not known.
    """

    name = "wait"
    version = "1.0"
    parameters: ClassVar[Mapping[str, Any]] = {
        "for": Parameter(
            object, required=False, description="how long: seconds, or like 90s, 5m, 1h30m"
        ),
        "until": Parameter(
            str,
            required=False,
            description="a time: 18:30 (the next one), or like 2026-01-31T18:30:00+01:00",
        ),
        "timezone": Parameter(
            str,
            required=False,
            description="the time zone of until, as Europe/Berlin; the machine's",
        ),
    }

    async def run(self, context: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Wait."""
        del context
        from framework0.scriptlets.builtin.params import seconds
        from framework0.scriptlets.builtin.pauses import pause

        began = time.monotonic()
        if (params["for"] is None) == (params["until"] is None):
            raise UsageError("give one of for and until")
        if params["for"] is not None:
            await pause(self, seconds("for", params["for"], zero=True))
        else:
            moment = moment_of(params["until"], params["timezone"]).timestamp()
            while (left := moment - time.time()) > 0:
                await pause(self, min(left, CLOCK_LOOK))
        return {"waited": round(time.monotonic() - began, 3)}


def moment_of(text: str, timezone: str | None, now: datetime | None = None) -> datetime:
    """Return the time that ``text`` means: a date with a time, or the next such time of day.

    Raises :class:`~framework0.errors.UsageError` for anything else.
    """
    from datetime import datetime, timedelta
    from datetime import time as time_of_day

    zone = _zone(timezone)
    now = datetime.now(zone).astimezone(zone) if now is None else now.astimezone(zone)
    try:
        if "T" not in text and "-" not in text:
            moment = datetime.combine(now.date(), time_of_day.fromisoformat(text), now.tzinfo)
            if moment > now:
                return moment
            # The next day's own offset: the clocks may change in between.
            return datetime.combine(now.date() + timedelta(days=1), moment.time(), zone).astimezone(
                zone
            )
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"until is {text!r}: write a time like 18:30, or 2026-01-31T18:30:00+01:00"
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone).astimezone(zone)


def _zone(name: str | None) -> Any:
    if name is None:
        return None
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"timezone {name!r} is not known: write it like Europe/Berlin") from None
