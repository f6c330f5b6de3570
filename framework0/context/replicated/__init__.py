"""A context that several servers share through an engine of several machines (etcd, NATS JetStream).

In reading order: ``log`` (the seam to an engine), ``access`` (TLS and passwords), ``etcd`` and ``nats`` behind it, ``facts`` (what a
record says, pure), ``replica`` (one server's copy, and trying out beside it), ``store`` (the whole).
"""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.context.replicated.access import shown
    from framework0.context.replicated.engines import check_namespace, open_log
    from framework0.context.replicated.log import (
        Away,
        Moved,
        Record,
        SharedLog,
        Snapshot,
        Trimmed,
    )
    from framework0.context.replicated.store import ReplicatedStore

_HOME = {
    "Away": "log",
    "Moved": "log",
    "Record": "log",
    "ReplicatedStore": "store",
    "SharedLog": "log",
    "Snapshot": "log",
    "Trimmed": "log",
    "check_namespace": "engines",
    "open_log": "engines",
    "shown": "access",
}

__all__ = [
    "Away",
    "Moved",
    "Record",
    "ReplicatedStore",
    "SharedLog",
    "Snapshot",
    "Trimmed",
    "check_namespace",
    "open_log",
    "shown",
]

__getattr__ = opening(__name__, _HOME)
