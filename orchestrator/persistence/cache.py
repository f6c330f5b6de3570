"""What a store has in memory: the present and the near past. Real home: framework0.context.persist."""

from framework0.context.persist import Cache as Cache

__all__ = ["Cache"]
