"""Which way a machine goes from a node: what ``step_advance`` returned, and which arrows are open. Pure."""

from __future__ import annotations

from framework0.source import near_names
from framework0.stepengine.nodes import COMPLETE, Arrow
from framework0.stepengine.seams import Fault
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

    from framework0.stepengine.nodes import Node

DIRECT: Final = "step_arrow_graph_list_key_"
"""What a returned key begins with that leads to the node named behind it, without an arrow."""

NODE_PREFIX: Final = "step_node_"
"""What the names of nodes often begin with, as their files do."""

_LISTED: Final = 9
"""Names that a message lists at most."""


class Way(NamedTuple):
    """Where a machine goes: through ``arrow`` to the node ``to``; None for both is the end."""

    arrow: str | None = None
    to: str | None = None


THE_END: Final = Way()


def way_from(node: Node, returned: Any, nodes: Mapping[str, Node]) -> Way | Fault:
    """Return the way that ``step_advance`` of ``node`` chose, or why there is none.

    ``returned`` is None when it returned nothing, or there is no such method.
    """
    if returned is None:
        return _only_way(node, nodes)
    if not isinstance(returned, str):
        return _fault(
            node,
            f"step_advance returned {returned!r:.60}, where the key of an arrow, {COMPLETE!r} or "
            "nothing is needed",
        )
    if returned == COMPLETE:
        return THE_END
    arrow = node.arrows.get(returned)
    if arrow is None:
        target = returned.removeprefix(DIRECT)
        if target == returned:
            return _unknown(node, returned)
        arrow = Arrow(returned, target)
    return _through(node, arrow, nodes)


def _only_way(node: Node, nodes: Mapping[str, Node]) -> Way | Fault:
    if not node.arrows:
        return THE_END
    opened = [arrow for arrow in node.arrows.values() if arrow.active]
    if len(opened) == 1:
        return _through(node, opened[0], nodes)
    if not opened:
        return _fault(
            node,
            f"there is no way on from node {node.name}: its arrows are closed ({_listed(node.arrows)}): "
            "set active_arrow_step_bool of one to 1",
        )
    keys = [arrow.key for arrow in opened]
    missing = "returned nothing" if "step_advance" in node.methods else "is not there"
    return _fault(
        node,
        f"step_advance of node {node.name} {missing}, and {len(opened)} of its arrows are open "
        f"({_listed(keys)}): it has to return the key of one",
    )


def _through(node: Node, arrow: Arrow, nodes: Mapping[str, Node]) -> Way | Fault:
    what = f"arrow {arrow.key!r} of node {node.name}"
    if not arrow.active:
        opened = [key for key, other in node.arrows.items() if other.active] or [COMPLETE]
        return _fault(
            node,
            f"{what} is closed (active_arrow_step_bool is 0), and step_advance chose it: open it, or "
            f"choose {_listed(opened)}",
        )
    target = nodes.get(arrow.to)
    if target is None:
        return _fault(
            node, f"{what} leads to {arrow.to!r}, which is no node: {nearest(arrow.to, nodes)}"
        )
    if arrow.module not in ("", target.module):
        return _fault(
            node,
            f"{what} leads to {arrow.to!r} in {arrow.module!r}, but that node is in {target.module!r}",
        )
    if not target.active:
        return _fault(
            node,
            f"{what} leads to node {target.name}, which is not active: set active_node_step_bool of "
            "that node to 1, or close the arrow",
        )
    return Way(arrow.key, target.name)


def nearest(name: str, known: Mapping[str, object]) -> str:
    """Return what to say to somebody who named something unknown: the near name, or all."""
    near = near_nodes(name, known)
    return f"did you mean {near[0]}?" if near else f"there are {_listed(known)}"


def near_nodes(name: str, known: Mapping[str, object]) -> tuple[str, ...]:
    """Return the name that one may be misspelt from; what all node files begin with makes none alike."""
    whole = {other.removeprefix(NODE_PREFIX): other for other in reversed(list(known))}
    return tuple(whole[near] for near in near_names(name.removeprefix(NODE_PREFIX), whole, 1))


def _unknown(node: Node, returned: str) -> Fault:
    hint = (
        nearest(returned, node.arrows) if node.arrows else f"it has none; {COMPLETE!r} is the end"
    )
    return _fault(
        node,
        f"step_advance returned {returned!r:.100}, which is no arrow of node {node.name}: {hint}",
    )


def _fault(node: Node, message: str) -> Fault:
    return Fault("arrow", message, node.where)


def _listed(names: Mapping[str, object] | list[str]) -> str:
    shown = list(names)[:_LISTED]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "") or "none"
