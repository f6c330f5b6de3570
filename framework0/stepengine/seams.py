"""The seams of the step engine: what knows and calls the nodes, what watches, what tells the time.

Each is one small protocol, owned here because the engine calls it. :class:`InProcessHost` and
:class:`SystemClock` stand in this room, the host that calls nodes in a process of their own in
``runner``; the fakes ship in :mod:`framework0.testing`.
"""

from __future__ import annotations

from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any, Protocol
else:
    # For type checkers only; at run time making a protocol costs more than any other class.
    Protocol = object

PAUSED = "PAUSED"
"""What :meth:`Observer.ended` is told of a machine that waits for a person."""

CANCELLED = "CANCELLED"
"""What :meth:`Observer.ended` is told of a machine that was stopped from outside."""


class Fault(NamedTuple):
    """Why a call, or a machine, ended badly.

    ``kind`` is the exception's class name, or ``return``, ``timeout``, ``died``, ``cancelled``, and of
    the engine itself ``arrow``, ``node``, ``limit``. ``where`` is ``file:line`` in the node's code when
    known; ``trace`` the formatted traceback from the node's first frame on.
    """

    kind: str
    message: str
    where: str = ""
    trace: str = ""


class Call(NamedTuple):
    """One lifecycle call, complete: a host needs nothing else to make it.

    ``method`` is ``step_entry``, ``step_execute``, ``step_exit`` or ``step_advance``. ``visit`` counts
    the passings of nodes from 1 over the whole life of the instance, ``attempt`` the calls of this
    method in this visit from 1. ``timeout`` is in seconds; None: as long as it takes.
    """

    node: str
    module: str
    method: str
    visit: int
    attempt: int
    timeout: float | None


class Answer(NamedTuple):
    """How a call ended: with the value that the method returned, or with a fault."""

    value: Any = None
    fault: Fault | None = None
    seconds: float = 0.0


class NodeFacts(NamedTuple):
    """What a node's class says about itself, as plain data that can travel as JSON.

    ``name`` is the node's, ``module`` its file's name without ``.py``, ``file`` the whole path and
    ``line`` that of the ``class`` statement (0: not known). ``attributes`` is the node's own entry of
    ``step_node_graph_dict``, ``arrows`` is ``step_arrow_graph_dict``, ``params`` and ``results`` are
    ``step_node_params_dict_init`` and ``step_node_results_dict_init``, all as they are written there;
    one that the class does not have is empty. ``methods`` are those of the four lifecycle methods
    that it has. ``unknown`` names the fields that could not be read (reading without importing
    cannot follow what is computed). ``lines`` has lines of single keys where they are known, as
    ``arrows.next_step`` or ``attributes.timeout``.
    """

    name: str
    module: str
    class_name: str
    file: str
    line: int
    attributes: Mapping[str, Any]
    arrows: Mapping[str, Any]
    params: Mapping[str, Any]
    results: Mapping[str, Any]
    methods: tuple[str, ...]
    description: str = ""
    unknown: tuple[str, ...] = ()
    lines: Mapping[str, int] = {}


class Host(Protocol):
    """Knows the nodes of one library and calls their methods, one at a time.

    The calls are made with the instance's folder as the current one. A fault of a node comes back in
    the answer; a host raises only what is no node's fault.
    """

    def describe(self) -> list[NodeFacts]:
        """Import the library, and say what its nodes are.

        Raises :class:`~framework0.errors.LibraryError` with every problem that was found.
        """

    def call(self, call: Call) -> Answer:
        """Make a call and wait for its end."""

    def stop(self) -> None:
        """End the call that is going on, if there is one, and make no more; another thread calls this.

        Its answer is then a fault of kind ``cancelled``, unless it has ended by itself meanwhile. A call
        that is asked for later is answered so at once.
        """

    def close(self) -> None:
        """Release what is held. Nothing is called any more."""


class Observer(Protocol):
    """Sees a machine move. Called in order, from the engine's thread; must not raise.

    A move is told only once it is on the disk.
    """

    def began(self, run: str, instance: Path, nodes: Sequence[NodeFacts], resumed: bool) -> None:
        """The machine starts, or goes on; nothing has moved yet. ``run`` is the same after a resume."""

    def moved(self, visit: int, node: str, state: str, attempt: int) -> None:
        """The parameter file says so now; the method of the new state is called next."""

    def called(self, call: Call, answer: Answer) -> None:
        """A lifecycle call has ended, well or badly; with a retry another one follows."""

    def left(
        self, visit: int, node: str, arrow: str | None, to: str | None, seconds: float
    ) -> None:
        """A visit is over: through ``arrow`` to the node ``to``, None at the end of the machine."""

    def ended(self, state: str, error: Fault | None) -> None:
        """The machine stands: COMPLETE_SUCCESS, COMPLETE_ERROR, PAUSED or CANCELLED."""


class Clock(Protocol):
    """Time, as the engine needs it."""

    def now(self) -> float:
        """Return epoch seconds; may jump, so nothing is computed from it."""

    def monotonic(self) -> float:
        """Return seconds that never jump."""

    def wait(self, seconds: float, stop: Callable[[float], bool]) -> bool:
        """Wait that long, or until ``stop``; tell whether it was stopped.

        ``stop`` waits for its argument in seconds at most, as :meth:`threading.Event.wait` does.
        """
