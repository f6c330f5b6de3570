"""A context that outlives its process: an append-only file that several processes share.

In reading order: ``sqlite`` (the store), ``following`` and ``keeping`` (how file and memory stay one),
``schema`` and ``batches`` (what a row is), ``delta`` (a small change of a large value), ``snapshot`` and
``segments`` (pictures of the past), ``reading`` and ``lookback`` (looking things up), ``retention`` (what
is kept), ``commits`` and ``staging`` (many writers, one commit), ``counter`` and ``watching`` (other
processes).
"""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.context.persist.cache import Cache
    from framework0.context.persist.delta import apply_delta, encode_delta
    from framework0.context.persist.retention import Retention
    from framework0.context.persist.snapshot import Picture, read_part, write_parts
    from framework0.context.persist.sqlite import SQLiteStore

_HOME = {
    "Cache": "cache",
    "Picture": "snapshot",
    "Retention": "retention",
    "SQLiteStore": "sqlite",
    "apply_delta": "delta",
    "encode_delta": "delta",
    "read_part": "snapshot",
    "write_parts": "snapshot",
}

__all__ = [
    "Cache",
    "Picture",
    "Retention",
    "SQLiteStore",
    "apply_delta",
    "encode_delta",
    "read_part",
    "write_parts",
]


# Loaded when first used: only a context that is shared needs a database.
__getattr__ = opening(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
