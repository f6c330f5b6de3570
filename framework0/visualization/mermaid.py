"""A plan as a Mermaid flowchart, which GitHub and many editors draw.

Source: the flowchart syntax of Mermaid (https://mermaid.js.org/syntax/flowchart.html). Labels stand
in quotes with everything special as an entity, so that no name can be read as syntax.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from framework0.logs import one_line
from framework0.visualization.flow import heading
from framework0.visualization.palette import PALETTE

if TYPE_CHECKING:
    from framework0.visualization.flow import Box, Flow

_WORDS_OF_MERMAID: Final = frozenset(
    {
        *("call", "class", "classdef", "click", "default", "direction", "end", "flowchart"),
        *("graph", "href", "linkstyle", "style", "subgraph"),
    }
)


def draw_mermaid(flow: Flow) -> str:
    """Return ``flow`` as a flowchart from top to bottom."""
    ids = _ids(flow)
    lines = ["flowchart TD"]
    for phase in flow.phases:
        title = heading(phase)
        boxes = [box for box in flow.boxes if box.phase == phase]
        indent = "    "
        if title:
            lines.append(f'    subgraph {phase}_phase["{title}"]')
            indent = "        "
        lines += [f'{indent}{ids[box.node]}["{_label(box)}"]{_class(box)}' for box in boxes]
        if title:
            lines.append("    end")
    lines += [f"    {ids[one.node]} --> {ids[other.node]}" for one, other in flow.arrows()]
    lines += [
        f"    classDef {state} fill:{look.fill},stroke:{look.line},color:#000000"
        for state, look in PALETTE.items()
        if any(box.state == state for box in flow.boxes)
    ]
    return "\n".join(lines) + "\n"


def _ids(flow: Flow) -> dict[int, str]:
    """Return an id per node: the step's own name where it is a plain word, else a number."""
    return {
        box.node: (
            box.name
            if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", box.name, re.ASCII)
            and box.name.lower() not in _WORDS_OF_MERMAID
            and not re.fullmatch(r"step\d+|\w+_phase", box.name)
            else f"step{box.node + 1}"
        )
        for box in flow.boxes
    }


def _label(box: Box) -> str:
    words = [box.name, *box.notes, *([box.state.replace("_", " ")] if box.state else [])]
    return "<br/>".join(entities(one_line(word)) for word in words)


def _class(box: Box) -> str:
    return f":::{box.state}" if box.state in PALETTE else ""


def entities(text: str) -> str:
    """Return ``text`` with everything that Mermaid could read as syntax as an entity."""
    # Mermaid reads #NN; as a character by number; letters, digits and plain marks stay readable.
    return re.sub(r"[^\w \-.,:/()\[\]=+*\xd7]", lambda found: f"#{ord(found[0])};", text)
