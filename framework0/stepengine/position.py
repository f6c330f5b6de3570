"""Where a machine stands and goes on, read from its parameter file, which people may edit. Pure.

The file says it twice: in ``global_parameters``, which is there for people and scripts, and in the
engine's own group ``step_engine``. While both agree that is the position. Where they differ, somebody has
edited the first, and it counts as long as it makes sense; the second is kept for when it does not.
"""

from __future__ import annotations

from framework0.errors import UsageError
from framework0.stepengine.arrows import nearest
from framework0.stepengine.machine import (
    COMPLETE_ERROR,
    COMPLETE_SUCCESS,
    ENGINE_MOVES,
    ENTER,
    EXIT,
    INACTIVE,
    JUMP,
    STARTUP,
    STEP_MOVES,
    unknown_state,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

    from framework0.stepengine.nodes import Node

GLOBAL: Final = "global_parameters"
OWN: Final = "step_engine"

_LISTED: Final = 12
"""Nodes that a message lists at most."""


class Position:
    """A place in a machine's life. ``attempt`` counts the calls of this state's method so far.

    ``entering`` says that this visit has not been counted yet; ``passed_exit`` that ``step_exit`` went well
    before the machine paused. ``notices`` are what a person should read about how it was found.
    """

    __slots__ = ("attempt", "entering", "node", "notices", "passed_exit", "run", "state", "visit")

    def __init__(self, run: str, node: str, state: str, visit: int, attempt: int) -> None:
        self.run = run
        self.node = node
        self.state = state
        self.visit = visit
        self.attempt = attempt
        self.entering = False
        self.passed_exit = False
        self.notices: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Position({self.node!r}, {self.state}, visit={self.visit}, attempt={self.attempt})"


class Picture:
    """What the parameter file says of the machine; anything missing or odd reads as nothing."""

    __slots__ = ("engine", "module", "node", "own", "shown", "state")

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.shown = group_of(document, GLOBAL)
        self.own = group_of(document, OWN)
        self.engine = _state_in(self.shown, "step_engine_state")
        self.module = text_of(self.shown, "current_step_module")
        self.node = text_of(self.shown, "current_step_node")
        self.state = _state_in(self.shown, "current_step_state")

    @property
    def paused(self) -> Mapping[str, Any]:
        """What the machine waits for a person at: ``at``, ``node`` and ``since``; empty when it does not."""
        return group_of(self.own, "paused")

    @property
    def run(self) -> str:
        """The id of the machine's run, empty when it has none."""
        return text_of(self.own, "run")

    @property
    def visit(self) -> int:
        """How many passings of nodes have begun."""
        return count_of(self.own, "visit")

    @property
    def attempt(self) -> int:
        """How often the method of the recorded state has been called in this visit."""
        return count_of(self.own, "attempt")


def group_of(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a group of values, an empty one when there is none."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def text_of(group: Mapping[str, Any], name: str) -> str:
    """Return a text, an empty one when it is not there or is none."""
    found = group.get(name)
    return found if isinstance(found, str) else ""


def count_of(group: Mapping[str, Any], name: str) -> int:
    """Return a count, 0 when it is not there or is none."""
    found = group.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0


def _state_in(group: Mapping[str, Any], name: str) -> str:
    found = group.get(name) or INACTIVE
    return found if isinstance(found, str) else f"{found!r:.60}"


def refuse_to_run(picture: Picture, instance: str, *, resume: bool) -> None:
    """Raise :class:`~framework0.errors.UsageError` unless the machine can be run, or resumed, as it stands."""
    engine = picture.engine
    reset = f"`framework0 step reset {instance}` has it begin anew"
    if engine == COMPLETE_SUCCESS:
        raise UsageError(f"{instance} has come to its end (COMPLETE_SUCCESS): {reset}")
    if engine not in ENGINE_MOVES and not picture.own:
        said = unknown_state("the engine", engine, ENGINE_MOVES)
        raise UsageError(f"{instance}: step_engine_state {said}: {reset}")
    if resume:
        if engine == INACTIVE:
            raise UsageError(
                f"{instance} has not begun (INACTIVE): `framework0 step run {instance}` starts it"
            )
        return
    goes_on = f"`framework0 step resume {instance}`"
    if engine == COMPLETE_ERROR:
        last = text_of(picture.shown, "last_error")
        raise UsageError(
            f"{instance} has ended with an error{f' ({last})' if last else ''}: {reset}; {goes_on} tries "
            "again from where it failed"
        )
    if engine not in (INACTIVE, STARTUP):
        paused = picture.paused.get("at")
        stands = f"is paused ({paused})" if paused else "has begun"
        raise UsageError(
            f"{instance} {stands}, at node {picture.node or 'of no name'} in {picture.state}: {goes_on} goes "
            f"on; {reset}"
        )


def first_position(
    picture: Picture, nodes: Mapping[str, Node], first: str | None, run: str
) -> Position:
    """Return where a machine begins.

    At ``first``; at the current node when somebody wrote STARTUP beside it; at ``first_step_node``; at the
    one node that says it is the first; at the only node. Raises :class:`~framework0.errors.UsageError`
    naming the nodes when none of these is one active node.
    """
    node = _first_node(picture, nodes, first)
    if not node.active:
        raise UsageError(
            f"the machine cannot begin at node {node.name}, which is not active ({node.where}): set its "
            "active_node_step_bool to 1"
        )
    position = Position(run, node.name, ENTER, picture.visit + 1, 0)
    position.entering = True
    return position


def _first_node(picture: Picture, nodes: Mapping[str, Node], first: str | None) -> Node:
    if first:
        return _named(first, "", nodes, "the first node")
    if picture.engine == STARTUP and (picture.node or picture.module):
        return _named(picture.node, picture.module, nodes, "current_step_node")
    name = text_of(picture.shown, "first_step_node")
    module = text_of(picture.shown, "first_step_module")
    if name or module:
        return _named(name, module, nodes, "first_step_node")
    claiming = [node for node in nodes.values() if node.first]
    if len(claiming) > 1:
        places = ", ".join(f"{node.name} ({node.where})" for node in claiming[:_LISTED])
        raise UsageError(
            f"{len(claiming)} nodes say that they are the first: {places}: leave first_node_step_bool at 1 in "
            "one, or name it with --first"
        )
    if not claiming and len(nodes) == 1:
        return next(iter(nodes.values()))
    if not claiming:
        raise UsageError(
            f"no node says that it is the first: name one of {_listed(nodes)} with --first, or set "
            "first_step_node in the parameters or first_node_step_bool in one of them"
        )
    return claiming[0]


def _named(name: str, module: str, nodes: Mapping[str, Node], what: str) -> Node:
    """Return the node of that name, or the only one of the module when only that is given."""
    if not name:
        there = [node for node in nodes.values() if node.module == module]
        if len(there) == 1:
            return there[0]
        raise UsageError(
            f"{what} is empty and module {module!r} has {len(there)} nodes: name one of {_listed(nodes)}"
        )
    node = nodes.get(name)
    if node is None:
        raise UsageError(f"{what} {name!r} is no node: {nearest(name, nodes)}")
    if module not in ("", node.module):
        raise UsageError(
            f"{what} {name!r} is in module {node.module!r}, not in {module!r}: correct one of the two"
        )
    return node


def resumed_position(picture: Picture, nodes: Mapping[str, Node], run: str) -> Position:
    """Return where a machine goes on.

    Raises :class:`~framework0.errors.UsageError` when neither what the file shows nor what the engine
    recorded is a place to go on from.
    """
    recorded = text_of(picture.own, "node"), text_of(picture.own, "state")
    known = recorded[0] in nodes and nodes[recorded[0]].active and _is_place(recorded[1])
    wrong = _trouble(picture, nodes)
    if not wrong:
        if known and (picture.node, picture.state) == recorded:
            return _as_recorded(picture, run, *recorded)
        return _as_edited(picture, run, recorded)
    if known:
        position = _as_recorded(picture, run, *recorded)
        position.notices = (
            f"{wrong}; going on from node {recorded[0]} in {recorded[1]}, as the engine recorded it",
        )
        return position
    raise UsageError(
        f"there is no place to go on from: {wrong}, and the engine has recorded none: set current_step_node "
        f"to one of {_listed(nodes)} and current_step_state to ENTER, or reset the instance"
    )


def _is_place(state: str) -> bool:
    return state in STEP_MOVES and state != INACTIVE


def _trouble(picture: Picture, nodes: Mapping[str, Node]) -> str:
    """Say why the shown position makes no sense; an empty text when it does."""
    if not picture.node:
        return "current_step_node is empty"
    node = nodes.get(picture.node)
    if node is None:
        return f"current_step_node {picture.node!r} is no node ({nearest(picture.node, nodes)})"
    if picture.module not in ("", node.module):
        return (
            f"current_step_node {node.name!r} is in module {node.module!r}, but current_step_module is "
            f"{picture.module!r}"
        )
    if not node.active:
        return f"current_step_node {node.name!r} is not active"
    if picture.state not in STEP_MOVES:
        return f"current_step_state {unknown_state('a step', picture.state, STEP_MOVES)}"
    return ""


def _as_recorded(picture: Picture, run: str, node: str, state: str) -> Position:
    position = Position(picture.run or run, node, state, max(picture.visit, 1), picture.attempt)
    position.passed_exit = state == EXIT and picture.paused.get("at") == "exit"
    return position


def _as_edited(picture: Picture, run: str, recorded: tuple[str, str]) -> Position:
    """Go on where somebody has put it: another node is another visit, another state a first attempt."""
    state = ENTER if picture.state == INACTIVE else picture.state
    same = picture.node == recorded[0] and picture.visit > 0
    arriving = not same and state != JUMP
    position = Position(picture.run or run, picture.node, state, picture.visit + arriving, 0)
    position.entering = arriving
    was = f"node {recorded[0]} in {recorded[1]}" if all(recorded) else "nothing"
    notice = (
        f"the parameters say node {picture.node} in {picture.state}, where the engine had recorded {was}: "
        f"going on from node {picture.node} in {state}"
    )
    position.notices = (notice,)
    return position


def _listed(nodes: Mapping[str, object]) -> str:
    more = len(nodes) - _LISTED
    return ", ".join(list(nodes)[:_LISTED]) + (f" and {more} more" if more > 0 else "")
