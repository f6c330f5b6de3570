"""Drawings of a plan, of a run of it, and of a machine: as text, Mermaid, Graphviz DOT or SVG. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework0.doors import opening

if TYPE_CHECKING:
    from framework0.visualization.dot import draw_dot as draw_dot
    from framework0.visualization.flow import Box as Box
    from framework0.visualization.flow import Flow as Flow
    from framework0.visualization.flow import flow_of as flow_of
    from framework0.visualization.machine import Line as Line
    from framework0.visualization.machine import Marks as Marks
    from framework0.visualization.machine import Picture as Picture
    from framework0.visualization.machine import Spot as Spot
    from framework0.visualization.machine import picture_of as picture_of
    from framework0.visualization.machine_dot import draw_machine_dot as draw_machine_dot
    from framework0.visualization.machine_mermaid import (
        draw_machine_mermaid as draw_machine_mermaid,
    )
    from framework0.visualization.machine_mermaid import label_lines as label_lines
    from framework0.visualization.machine_svg import draw_machine_svg as draw_machine_svg
    from framework0.visualization.machine_text import draw_machine_text as draw_machine_text
    from framework0.visualization.mermaid import draw_mermaid as draw_mermaid
    from framework0.visualization.palette import PALETTE as PALETTE
    from framework0.visualization.text import draw_text as draw_text

_HOMES = {
    "PALETTE": "palette",
    "Box": "flow",
    "Flow": "flow",
    "Line": "machine",
    "Marks": "machine",
    "Picture": "machine",
    "Spot": "machine",
    "draw_dot": "dot",
    "draw_machine_dot": "machine_dot",
    "draw_machine_mermaid": "machine_mermaid",
    "draw_machine_svg": "machine_svg",
    "draw_machine_text": "machine_text",
    "draw_mermaid": "mermaid",
    "draw_text": "text",
    "flow_of": "flow",
    "label_lines": "machine_mermaid",
    "picture_of": "machine",
}

__all__ = [
    "PALETTE",
    "Box",
    "Flow",
    "Line",
    "Marks",
    "Picture",
    "Spot",
    "draw_dot",
    "draw_machine_dot",
    "draw_machine_mermaid",
    "draw_machine_svg",
    "draw_machine_text",
    "draw_mermaid",
    "draw_text",
    "flow_of",
    "label_lines",
    "picture_of",
]


__getattr__ = opening(__name__, _HOMES)
