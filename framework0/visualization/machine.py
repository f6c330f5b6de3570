"""What every drawing of a machine is made from: its nodes and arrows, and where it is and has been.

The nodes come as :class:`~framework0.stepengine.NodeFacts`, whether they were imported or only read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from framework0.stepengine import NodeFacts

END: Final = ""
"""Where an arrow leads that ends the machine."""


class Spot(NamedTuple):
    """One node. ``attributes`` are Graphviz's, as the node gives them, all texts.

    ``missing`` says that only arrows know it; ``state`` is what it is doing if the machine stands in
    it, else empty, and ``how`` the machine stands there: a key of the palette. ``visits`` counts its
    passings.
    """

    name: str
    attributes: Mapping[str, str]
    first: bool = False
    active: bool = True
    missing: bool = False
    pauses: str = ""
    visits: int = 0
    state: str = ""
    how: str = "running"


class Line(NamedTuple):
    """One arrow. ``implied`` is one that only the code of ``step_advance`` shows.

    ``taken`` counts how often the machine went this way.
    """

    start: str
    to: str
    key: str
    attributes: Mapping[str, str]
    closed: bool = False
    implied: bool = False
    taken: int = 0


class Picture(NamedTuple):
    """A machine as it is drawn. ``state`` is the engine's, empty for a library alone."""

    title: str
    spots: tuple[Spot, ...]
    lines: tuple[Line, ...]
    state: str = ""

    @property
    def ends(self) -> bool:
        """Whether a line leads to the end."""
        return any(line.to == END for line in self.lines)


class Marks(NamedTuple):
    """Where a machine is and has been: ``visits`` by node, ``taken`` by ``from>key>to``.

    ``how`` it stands in its node is a key of the palette: running, failed, paused and so on.
    """

    engine: str = ""
    node: str = ""
    state: str = ""
    visits: Mapping[str, int] = {}
    taken: Mapping[str, int] = {}
    how: str = "running"


NO_MARKS: Final = Marks()


def picture_of(
    title: str,
    nodes: Sequence[NodeFacts],
    implied: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    marks: Marks = NO_MARKS,
    first: Sequence[str] = (),
) -> Picture:
    """Return the parts of a drawing.

    ``implied`` has, by node, the keys that its code returns without an arrow for them, each with the node it
    leads to. ``first`` names the first nodes; without it they are those that say so themselves.
    """
    lines = [
        line for node in nodes for line in _lines(node, (implied or {}).get(node.name, ()), marks)
    ]
    spots = {node.name: _spot(node, marks, first) for node in nodes}
    for line in lines:
        if line.to != END and line.to not in spots:
            spots[line.to] = Spot(line.to, {}, missing=True)
    return Picture(title, tuple(spots.values()), tuple(lines), marks.engine)


def _spot(node: NodeFacts, marks: Marks, first: Sequence[str]) -> Spot:
    own = node.attributes
    told = own.get("first_node_step_bool") in (1, True)
    return Spot(
        node.name,
        texts(own.get("dg_node_attr_dict")),
        first=node.name in first if first else told,
        active=_is_on(own.get("active_node_step_bool")),
        pauses=" ".join(
            word for word in ("entry", "exit") if own.get(f"node_{word}_breakpoint") in (1, True)
        ),
        visits=_count(marks.visits, node.name),
        state=marks.state if node.name == marks.node else "",
        how=marks.how,
    )


def _lines(node: NodeFacts, implied: Sequence[tuple[str, str]], marks: Marks) -> list[Line]:
    found = []
    for key, arrow in node.arrows.items():
        to = arrow.get("arrow_step_name_string") if isinstance(arrow, dict) else None
        if not isinstance(to, str) or not to:
            continue
        taken = _count(marks.taken, f"{node.name}>{key}>{to}")
        closed = not _is_on(arrow.get("active_arrow_step_bool"))
        found.append(
            Line(node.name, to, key, texts(arrow.get("dg_edge_attr_dict")), closed, taken=taken)
        )
    for key, to in implied:
        taken = _count(marks.taken, f"{node.name}>{key}>{to or None}")
        found.append(Line(node.name, to, key, {}, implied=True, taken=taken))
    return found


def texts(attributes: Any) -> dict[str, str]:
    """Return a dictionary of Graphviz attributes with all its values as texts; what is none is left out."""
    if not isinstance(attributes, dict):
        return {}
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in attributes.items()
        if isinstance(name, str) and name and isinstance(value, str | int | float)
    }


def _is_on(value: Any) -> bool:
    return value not in (0, False)


def _count(counts: Mapping[str, int], key: str) -> int:
    found = counts.get(key)
    return found if isinstance(found, int) and found > 0 else 0
