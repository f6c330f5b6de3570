"""Step-node files from a DOT file: each node a class that runs at once, and is there to be filled in.

What ``framework0 step draw --format dot`` writes comes back as the same machine; any other digraph becomes
one whose arrows have the edges' labels for keys. Where the drawing has no way out, the code can end
the machine, so that what was made passes ``framework0 step check``.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from framework0.errors import LibraryError, Problem, RefusedError
from framework0.stepengine.arrows import DIRECT
from framework0.stepengine.dot.reading import read_dot
from framework0.stepengine.nodes import COMPLETE
from framework0.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from framework0.errors import Place
    from framework0.stepengine.dot.reading import DotEdge, DotGraph, DotNode

OWN: Final = "octo_"
HIDDEN: Final = "octo_own_"
PREFIX: Final = "step_node_"

LONGEST_NAME: Final = 150
"""Characters of a module's name: files have 255 bytes at most."""


class Way(NamedTuple):
    """An arrow to be written; ``implied`` is one that only ``step_advance`` returns."""

    key: str
    to: str
    attributes: Mapping[str, str]
    active: bool
    implied: bool


class Sketch(NamedTuple):
    """A node to be written."""

    name: str
    module: str
    attributes: Mapping[str, str]
    first: bool
    active: bool
    pauses: str
    ways: list[Way]


def scaffold(text: str, file: str) -> dict[str, str]:
    """Return the node files, by name, for the machine that a DOT text draws.

    Raises :class:`~framework0.errors.LibraryError` with every mistake at its place in ``file``.
    """
    graph = read_dot(text, file)
    sketches = _sketches(graph, file)
    far = _distances(sketches)
    return {f"{sketch.module}.py": _written(sketch, sketches, far) for sketch in sketches.values()}


def write_scaffold(files: Mapping[str, str], library: str) -> None:
    """Write node files into a folder, which is made if there is none.

    Raises :class:`~framework0.errors.RefusedError` if one of them is there already; nothing is written then.
    """
    os.makedirs(library, exist_ok=True)
    there = [name for name in files if os.path.lexists(os.path.join(library, name))]
    if there:
        raise RefusedError(
            f"{library} has {', '.join(sorted(there)[:5])} already"
            f"{f' and {len(there) - 5} more' if len(there) > 5 else ''}: nothing is overwritten, and "  # noqa: PLR2004
            "nothing was written; name another folder"
        )
    for name, content in files.items():
        # "x" refuses what somebody else made meanwhile.
        with open(os.path.join(library, name), "x", encoding="utf-8", newline="\n") as made:
            made.write(content)


def _sketches(graph: DotGraph, file: str) -> dict[str, Sketch]:
    roles = {name: node.attributes.get("octo_role", "") for name, node in graph.nodes.items()}
    real = {name: node for name, node in graph.nodes.items() if roles[name] in ("", "missing")}
    if not real:
        raise LibraryError((Problem("dot-node", f"{file} draws no node"),))
    problems: list[Problem] = []
    modules = _modules(real, problems)
    first = _first(graph, real, roles)
    sketches = {
        name: Sketch(
            name,
            modules[name],
            _looks(node.attributes),
            name == first,
            node.attributes.get("octo_active") != "0",
            node.attributes.get("octo_pauses", ""),
            [],
        )
        for name, node in real.items()
    }
    for edge in graph.edges:
        if roles[edge.start] in ("", "missing"):
            _add_way(sketches[edge.start], edge, roles, problems)
        elif roles[edge.start] == "end":
            problems.append(Problem("dot-node", "no arrow leads on from the end", edge.place))
    if problems:
        raise LibraryError(tuple(problems))
    _let_end(sketches)
    return sketches


def _modules(nodes: Mapping[str, DotNode], problems: list[Problem]) -> dict[str, str]:
    """Return the module of each node: ``step_node_`` and what of its name a module's may have."""
    found: dict[str, str] = {}
    taken: dict[str, tuple[str, Place]] = {}
    for name, node in nodes.items():
        rest = re.sub(r"\W+", "_", name.removeprefix(PREFIX)).strip("_")
        module = PREFIX + rest[:LONGEST_NAME]
        if not rest or not module.isidentifier():
            message = f"the name {name!r:.60} gives no name of a file"
            problems.append(Problem("dot-node", message, node.place, hint="use letters and digits"))
        elif module.casefold() in taken:
            other, place = taken[module.casefold()]
            problems.append(
                Problem(
                    "dot-node",
                    f"the nodes {other!r:.60} and {name!r:.60} would both be {module}.py",
                    node.place,
                    hint="give one of them another name",
                    related=(("the other", place),),
                )
            )
        taken.setdefault(module.casefold(), (name, node.place))
        found[name] = module
    return found


def _first(graph: DotGraph, nodes: Mapping[str, DotNode], roles: Mapping[str, str]) -> str:
    """Return the first node: the one marked so, else the first to which no other leads, else the first."""
    for edge in graph.edges:
        if roles[edge.start] == "start" and edge.to in nodes:
            return edge.to
    for name, node in nodes.items():
        if node.attributes.get("octo_first") == "1":
            return name
    led_to = {edge.to for edge in graph.edges if edge.start != edge.to}
    return next((name for name in nodes if name not in led_to), next(iter(nodes)))


def _looks(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the Graphviz attributes that are a node's own: without what a drawing added."""
    added = attributes.get("octo_look", "").split()
    found = {
        name: value
        for name, value in attributes.items()
        if not name.startswith(OWN) and name not in added
    }
    for name, value in attributes.items():
        if name.startswith(HIDDEN):
            found[name.removeprefix(HIDDEN)] = value
    return dict(sorted(found.items()))


def _add_way(
    sketch: Sketch, edge: DotEdge, roles: Mapping[str, str], problems: list[Problem]
) -> None:
    ends = roles[edge.to] == "end"
    implied = edge.attributes.get("octo_implied") == "1" or ends
    key = edge.attributes.get("octo_key") or _key_for(sketch, edge)
    if ends:
        key = COMPLETE
    elif implied:
        key = DIRECT + edge.to
    elif key == COMPLETE:
        message = f"{COMPLETE!r} stands for the end and cannot be the key of an arrow"
        problems.append(Problem("dot-node", message, edge.place, hint="give it another label"))
        return
    elif key.startswith(DIRECT) and key != DIRECT + edge.to:
        message = f"the key {key!r:.80} is the name of the way to another node"
        problems.append(Problem("dot-node", message, edge.place, hint="give it another label"))
        return
    if any(way.key == key for way in sketch.ways):
        if not implied:
            message = f"node {sketch.name!r:.60} has two arrows with the key {key!r:.60}"
            problems.append(Problem("dot-node", message, edge.place, hint="give one another label"))
        return
    active = edge.attributes.get("octo_active") != "0"
    sketch.ways.append(Way(key, "" if ends else edge.to, _looks(edge.attributes), active, implied))


def _key_for(sketch: Sketch, edge: DotEdge) -> str:
    """Return a key for an edge of a drawing that was made by hand: its label, or where it leads."""
    label = re.sub(r"\\[nlr]|\s+", " ", edge.attributes.get("label", "")).strip()
    key = wanted = label or f"to_{edge.to}"
    number = 2
    while any(way.key == key for way in sketch.ways):
        key = f"{wanted} {number}"
        number += 1
    return key


def _let_end(sketches: Mapping[str, Sketch]) -> None:
    """Give each place that the machine could not leave a way to end."""
    ways = {name: _open_to(sketch) for name, sketch in sketches.items()}
    behind: dict[str, list[str]] = {name: [] for name in sketches}
    for name, targets in ways.items():
        for to in targets:
            if to in behind:
                behind[to].append(name)
    out = {name for name, sketch in sketches.items() if not sketch.ways or "" in ways[name]}
    for name in sketches:
        _spread(out, behind)
        if (
            name not in out
            and not any(to in out for to in ways[name])
            and _is_last(name, ways, out)
        ):
            sketches[name].ways.append(Way(COMPLETE, "", {}, active=True, implied=True))
            out.add(name)


def _distances(sketches: Mapping[str, Sketch]) -> dict[str, int]:
    """Return how many arrows each node is from an end, for those that lead to one."""
    far = {name: 0 for name, sketch in sketches.items() if not sketch.ways}
    far[""] = 0
    behind: dict[str, list[str]] = {}
    for name, sketch in sketches.items():
        for to in _open_to(sketch):
            behind.setdefault(to, []).append(name)
    waiting = list(far)
    for name in waiting:
        for before in behind.get(name, ()):
            if before not in far:
                far[before] = far[name] + 1
                waiting.append(before)
    return far


def _open_to(sketch: Sketch) -> list[str]:
    return [way.to for way in sketch.ways if way.active]


def _spread(out: set[str], behind: Mapping[str, Sequence[str]]) -> None:
    waiting = list(out)
    while waiting:
        for before in behind.get(waiting.pop(), ()):
            if before not in out:
                out.add(before)
                waiting.append(before)


def _is_last(name: str, ways: Mapping[str, Sequence[str]], out: set[str]) -> bool:
    """Tell whether all that can be reached from a node leads back to it."""
    reached = {name}
    waiting = [name]
    while waiting:
        for to in ways[waiting.pop()]:
            if to not in reached:
                reached.add(to)
                waiting.append(to)
    back: dict[str, list[str]] = {one: [] for one in reached}
    for one in reached:
        for to in ways[one]:
            back[to].append(one)
    leading = {name}
    _spread(leading, back)
    return leading >= reached and not reached & out


def _written(sketch: Sketch, sketches: Mapping[str, Sketch], far: Mapping[str, int]) -> str:
    """Return the text of a node's file."""
    return "".join(
        [
            f'"""{_comment(sketch.name)}: made from a drawing, to be filled in."""\n\n',
            "from framework0.stepengine import StepNode\n\n\n",
            f"class {sketch.module}(StepNode):\n",
            f"    name = {_text(sketch.name)}\n\n",
            f"    step_node_graph_dict = {_literal({sketch.name: _own(sketch)}, 1)}\n\n",
            f"    step_arrow_graph_dict = {_literal(_arrows(sketch, sketches), 1)}\n\n",
            '    def step_execute(self):\n        """Do the work of this node; 0 means that it went well."""\n',
            '        self.results.increment("runs")\n        return 0\n',
            _advance(sketch, far),
        ]
    )


def _comment(name: str) -> str:
    plain = "".join(
        letter if letter.isprintable() and letter not in '"\\' else "?" for letter in name
    )
    return plain[:60] or "a node"


def _own(sketch: Sketch) -> dict[str, Any]:
    return {
        "module_name_string": sketch.module,
        "node_step_name_string": sketch.name,
        "dg_node_attr_dict": dict(sketch.attributes),
        "first_node_step_bool": int(sketch.first),
        "active_node_step_bool": int(sketch.active),
        "node_entry_breakpoint": int("entry" in sketch.pauses),
        "node_exit_breakpoint": int("exit" in sketch.pauses),
    }


def _arrows(sketch: Sketch, sketches: Mapping[str, Sketch]) -> dict[str, Any]:
    return {
        way.key: {
            "module_name_string": sketches[way.to].module,
            "arrow_step_name_string": way.to,
            "dg_edge_attr_dict": dict(way.attributes),
            "active_arrow_step_bool": int(way.active),
        }
        for way in sketch.ways
        if not way.implied
    }


def _advance(sketch: Sketch, far: Mapping[str, int]) -> str:
    """Return ``step_advance`` for a node that has to choose; empty for one that does not."""
    # What is returned when nothing was chosen leads to an end, so that the machine can be tried out.
    ways = sorted(
        (way for way in sketch.ways if way.active), key=lambda way: far.get(way.to, len(far))
    )
    keys = [way.key for way in ways]
    if not keys or (len(keys) == 1 and not ways[0].implied and keys[0] != COMPLETE):
        return ""
    lines = [
        "\n    def step_advance(self):",
        '        """Return the way to go; until this is filled in, the parameter ``way`` chooses."""',
    ]
    if len(keys) > 1:
        lines.append('        way = self.params.get("way")')
    for key in keys[1:]:
        lines += [f"        if way == {_text(key)}:", f"            return {_text(key)}"]
    return "\n".join([*lines, f"        return {_text(keys[0])}"]) + "\n"


def _text(text: str) -> str:
    """Return a text as source, in double quotes where that needs no other change."""
    shown = repr(text)
    return (
        f'"{shown[1:-1]}"' if shown[0] == "'" and '"' not in shown and "\\'" not in shown else shown
    )


def _literal(value: Any, depth: int) -> str:
    """Return a dictionary as source text, an entry a line."""
    if isinstance(value, str):
        return _text(value)
    if not isinstance(value, dict) or not value:
        return repr(value)
    indent = "    " * (depth + 1)
    entries = "".join(
        f"{indent}{_text(key)}: {_literal(entry, depth + 1)},\n" for key, entry in value.items()
    )
    return f"{{\n{entries}{'    ' * depth}}}"
