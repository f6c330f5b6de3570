"""A schedule: which recipe runs when, with which inputs, and what is done when it cannot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from framework0.schedules.limits import USUAL_CAUGHT_UP
from framework0.schedules.timing import Timing
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

OVERLAPS: Final = ("skip", "queue", "allow", "cancel-previous")
CATCH_UPS: Final = ("none", "latest", "all")


class Schedule(NamedTuple):
    """What a user asked for.

    ``recipe`` is a path, relative to the workspace if it lies in it. ``inputs`` are texts, as on the
    command line. ``overlap`` says what happens when it is due and its run before has not ended,
    ``catch_up`` what with due times that nobody was there for, of which at most ``catch_up_limit``
    are fired. ``deadline`` is how many seconds the steps of a run may take together, 0: no limit. With
    ``untrusted`` they run in a sandbox.
    """

    name: str
    recipe: str
    timing: Timing
    inputs: Mapping[str, str]
    overlap: str = "skip"
    catch_up: str = "latest"
    catch_up_limit: int = USUAL_CAUGHT_UP
    deadline: float = 0.0
    untrusted: bool = False


def schedule_text(schedule: Schedule) -> str:
    """Return the schedule as JSON, for the store."""
    values = {
        **schedule._asdict(),
        "timing": schedule.timing._asdict(),
        "inputs": dict(schedule.inputs),
    }
    return json.dumps(values, separators=(",", ":"))


def schedule_from(text: str) -> Schedule:
    """Return the schedule that :func:`schedule_text` wrote; raise ValueError when it did not."""
    try:
        values = json.loads(text)
        return Schedule(**{**values, "timing": Timing(**values["timing"])})
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a schedule: {error}") from error
