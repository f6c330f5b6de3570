"""The shared context: versioned JSON values, who wrote them, and how to look back.

In reading order: ``change`` (what a change is, and the seam behind which they live), ``values`` and
``patterns`` (what may be stored, under which keys), ``history`` (looking back, pure), ``memory``
(the store), ``reading`` and ``writing`` (what can be asked and done), ``context`` and ``view`` (the
whole, and one step's sight of it), ``dispatcher`` (subscriptions), ``changelog`` (the table in a
run's journal), ``bus`` (messages that are not kept).
"""

from __future__ import annotations

from framework0.doors import opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from framework0.context.blame import Blame
    from framework0.context.bus.memory import MemoryBus
    from framework0.context.change import Author, Change, Entry, Request, Store, Write
    from framework0.context.changelog import ChangeLog
    from framework0.context.context import Context
    from framework0.context.history import Diff, replay
    from framework0.context.limits import ValueLimits
    from framework0.context.memory import MemoryStore
    from framework0.context.moments import version_of
    from framework0.context.patterns import check_key, matcher
    from framework0.context.remote.asynchronous import AsyncContextClient
    from framework0.context.remote.entrance import browser_address
    from framework0.context.remote.status import RemoteStatus
    from framework0.context.remote.store import RemoteStore
    from framework0.context.snapshot import Snapshot
    from framework0.context.subscriptions import Subscription
    from framework0.context.transaction import Transaction
    from framework0.context.typed import read_as
    from framework0.context.values import check_json, check_sized, freeze, weigh
    from framework0.context.versions import ABSENT, Conflict, Merged
    from framework0.context.view import ContextView

_HOME = {
    "ABSENT": "versions",
    "AsyncContextClient": "remote.asynchronous",
    "Author": "change",
    "Blame": "blame",
    "Change": "change",
    "ChangeLog": "changelog",
    "Conflict": "versions",
    "Context": "context",
    "ContextView": "view",
    "Diff": "history",
    "Entry": "change",
    "MemoryBus": "bus.memory",
    "MemoryStore": "memory",
    "Merged": "versions",
    "RemoteStatus": "remote.status",
    "RemoteStore": "remote.store",
    "Request": "change",
    "Snapshot": "snapshot",
    "Store": "change",
    "Subscription": "subscriptions",
    "Transaction": "transaction",
    "ValueLimits": "limits",
    "Write": "change",
    "browser_address": "remote.entrance",
    "check_json": "values",
    "check_key": "patterns",
    "check_sized": "values",
    "freeze": "values",
    "matcher": "patterns",
    "read_as": "typed",
    "replay": "history",
    "version_of": "moments",
    "weigh": "values",
}

__all__ = [
    "ABSENT",
    "AsyncContextClient",
    "Author",
    "Blame",
    "Change",
    "ChangeLog",
    "Conflict",
    "Context",
    "ContextView",
    "Diff",
    "Entry",
    "MemoryBus",
    "MemoryStore",
    "Merged",
    "RemoteStatus",
    "RemoteStore",
    "Request",
    "Snapshot",
    "Store",
    "Subscription",
    "Transaction",
    "ValueLimits",
    "Write",
    "browser_address",
    "check_json",
    "check_key",
    "check_sized",
    "freeze",
    "matcher",
    "read_as",
    "replay",
    "version_of",
    "weigh",
]


# Loaded when first used: most commands never touch a context.
__getattr__ = opening(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
