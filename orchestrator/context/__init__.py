"""The context that steps share. Real home: framework0.context."""

from framework0.context import Change as Change, Context as Context, MemoryStore as MemoryStore

__all__ = ["Change", "Context", "MemoryStore"]
