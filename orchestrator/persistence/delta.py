"""Delta compression of large values. Real home: framework0.context.persist."""

from framework0.context.persist import apply_delta as apply_delta
from framework0.context.persist import encode_delta as encode_delta

__all__ = ["apply_delta", "encode_delta"]
