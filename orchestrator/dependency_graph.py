"""The graph of what waits for what. Real home: framework0.graph."""

from framework0.graph import Graph as Graph
from framework0.graph import ReadySet as ReadySet

__all__ = ["Graph", "ReadySet"]
