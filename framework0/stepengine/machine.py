"""The states of the step engine and of a step, and the moves between them, as two tables. Pure.

A machine passes its nodes one after another. In each it goes through five states; at each move the
parameter file is changed first, and then the method of the new state is called. So whatever kills the
engine, the file names the state whose method has to be called (again).

``docs/reference/step-engine-states.md`` is made from these tables.
"""

from __future__ import annotations

from framework0.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

INACTIVE: Final = "INACTIVE"

STARTUP: Final = "STARTUP"
RUNNING: Final = "RUNNING"
COMPLETE_SUCCESS: Final = "COMPLETE_SUCCESS"
COMPLETE_ERROR: Final = "COMPLETE_ERROR"

ENTER: Final = "ENTER"
EXECUTE: Final = "EXECUTE"
EXIT: Final = "EXIT"
ADVANCE: Final = "ADVANCE"
JUMP: Final = "JUMP"

ENGINE_MOVES: Final[Mapping[str, Mapping[str, str]]] = {
    INACTIVE: {"start": STARTUP},
    STARTUP: {"start": STARTUP, "go": RUNNING, "reset": INACTIVE},
    RUNNING: {
        "resume": RUNNING,
        "succeed": COMPLETE_SUCCESS,
        "fail": COMPLETE_ERROR,
        "reset": INACTIVE,
    },
    COMPLETE_SUCCESS: {"reset": INACTIVE},
    COMPLETE_ERROR: {"resume": RUNNING, "reset": INACTIVE},
}
"""``ENGINE_MOVES[state][event]`` is the engine's next state."""

STEP_MOVES: Final[Mapping[str, Mapping[str, str]]] = {
    INACTIVE: {"arrive": ENTER},
    ENTER: {"admitted": EXECUTE},
    EXECUTE: {"executed": EXIT},
    EXIT: {"exited": ADVANCE},
    ADVANCE: {"chosen": JUMP, "finished": INACTIVE},
    JUMP: {"arrive": ENTER},
}
"""``STEP_MOVES[state][event]`` is the next state of the current step.

A step that fails moves no more: the state in which it failed stays, and the engine's becomes
COMPLETE_ERROR.
"""

METHODS: Final[Mapping[str, str]] = {
    ENTER: "step_entry",
    EXECUTE: "step_execute",
    EXIT: "step_exit",
    ADVANCE: "step_advance",
}
"""The method of a node that is called in each state; a node may lack any of them."""

DONE: Final[Mapping[str, str]] = {ENTER: "admitted", EXECUTE: "executed", EXIT: "exited"}
"""The event that follows a state's method when that went well."""

MEANINGS: Final[Mapping[str, str]] = {
    "start": "somebody runs the instance; the first node is known",
    "go": "the first node is entered",
    "resume": "it goes on after a pause, a kill or a failure",
    "succeed": "a node led to the end",
    "fail": "a node failed, or there was no way on",
    "reset": "somebody has it begin anew",
    "arrive": "the machine comes to a node",
    "admitted": "`step_entry` let it in",
    "executed": "`step_execute` went well, or was left out",
    "exited": "`step_exit` went well",
    "chosen": "`step_advance` named an arrow, or only one was open",
    "finished": "the machine has come to its end",
}
"""What each event means, for people."""


def engine_after(state: str, event: str) -> str:
    """Return the engine's state after ``event``.

    Raises :class:`~framework0.errors.UsageError` listing what is allowed.
    """
    return _after(ENGINE_MOVES, "the engine", state, event)


def step_after(state: str, event: str) -> str:
    """Return the step's state after ``event``.

    Raises :class:`~framework0.errors.UsageError` listing what is allowed.
    """
    return _after(STEP_MOVES, "a step", state, event)


def unknown_state(whose: str, state: object, states: Mapping[str, object]) -> str:
    """Say that a state is none of those that there are, and which those are."""
    return f"{state!r:.60} is no state of {whose}: there are {', '.join(states)}"


def _after(table: Mapping[str, Mapping[str, str]], whose: str, state: str, event: str) -> str:
    moves = table.get(state)
    if moves is None:
        raise UsageError(unknown_state(whose, state, table))
    after = moves.get(event)
    if after is None:
        raise UsageError(
            f"{event!r:.60} cannot happen while {whose} is {state}, only {' or '.join(moves)}"
        )
    return after
