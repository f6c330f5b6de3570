"""The door of the schedules: recipes that run by the clock, each due time decided once and recorded."""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.schedules.checking import check_name as check_name
    from framework0.schedules.checking import check_run as check_run
    from framework0.schedules.checking import check_timing as check_timing
    from framework0.schedules.checking import inputs_for as inputs_for
    from framework0.schedules.checking import kept_path as kept_path
    from framework0.schedules.checking import run_note as run_note
    from framework0.schedules.cron import check_cron as check_cron
    from framework0.schedules.deciding import Situation as Situation
    from framework0.schedules.deciding import Verdict as Verdict
    from framework0.schedules.deciding import decide as decide
    from framework0.schedules.firings import PENDING as PENDING
    from framework0.schedules.firings import Firing as Firing
    from framework0.schedules.limits import LATE as LATE
    from framework0.schedules.limits import MOST_CAUGHT_UP as MOST_CAUGHT_UP
    from framework0.schedules.limits import NAP as NAP
    from framework0.schedules.limits import USUAL_CAUGHT_UP as USUAL_CAUGHT_UP
    from framework0.schedules.limits import USUAL_RUNS as USUAL_RUNS
    from framework0.schedules.schedule import CATCH_UPS as CATCH_UPS
    from framework0.schedules.schedule import OVERLAPS as OVERLAPS
    from framework0.schedules.schedule import Schedule as Schedule
    from framework0.schedules.server import Event as Event
    from framework0.schedules.server import Server as Server
    from framework0.schedules.server import lock_server as lock_server
    from framework0.schedules.server import serving as serving
    from framework0.schedules.store import Kept as Kept
    from framework0.schedules.store import Store as Store
    from framework0.schedules.store import store_of as store_of
    from framework0.schedules.timing import DueTimes as DueTimes
    from framework0.schedules.timing import Timing as Timing
    from framework0.schedules.timing import interval as interval
    from framework0.schedules.timing import moment_text as moment_text
    from framework0.schedules.timing import zone_named as zone_named

_HOMES = {
    "CATCH_UPS": "schedule",
    "DueTimes": "timing",
    "Event": "server",
    "Firing": "firings",
    "Kept": "store",
    "LATE": "limits",
    "MOST_CAUGHT_UP": "limits",
    "NAP": "limits",
    "OVERLAPS": "schedule",
    "PENDING": "firings",
    "Schedule": "schedule",
    "Server": "server",
    "Situation": "deciding",
    "Store": "store",
    "Timing": "timing",
    "USUAL_CAUGHT_UP": "limits",
    "USUAL_RUNS": "limits",
    "Verdict": "deciding",
    "check_cron": "cron",
    "check_name": "checking",
    "check_run": "checking",
    "check_timing": "checking",
    "decide": "deciding",
    "inputs_for": "checking",
    "interval": "timing",
    "kept_path": "checking",
    "lock_server": "server",
    "moment_text": "timing",
    "run_note": "checking",
    "serving": "server",
    "store_of": "store",
    "zone_named": "timing",
}

__all__ = [
    "CATCH_UPS",
    "LATE",
    "MOST_CAUGHT_UP",
    "NAP",
    "OVERLAPS",
    "PENDING",
    "USUAL_CAUGHT_UP",
    "USUAL_RUNS",
    "DueTimes",
    "Event",
    "Firing",
    "Kept",
    "Schedule",
    "Server",
    "Situation",
    "Store",
    "Timing",
    "Verdict",
    "check_cron",
    "check_name",
    "check_run",
    "check_timing",
    "decide",
    "inputs_for",
    "interval",
    "kept_path",
    "lock_server",
    "moment_text",
    "run_note",
    "serving",
    "store_of",
    "zone_named",
]


__getattr__ = opening(__name__, _HOMES)
