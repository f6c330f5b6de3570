"""A plan in the DOT language of Graphviz. Source: https://graphviz.org/doc/info/lang.html."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.logs import one_line
from framework0.visualization.flow import heading
from framework0.visualization.palette import PALETTE

if TYPE_CHECKING:
    from framework0.visualization.flow import Box, Flow


def draw_dot(flow: Flow) -> str:
    """Return ``flow`` as a directed graph from top to bottom."""
    lines = [
        f"digraph {_quoted(flow.title)} {{",
        '    rankdir=TB; node [shape=box, style="rounded,filled", fillcolor="#ffffff", fontname="sans-serif"];',
    ]
    for phase in flow.phases:
        boxes = [box for box in flow.boxes if box.phase == phase]
        if not heading(phase):
            lines += [f"    {_node(box)}" for box in boxes]
            continue
        lines.append(f"    subgraph cluster_{phase} {{ label={_quoted(heading(phase))};")
        lines += [f"        {_node(box)}" for box in boxes]
        lines.append("    }")
    lines += [f"    n{one.node} -> n{other.node};" for one, other in flow.arrows()]
    return "\n".join([*lines, "}"]) + "\n"


def _node(box: Box) -> str:
    words = [box.name, *box.notes, *([box.state.replace("_", " ")] if box.state else [])]
    # \n between two lines is DOT's own; everything from outside is escaped first.
    label = '"' + r"\n".join(_escaped(word) for word in words) + '"'
    look = PALETTE.get(box.state)
    colors = f', fillcolor="{look.fill}", color="{look.line}"' if look is not None else ""
    return f"n{box.node} [label={label}{colors}];"


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace('"', '\\"')
