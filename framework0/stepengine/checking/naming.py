"""Names and values within one node: its attributes, its arrows', and those of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from framework0.source import near_names
from framework0.stepengine.checking.shapes import ARROW, CODES, NODE, no_json
from framework0.stepengine.nodes import LIFECYCLE
from framework0.stepengine.reading.literals import UNKNOWN
from framework0.stepengine.reading.nodes import DICTIONARIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from framework0.errors import Place
    from framework0.stepengine.checking.findings import Findings
    from framework0.stepengine.reading.literals import Read
    from framework0.stepengine.reading.nodes import ReadNode

MEMBERS: Final = (*LIFECYCLE, *DICTIONARIES.values())
"""Names of a class that the engine asks for."""

KINDS: Final = {
    dict: "a dictionary",
    str: "a text",
    list: "a list",
    tuple: "a tuple",
    int: "a number",
    float: "a number",
    bool: "a number",
    type(None): "None",
}


def check_node(node: ReadNode, findings: Findings) -> None:
    """Find what is wrong within one node, whatever the others are."""
    _check_members(node, findings)
    for word, name in DICTIONARIES.items():
        _check_kind(node, word, name, findings)
    _check_entry(node, findings)
    for key, (_, arrow) in node.arrows().items():
        _check_dictionary(arrow, f"the arrow {key!r}", ARROW, findings)
    for word in ("params", "results"):
        _check_values(node, word, findings)
    for word, (reason, place) in node.reasons.items():
        findings.note(
            "node-unknown",
            f"{DICTIONARIES[word]} of node {node.name!r} cannot be known by reading: {reason}",
            place,
            hint="what rests on it is not checked" if word in {"graph", "arrows"} else None,
        )


def _check_members(node: ReadNode, findings: Findings) -> None:
    for module, name, definition in node.family.names():
        if name in MEMBERS or not name.startswith("step"):
            continue
        near = near_names(name, MEMBERS, 1)
        if near and node.family.find(near[0]) is None:
            findings.error(
                "node-word",
                f"the engine does not know {name!r} of a node",
                module.place(definition),
                hint=f"did you mean {near[0]!r}?",
            )


def _check_kind(node: ReadNode, word: str, name: str, findings: Findings) -> None:
    read = node.reads.get(word)
    if read is None or read.value is UNKNOWN:
        return
    if not isinstance(read.value, dict):
        kind = KINDS.get(type(read.value), "no dictionary")
        code = "node-params" if word in {"params", "results"} else "node-attributes"
        findings.error(code, f"{name} must be a dictionary, not {kind}", read.place)
        return
    _check_keys(read, name, findings)


def _check_keys(read: Read, what: str, findings: Findings) -> None:
    for key, before in read.repeated:
        findings.error(
            "duplicate-key",
            f"the key {key!r} stands twice in {what}, and only the last one counts",
            read.entries[key][0],
            related=[("it stands here before", before)],
        )
    for key in read.value:
        if not isinstance(key, str):
            findings.error(
                "node-attributes", f"{what} has the key {key!r:.40}: keys are texts", read.place
            )


def _check_entry(node: ReadNode, findings: Findings) -> None:
    graph = node.reads.get("graph")
    if graph is None or not isinstance(graph.value, dict):
        return
    for key, (place, _) in graph.entries.items():
        if node.entry is not None and key != node.entry[0]:
            findings.warning(
                "node-name",
                f"the entry {key!r} besides {node.entry[0]!r} means nothing: a class is one node",
                place,
                hint="give each node a class of its own",
            )
    if node.entry is None:
        return
    key, place, read = node.entry
    if not isinstance(read.value, dict):
        if read.value is not UNKNOWN:
            findings.error(
                "node-attributes", f"the entry of node {key!r} must be a dictionary", place
            )
        return
    _check_dictionary(read, f"node {key!r}", NODE, findings)
    _check_own_names(node, read, findings)


def _check_own_names(node: ReadNode, read: Read, findings: Findings) -> None:
    told = read.value.get("module_name_string")
    if isinstance(told, str) and told and told != node.facts.module:
        findings.error(
            "node-name",
            f"node {node.name!r} says that its module is {told!r}, but it stands in {node.facts.module!r}",
            read.entries["module_name_string"][1].place,
            hint=f"write {node.facts.module!r}, or rename the file to {told}.py",
        )
    told = read.value.get("node_step_name_string")
    if isinstance(told, str) and told and told != node.name:
        findings.error(
            "node-name",
            f"node {node.name!r} says that its name is {told!r}",
            read.entries["node_step_name_string"][1].place,
            hint=f"the key in step_node_graph_dict is its name: write {node.name!r} in both places",
        )


def _check_dictionary(
    read: Read, what: str, known: Mapping[str, Callable[[Any], str]], findings: Findings
) -> None:
    """Check the entries of a node's or an arrow's dictionary."""
    if read.value is UNKNOWN:
        return
    if not isinstance(read.value, dict):
        kind = KINDS.get(type(read.value), "no dictionary")
        findings.error("node-attributes", f"{what} must be a dictionary, not {kind}", read.place)
        return
    _check_keys(read, what, findings)
    for key, (place, value) in read.entries.items():
        if key not in known:
            _unknown_key(key, what, known, place, findings)
        elif value.value is not UNKNOWN and (told := known[key](value.value)):
            findings.error(CODES.get(key, "node-flag"), f"{key} of {what} {told}", value.place)


def _unknown_key(
    key: str, what: str, known: Mapping[str, Any], place: Place, findings: Findings
) -> None:
    near = near_names(key, known, 1)
    if near:
        findings.error(
            "node-word",
            f"{what} has an unknown key {key!r}",
            place,
            hint=f"did you mean {near[0]!r}?",
        )


def _check_values(node: ReadNode, word: str, findings: Findings) -> None:
    """Check that what is merged into the parameter file is groups of JSON values."""
    read = node.reads.get(word)
    if read is None or not isinstance(read.value, dict):
        return
    for group, (_, values) in read.entries.items():
        if values.value is UNKNOWN:
            continue
        if not isinstance(values.value, dict):
            findings.error(
                "node-params",
                f"{DICTIONARIES[word]} has {group!r}: a group is a dictionary of names and values",
                values.place,
            )
            continue
        for name, (_, value) in values.entries.items():
            if told := no_json(value.value):
                findings.error(
                    "node-params",
                    f"{group}.{name} cannot stand in the parameter file: {told}",
                    value.place,
                )
