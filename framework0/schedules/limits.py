"""The bounds of schedules, each with its reason."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

LONGEST_NAME: Final = 60
"""Characters of a schedule's name, which is also the name of its runs and a column of tables."""

LONGEST_EXPRESSION: Final = 200
"""Characters of a cron expression; nobody reads a longer one."""

SHORTEST_INTERVAL: Final = 1.0
"""Seconds; the process of a run takes a good part of one to start."""

LATE: Final = 60.0
"""Seconds after its due time in which a firing still counts as on time; beyond, it was missed."""

LATE_ONES_LOOKED_AT: Final = 100
"""Missed due times that get a line of their own in the history; what came before them shares one."""

MOST_CAUGHT_UP: Final = 1_000
"""The highest ``catch-up-limit``: more runs at once are a flood, not a catching up."""

USUAL_CAUGHT_UP: Final = 10
"""The ``catch-up-limit`` of a schedule that says none."""

MOST_WAITING: Final = 100
"""Firings of one schedule that wait for the one before them: a longer queue would never end."""

SCANNED: Final = 20_000
"""Due times counted in one go (about a tenth of a second) before the search begins nearer to now."""

KEPT_FIRINGS: Final = 1_000
"""Lines of history kept of each schedule; those that wait or run are kept in any case."""

MOST_SCHEDULES: Final = 1_000
"""Schedules of one workspace; each is looked at every second."""

USUAL_RUNS: Final = 8
"""Runs of all schedules at one time unless told otherwise; each is a process with its steps."""

NAP: Final = 1.0
"""Seconds between two looks at the wall clock, which may be set, and at the store, which may change."""

STALE: Final = 300.0
"""Seconds after which a due time is computed anew, for time zone data that was replaced meanwhile."""

SET_BACK: Final = 2.0
"""Seconds by which the clock may fall behind what was decided before that counts as setting it back."""

LONGEST_COMPLAINT: Final = 4_000
"""Characters kept of what a run said that could not be started."""
