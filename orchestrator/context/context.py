"""The context that steps share. Real home: framework0.context."""

from framework0.context import Change as Change
from framework0.context import Context as Context
from framework0.context import MemoryStore as MemoryStore

__all__ = ["Change", "Context", "MemoryStore"]
