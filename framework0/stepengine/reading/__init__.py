"""Reading a library of step nodes without importing it: what can be known of each, and where it stands."""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.stepengine.reading.library import ReadLibrary as ReadLibrary
    from framework0.stepengine.reading.library import node_files as node_files
    from framework0.stepengine.reading.library import read_library as read_library
    from framework0.stepengine.reading.nodes import ReadNode as ReadNode

__all__ = ["ReadLibrary", "ReadNode", "node_files", "read_library"]

_HOMES = {
    "ReadLibrary": "library",
    "ReadNode": "nodes",
    "node_files": "library",
    "read_library": "library",
}

__getattr__ = opening(__name__, _HOMES)
