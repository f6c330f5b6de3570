"""How a machine is run, and how it stands afterwards."""

from __future__ import annotations

from framework0.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_PAUSED, EXIT_RUN_FAILED, UsageError
from framework0.stepengine.limits import MAX_VISITS
from framework0.stepengine.machine import COMPLETE_ERROR, COMPLETE_SUCCESS
from framework0.stepengine.seams import CANCELLED, PAUSED
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from framework0.stepengine.seams import Fault

EXIT_CODES: Final = {
    COMPLETE_SUCCESS: EXIT_OK,
    COMPLETE_ERROR: EXIT_RUN_FAILED,
    PAUSED: EXIT_PAUSED,
    CANCELLED: EXIT_INTERRUPTED,
}


class EngineOptions(NamedTuple):
    """How an instance is to be run.

    ``resume`` goes on where it stands, and else it begins. ``run`` is the id of the run that begins; one
    is made when it is empty. ``first`` is the node to begin at, ``library`` the folder of the nodes as the
    parameter file is to keep it; None leaves both as they are there. ``breakpoints`` are pairs of a
    node and ``entry`` or ``exit``. ``single_step`` pauses after each transition. ``max_visits`` bounds the
    passings of nodes over the life of the instance. ``notice`` is called with each sentence that a
    person should read and that stops nothing.
    """

    resume: bool = False
    run: str = ""
    first: str | None = None
    library: str | None = None
    breakpoints: tuple[tuple[str, str], ...] = ()
    single_step: bool = False
    max_visits: int = MAX_VISITS
    notice: Callable[[str], None] | None = None


class Ended(NamedTuple):
    """How a machine stands: ``state`` is COMPLETE_SUCCESS, COMPLETE_ERROR, PAUSED or CANCELLED.

    ``node`` and ``step_state`` are where, ``visit`` is the number of the last passing of a node.
    ``paused_at`` is ``entry``, ``exit`` or ``step``, and empty when it is not paused.
    """

    state: str
    run: str
    node: str
    step_state: str
    visit: int
    error: Fault | None = None
    paused_at: str = ""
    notices: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """The exit code of a command that ends like this."""
        return EXIT_CODES[self.state]


def read_breakpoint(text: str) -> tuple[str, str]:
    """Return the breakpoint that ``NODE``, ``NODE:entry`` or ``NODE:exit`` means.

    Raises :class:`~framework0.errors.UsageError` for anything else.
    """
    node, colon, at = text.partition(":")
    at = at if colon else "entry"
    if not node or at not in ("entry", "exit"):
        raise UsageError(f"a breakpoint is NODE, NODE:entry or NODE:exit, not {text!r:.60}")
    return node, at
