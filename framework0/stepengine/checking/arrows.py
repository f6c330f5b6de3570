"""Arrows between nodes: where they lead, which say the same, and what ``step_advance`` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.source import near_names
from framework0.stepengine.arrows import DIRECT, near_nodes
from framework0.stepengine.checking.shapes import is_on
from framework0.stepengine.checking.ways import open_arrows
from framework0.stepengine.nodes import COMPLETE
from framework0.stepengine.reading.literals import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework0.errors import Place
    from framework0.stepengine.checking.findings import Findings
    from framework0.stepengine.reading.deciding import Choice
    from framework0.stepengine.reading.literals import Read
    from framework0.stepengine.reading.nodes import ReadNode


class Arrows:
    """Checks the arrows of a library. ``whole`` says that no further nodes may exist unread."""

    def __init__(self, nodes: Mapping[str, ReadNode], findings: Findings, *, whole: bool) -> None:
        self._nodes = nodes
        self._findings = findings
        self._whole = whole

    def check(self, node: ReadNode) -> None:
        """Find what is wrong with the arrows of one node."""
        for key, (place, read) in node.arrows().items():
            if isinstance(read.value, dict):
                self._arrow(node, key, place, read)
        self._overlaps(node)
        if not node.choices.there or any(choice.key is None for choice in node.choices.choices):
            self._chosen_by_nobody(node)
        for choice in node.choices.choices:
            if choice.key is not None:
                self._returned(node, choice, choice.key)

    def _arrow(self, node: ReadNode, key: str, place: Place, read: Read) -> None:
        if "arrow_step_name_string" not in read.value:
            if not read.open:
                self._findings.error(
                    "node-arrow",
                    f"the arrow {key!r} does not say where it leads: it has no arrow_step_name_string",
                    place,
                )
            return
        name = read.value["arrow_step_name_string"]
        if not isinstance(name, str) or not name:
            return
        where = read.entries["arrow_step_name_string"][1].place
        there = self._leads_to(node, key, name, where)
        if there is None:
            return
        told = read.value.get("module_name_string")
        if isinstance(told, str) and told and told != there.facts.module:
            self._findings.error(
                "node-name",
                f"the arrow {key!r} says that node {name!r} is in {told!r}, but it stands in {there.facts.module!r}",
                read.entries["module_name_string"][1].place,
                hint=f"write {there.facts.module!r}",
                related=[("the node", there.place)],
            )
        if is_on(read.value.get("active_arrow_step_bool")) is not False:
            self._inactive(node, key, there, where)

    def _leads_to(self, node: ReadNode, key: str, name: str, place: Place) -> ReadNode | None:
        """Return the node that a way leads to; say so if there is none."""
        there = self._nodes.get(name)
        if there is None:
            near = near_nodes(name, self._nodes)
            hint = f"did you mean {near[0]!r}?" if near else self._listed()
            message = f"the arrow {key!r} of node {node.name!r} leads to {name!r}, which is no node of this library"
            if self._whole:
                self._findings.error("arrow-to-nothing", message, place, hint=hint)
            else:
                message += " as far as it could be read"
                self._findings.note("arrow-to-nothing", message, place, hint=hint)
        return there

    def _listed(self) -> str:
        names = sorted(self._nodes)[:8]
        more = len(self._nodes) - len(names)
        return f"there are {', '.join(names)}{f' and {more} more' if more else ''}"

    def _inactive(self, node: ReadNode, key: str, there: ReadNode, place: Place) -> None:
        entry = there.entry
        if entry is None or not isinstance(entry[2].value, dict):
            return
        if is_on(entry[2].value.get("active_node_step_bool")) is False:
            self._findings.error(
                "arrow-to-inactive",
                f"the arrow {key!r} of node {node.name!r} leads to {there.name!r}, which is not active and cannot be entered",
                place,
                hint=f"close the arrow (active_arrow_step_bool 0), or make {there.name!r} active",
                related=[("it is not active", entry[2].entries["active_node_step_bool"][1].place)],
            )

    def _overlaps(self, node: ReadNode) -> None:
        first: dict[str, tuple[str, Place]] = {}
        for way in open_arrows(node):
            if way.to in first:
                key, place = first[way.to]
                self._findings.warning(
                    "arrows-overlap",
                    f"the arrows {key!r} and {way.key!r} of node {node.name!r} both lead to {way.to!r}",
                    way.place,
                    hint="which of them is chosen makes no difference: take one away, or close it",
                    related=[(f"the arrow {key!r}", place)],
                )
            first.setdefault(way.to, (way.key, way.place))
        for key, (place, read) in node.arrows().items():
            to = read.value.get("arrow_step_name_string") if isinstance(read.value, dict) else None
            meant = key.removeprefix(DIRECT)
            if key.startswith(DIRECT) and isinstance(to, str) and to != meant:
                self._findings.error(
                    "arrows-overlap",
                    f"the arrow {key!r} leads to {to!r}, but its name is that of the way to {meant!r}",
                    place,
                    hint=f"without this arrow the same name leads to {meant!r}: give it another name",
                )
            elif key == COMPLETE:
                self._findings.error(
                    "arrows-overlap",
                    f"an arrow of node {node.name!r} is named {COMPLETE!r}, which stands for the end of the machine",
                    place,
                    hint="give it another name",
                )

    def _chosen_by_nobody(self, node: ReadNode) -> None:
        """Say so when nothing is chosen, and it is not clear what that means."""
        if "arrows" in node.reasons or any(
            read.value is UNKNOWN or read.open for _, read in node.arrows().values()
        ):
            return
        ways = open_arrows(node)
        chooses = "has no step_advance" if not node.choices.there else "may return None"
        explicit = [choice.place for choice in node.choices.choices if choice.key is None]
        place = explicit[0] if explicit else node.place
        if len(ways) > 1:
            names = ", ".join(repr(way.key) for way in ways[:4])
            self._findings.error(
                "arrow-not-chosen",
                f"node {node.name!r} {chooses}, and {len(ways)} of its arrows are open: {names}",
                place,
                hint="return the key of one of them from step_advance, or close the others",
                related=[(f"the arrow {way.key!r}", way.place) for way in ways],
            )

    def _returned(self, node: ReadNode, choice: Choice, key: str) -> None:
        """Check one key that ``step_advance`` visibly returns."""
        if "arrows" in node.reasons:
            return
        arrow = node.arrows().get(key)
        if arrow is not None:
            value = arrow[1].value
            if isinstance(value, dict) and is_on(value.get("active_arrow_step_bool")) is False:
                self._findings.error(
                    "arrow-closed",
                    f"step_advance of node {node.name!r} may return {key!r}, which is a closed arrow",
                    choice.place,
                    hint="open it (active_arrow_step_bool 1), or return another",
                    related=[("the arrow", arrow[0])],
                )
        elif key.startswith(DIRECT):
            there = self._leads_to(node, key, key.removeprefix(DIRECT), choice.place)
            if there is not None:
                self._inactive(node, key, there, choice.place)
        elif key != COMPLETE:
            known = [*node.arrows(), COMPLETE]
            near = near_names(key, known, 1)
            self._findings.error(
                "arrow-unknown",
                f"step_advance of node {node.name!r} may return {key!r}, which is none of its arrows",
                choice.place,
                hint=f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}",
            )
