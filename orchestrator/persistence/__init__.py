"""How a context is kept. Real home: framework0.context.persist."""

from framework0.context.persist import SQLiteStore as SQLiteStore

__all__ = ["SQLiteStore"]
