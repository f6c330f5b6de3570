"""What becomes of due times: a pure function of what is due, of the policies, and of what runs.

Nothing here knows the time or what a run is; every due time that goes in comes out with exactly one
verdict, and the same ones come out for the same question.
"""

from __future__ import annotations

from framework0.schedules.limits import LATE, MOST_WAITING
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Final

    from framework0.schedules.schedule import Schedule
    from framework0.schedules.timing import DueTimes

FIRE: Final = "fire"
SKIP: Final = "skip"
MISS: Final = "miss"


class Verdict(NamedTuple):
    """What becomes of one due time. ``until`` is the last one of several that share a line.

    ``replaces``: the runs of the schedule that go or wait are to make room for this one.
    """

    due: float
    kind: str
    note: str = ""
    until: float | None = None
    caught_up: bool = False
    replaces: bool = False


class Situation(NamedTuple):
    """How things are with a schedule at the moment of deciding.

    ``now`` is epoch seconds, and ``up_since`` when the server began. ``going`` firings are running
    or about to, and ``waiting`` of them wait for another to end.
    """

    now: float
    up_since: float
    going: int = 0
    waiting: int = 0


def decide(schedule: Schedule, due: DueTimes, situation: Situation) -> list[Verdict]:
    """Return one verdict for each due time, ascending, and one for all that were left out."""
    late = [moment for moment in due.moments if situation.now - moment > LATE]
    on_time = due.moments[len(late) :]
    caught = _caught_up(schedule, late, on_time)
    missed = late[: len(late) - len(caught)]
    verdicts = list(_missed(schedule, due, missed, situation))
    going, waiting = situation.going, situation.waiting
    for moment in (*caught, *on_time):
        verdict = _fired(schedule, moment, going, waiting, caught_up=moment in caught)
        verdicts.append(verdict)
        if verdict.kind == FIRE:
            if verdict.replaces:
                waiting = 0
            waiting += going > 0 and schedule.overlap != "allow"
            going += 1
    return verdicts


def _caught_up(schedule: Schedule, late: list[float], on_time: Sequence[float]) -> list[float]:
    """Return the late due times that are fired after all: the newest ones that the policy allows."""
    if schedule.catch_up == "all":
        return late[-schedule.catch_up_limit :]
    # What is due now is later than all that is late.
    if schedule.catch_up == "latest" and not on_time:
        return late[-1:]
    return []


def _missed(
    schedule: Schedule, due: DueTimes, missed: list[float], situation: Situation
) -> Iterator[Verdict]:
    policy = {
        "none": "catch-up is none",
        "latest": "only the latest is caught up",
        "all": f"at most {schedule.catch_up_limit} are caught up",
    }[schedule.catch_up]
    if due.first_left_out is not None:
        count = (
            "more than can be counted" if due.left_out is None else f"{due.left_out:,} due times"
        )
        last = due.moments[0] if due.moments else None
        note = f"{count} until the next line, {_absence(due.first_left_out, situation)}; {policy}"
        yield Verdict(due.first_left_out, MISS, note, until=last)
    for moment in missed:
        yield Verdict(moment, MISS, f"{_absence(moment, situation)}; {policy}")


def _absence(moment: float, situation: Situation) -> str:
    if moment <= situation.up_since:
        return "no server was running"
    return "the machine slept, or its clock was set forward"


def _fired(
    schedule: Schedule, moment: float, going: int, waiting: int, *, caught_up: bool
) -> Verdict:
    note = "caught up" if caught_up else ""
    if not going or schedule.overlap == "allow":
        return Verdict(moment, FIRE, note, caught_up=caught_up)
    if schedule.overlap == "cancel-previous" and not caught_up:
        return Verdict(moment, FIRE, note, replaces=True)
    if schedule.overlap == "skip" and not caught_up:
        return Verdict(moment, SKIP, "the run before had not ended (overlap: skip)")
    # Those that are caught up wait for each other: they are owed, and one at a time is no flood.
    if waiting >= MOST_WAITING:
        return Verdict(moment, SKIP, f"{waiting} firings wait already", caught_up=caught_up)
    return Verdict(moment, FIRE, note, caught_up=caught_up)
