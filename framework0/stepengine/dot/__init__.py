"""The part of Graphviz's DOT language that describes a machine."""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.stepengine.dot.reading import DotGraph as DotGraph
    from framework0.stepengine.dot.reading import read_dot as read_dot

__all__ = ["DotGraph", "read_dot"]

_HOMES = {"DotGraph": "reading", "read_dot": "reading"}

__getattr__ = opening(__name__, _HOMES)
