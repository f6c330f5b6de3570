"""A context that outlives its process. Real home: framework0.context.persist."""

from framework0.context.persist import Retention as Retention
from framework0.context.persist import SQLiteStore as SQLiteStore

__all__ = ["Retention", "SQLiteStore"]
