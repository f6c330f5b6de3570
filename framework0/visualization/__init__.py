"""Drawings of a plan, and of a run of it: as text, as Mermaid, as Graphviz DOT. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.doors import opening

if TYPE_CHECKING:
    from framework0.visualization.dot import draw_dot as draw_dot
    from framework0.visualization.flow import Box as Box
    from framework0.visualization.flow import Flow as Flow
    from framework0.visualization.flow import flow_of as flow_of
    from framework0.visualization.mermaid import draw_mermaid as draw_mermaid
    from framework0.visualization.palette import PALETTE as PALETTE
    from framework0.visualization.text import draw_text as draw_text

_HOMES = {
    "Box": "flow",
    "Flow": "flow",
    "PALETTE": "palette",
    "draw_dot": "dot",
    "draw_mermaid": "mermaid",
    "draw_text": "text",
    "flow_of": "flow",
}

__all__ = ["PALETTE", "Box", "Flow", "draw_dot", "draw_mermaid", "draw_text", "flow_of"]


__getattr__ = opening(__name__, _HOMES)
