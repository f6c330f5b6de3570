"""The life of a node as a table, and the words between the state machine and its shell. Pure.

    pending ──▶ ready ──▶ running ──▶ succeeded
       │          │          ├──────▶ cached (its result was known: it was taken, not computed)
       │          │          ├──────▶ failed · timed_out · cancelled
       │          │          └──────▶ waiting (retry delay; holds no worker) ──▶ ready
       │          └────────────────▶ cancelled
       ├──▶ skipped · cancelled · failed (its condition could not be evaluated)
       └──▶ paused (a person has to let it go on; the run ends, and is continued later)

Events go into :class:`~framework0.runner.state.RunState`, instructions come out of it.
"""

from __future__ import annotations

from framework0.errors import Framework0Error
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

STATES: Final = (
    "pending",
    "ready",
    "running",
    "waiting",
    "succeeded",
    "failed",
    "timed_out",
    "cancelled",
    "skipped",
    "cached",
    "paused",
)
PENDING, READY, RUNNING, WAITING, SUCCEEDED, FAILED, TIMED_OUT, CANCELLED, SKIPPED = range(9)
CACHED: Final = 9
PAUSED: Final = 10
NUMBER: Final[Mapping[str, int]] = {name: number for number, name in enumerate(STATES)}

MOVES: Final[tuple[frozenset[int], ...]] = (
    frozenset({READY, SKIPPED, CANCELLED, FAILED, RUNNING, PAUSED}),
    frozenset({RUNNING, CANCELLED, SKIPPED}),
    frozenset({SUCCEEDED, FAILED, TIMED_OUT, CANCELLED, WAITING, CACHED}),
    frozenset({READY, CANCELLED}),
    frozenset(),
    frozenset(),
    frozenset(),
    frozenset(),
    frozenset(),
    frozenset(),
    frozenset({CANCELLED, SKIPPED}),
)
"""``MOVES[state]`` are the states a node may take next. Pending → running is a ``foreach`` node opening."""

ENDED: Final = frozenset({SUCCEEDED, FAILED, TIMED_OUT, CANCELLED, SKIPPED, CACHED})
BAD: Final = frozenset({FAILED, TIMED_OUT, CANCELLED})

RUN_SUCCEEDED: Final = "succeeded"
RUN_FAILED: Final = "failed"
RUN_CANCELLED: Final = "cancelled"
RUN_PAUSED: Final = "paused"

MAIN_PHASE, FAILURE_PHASE, FINALLY_PHASE = range(3)


class IllegalMove(Framework0Error):
    """An event does not fit the state of its node; the message tells the node's story."""


class Begin(NamedTuple):
    """The run starts (or goes on after a restore)."""


class Decided(NamedTuple):
    """The answer to :class:`Decide`: run it, skip it (``reason``), or open it into ``items`` nodes."""

    node: int
    run: bool = True
    reason: str = ""
    items: int | None = None


class Undecidable(NamedTuple):
    """The condition or the items of ``node`` could not be evaluated: it has failed."""

    node: int


class Ended(NamedTuple):
    """An attempt of ``node`` ended in ``state``; with ``retry_in`` seconds another one follows."""

    node: int
    state: int
    retry_in: float | None = None


class Waited(NamedTuple):
    """The retry delay of ``node`` is over."""

    node: int


class CancelAsked(NamedTuple):
    """Nothing new may start, except the ``finally`` steps."""


Event = Begin | Decided | Undecidable | Ended | Waited | CancelAsked


class Decide(NamedTuple):
    """Evaluate ``when`` and ``foreach`` of ``node``; ``failed`` is the status its ``when`` sees."""

    node: int
    failed: bool


class Launch(NamedTuple):
    """Start the next attempt of ``node``."""

    node: int


class Wait(NamedTuple):
    """Send :class:`Waited` after ``seconds``."""

    node: int
    seconds: float


class Skip(NamedTuple):
    """``node`` will not run; write down why."""

    node: int
    reason: str


class Collect(NamedTuple):
    """All items of ``node`` have ended, it with them in ``state``; write down its result."""

    node: int
    state: int


class Finish(NamedTuple):
    """The run is over, or paused: ``stops`` are then the nodes where it stands, and in which way."""

    state: str
    stops: tuple[tuple[int, str], ...] = ()


Instruction = Decide | Launch | Wait | Skip | Collect | Finish
