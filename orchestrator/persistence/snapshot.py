"""Pictures of a context at one version. Real homes: framework0.context and framework0.context.persist."""

from framework0.context import Snapshot as Snapshot
from framework0.context.persist import read_part as read_part
from framework0.context.persist import write_parts as write_parts

__all__ = ["Snapshot", "read_part", "write_parts"]
