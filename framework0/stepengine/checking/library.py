"""Checking a library of step nodes, alone or as the machine of an instance. Nothing of it is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from framework0.stepengine.arrows import near_nodes
from framework0.stepengine.checking.arrows import Arrows
from framework0.stepengine.checking.courses import Courses
from framework0.stepengine.checking.findings import Findings
from framework0.stepengine.checking.naming import check_node
from framework0.stepengine.checking.shapes import is_on
from framework0.stepengine.checking.ways import computed_target, ways_of
from framework0.stepengine.library import without_a_node
from framework0.stepengine.reading.instance import GLOBAL
from framework0.stepengine.reading.library import read_library

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from framework0.errors import Place, Problem
    from framework0.stepengine.reading.instance import Machine
    from framework0.stepengine.reading.library import ReadLibrary
    from framework0.stepengine.reading.nodes import ReadNode

FIRST: Final = "first_node_step_bool"
ACTIVE: Final = "active_node_step_bool"


class Checked:
    """What a check has found: ``problems`` in file order, ``texts`` of the files, the ``nodes`` by name."""

    def __init__(
        self,
        problems: Sequence[Problem],
        texts: Mapping[str, str],
        nodes: Mapping[str, ReadNode],
        first: Sequence[str],
    ) -> None:
        self.problems = tuple(problems)
        self.texts = texts
        self.nodes = nodes
        self.first = tuple(first)


def check_machine(machine: Machine) -> Checked:
    """Return every problem of a machine's library, and of where its instance is to begin."""
    library = read_library(machine.library)
    findings = Findings()
    for problem in library.problems:
        findings.keep(problem)
    nodes = _by_name(library, findings)
    if not nodes and library.whole:
        findings.keep(without_a_node(str(machine.library)))
    for node in library.nodes:
        check_node(node, findings)
    whole = library.whole
    arrows = Arrows(nodes, findings, whole=whole)
    for node in nodes.values():
        arrows.check(node)
    first = _first_nodes(machine, library, nodes, findings)
    for name in first:
        _check_can_begin(nodes[name], findings)
    ways = {name: ways_of(node) for name, node in nodes.items()}
    for name, found in ways.items():
        if computed_target(nodes[name]):
            found.unknown = found.unknown or "where an arrow of it leads is computed"
    Courses(ways, first, findings).check()
    texts = dict(library.texts)
    if machine.file is not None:
        texts[machine.file] = machine.text
    return Checked(findings.listed(), texts, nodes, first)


def _by_name(library: ReadLibrary, findings: Findings) -> dict[str, ReadNode]:
    nodes: dict[str, ReadNode] = {}
    for node in library.nodes:
        before = nodes.get(node.name)
        if before is None:
            nodes[node.name] = node
            continue
        place = node.entry[1] if node.entry is not None else node.place
        other = before.entry[1] if before.entry is not None else before.place
        findings.error(
            "node-twice",
            f"two nodes have the name {node.name!r}",
            place,
            hint="give one of them another: the key in its step_node_graph_dict",
            related=[("the other", other)],
        )
    return nodes


def _first_nodes(
    machine: Machine, library: ReadLibrary, nodes: Mapping[str, ReadNode], findings: Findings
) -> list[str]:
    """Return the nodes at which the machine may begin, none if that is not known."""
    told = _told_by_instance(machine, nodes, findings, whole=library.whole)
    marked = [node for node in nodes.values() if _is_first(node)]
    if len(marked) > 1:
        say = findings.warning if told else findings.error
        say(
            "first-node-twice",
            f"{len(marked)} nodes say that they are the first: "
            + ", ".join(node.name for node in marked[:6]),
            _place_of_first(marked[1]),
            hint="leave first_node_step_bool 1 in one of them"
            + (f"; this instance begins at {told[0]!r}, which its parameters name" if told else ""),
            related=[(f"first: {node.name}", _place_of_first(node)) for node in marked],
        )
    if told:
        return told
    if marked:
        return [node.name for node in marked]
    if len(nodes) == 1:
        return list(nodes)
    if nodes and library.whole and not machine.told("first_step_node"):
        say = findings.error if machine.file is not None else findings.note
        say(
            "first-node-missing",
            "no node says that it is the first, so that a machine of this library does not know where to begin",
            machine.place(GLOBAL, "first_step_node"),
            hint="set first_node_step_bool 1 in one node, or name it in the instance: "
            "framework0 step params INSTANCE global_parameters first_step_node NAME",
        )
    return []


def _told_by_instance(
    machine: Machine, nodes: Mapping[str, ReadNode], findings: Findings, *, whole: bool
) -> list[str]:
    """Return the first node that the instance's parameters name, and the node it stands in."""
    found = []
    for name in ("first_step_node", "current_step_node"):
        told = machine.told(name)
        if not told:
            continue
        if told in nodes:
            found.append(told)
        elif whole:
            near = near_nodes(told, nodes)
            findings.error(
                "first-node-unknown" if name == "first_step_node" else "current-node-unknown",
                f"{name} is {told!r}, which is no node of the library {machine.library}",
                machine.place(GLOBAL, name),
                hint=(
                    f"did you mean {near[0]!r}?"
                    if near
                    else f"it has {', '.join(sorted(nodes)[:8]) or 'no node'}"
                ),
            )
    return list(dict.fromkeys(found))


def _check_can_begin(node: ReadNode, findings: Findings) -> None:
    value = node.entry[2].value if node.entry is not None else None
    if isinstance(value, dict) and is_on(value.get(ACTIVE)) is False:
        assert node.entry is not None
        findings.error(
            "first-node-inactive",
            f"the machine cannot begin at node {node.name!r}, which is not active",
            node.entry[2].entries[ACTIVE][1].place,
            hint=f"set {ACTIVE} 1, or begin at another node",
        )


def _is_first(node: ReadNode) -> bool:
    value = node.entry[2].value if node.entry is not None else None
    return isinstance(value, dict) and is_on(value.get(FIRST), default=False) is True


def _place_of_first(node: ReadNode) -> Place:
    assert node.entry is not None
    return node.entry[2].entries[FIRST][1].place
