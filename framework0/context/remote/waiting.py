"""Writes that are kept while the server is away, and what they look like until it has them.

Who wrote them goes on at once and reads what was written, as if the server had it; only a version
there is none yet: it is 0.
"""

from __future__ import annotations

from logging import getLogger
from threading import Condition

from framework0.context.change import Change, Entry
from framework0.context.remote.limits import KEPT_BYTES, KEPT_WRITES
from framework0.context.values import weigh
from framework0.errors import StoreUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework0.context.change import Author, Write
    from framework0.context.remote.calls import Call


class Waiting:
    """The kept writes of one client, bounded; ``refused`` counts those that the server did not take."""

    def __init__(self, most: int = KEPT_WRITES, most_bytes: int = KEPT_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._changed = Condition()
        self._latest: dict[str, tuple[Entry | None, Call]] = {}
        self._bytes = 0
        self._weights: dict[int, int] = {}
        self.refused = 0

    def __len__(self) -> int:
        return len(self._weights)

    def keep(
        self, call: Call, writes: Sequence[Write], author: Author, at: float
    ) -> tuple[Change, ...]:
        """Keep a call and return its changes as they look for now; raises when there are too many."""
        weight = sum(weigh(write.value) for write in writes)
        with self._changed:
            if len(self._weights) >= self._most or self._bytes + weight > self._most_bytes:
                raise StoreUnavailable(
                    f"the context server is away, and {len(self._weights):,} writes wait for it "
                    "already: start it, then write again",
                    happened=False,
                )
            call.kept = True
            call.at_end = self._ended
            self._weights[id(call)] = weight
            self._bytes += weight
            for write in writes:
                entry = None if write.removed else Entry(write.value, 0)
                self._latest[write.key] = (entry, call)
        return tuple(
            Change(0, write.key, write.value, write.removed, None, False, *author, at)
            for write in writes
        )

    def get(self, key: str, entry: Entry | None) -> Entry | None:
        """Return what ``key`` looks like from here, given what the server last told."""
        kept = self._latest.get(key)
        return entry if kept is None else kept[0]

    def over(self, entries: dict[str, Entry]) -> dict[str, Entry]:
        """Return what everything looks like from here."""
        with self._changed:
            for key, (entry, _) in self._latest.items():
                if entry is None:
                    entries.pop(key, None)
                else:
                    entries[key] = entry
        return entries

    def wait_empty(self, seconds: float | None) -> bool:
        """Wait until the server has everything; False if time ran out."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._weights, seconds)

    def _ended(self, call: Call) -> None:
        if call.error is not None:
            keys = call.fields.get("key") or [
                write["key"] for write in call.fields.get("writes", ())
            ]
            getLogger("framework0.context").warning(
                "a write that was kept for the context server was not taken (%s): %s",
                keys,
                call.error,
            )
        with self._changed:
            self._bytes -= self._weights.pop(id(call), 0)
            for key in [key for key, (_, other) in self._latest.items() if other is call]:
                del self._latest[key]
            self.refused += call.error is not None
            self._changed.notify_all()
