"""What waits for one subscriber: three bounded queues, one per answer to "what if it is full?"."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Protocol

from framework0.errors import ContextError

if TYPE_CHECKING:
    from framework0.context.change import Change

CONFLATE = "conflate"
DROP_OLDEST = "drop_oldest"
BLOCK = "block"


class Queue(Protocol):
    """Changes in version order. Its user holds a lock around every call."""

    def put(self, change: Change) -> int:
        """Add a change and return how many older ones were given up for it."""

    def take(self, count: int) -> list[Change]:
        """Remove and return up to ``count`` of the oldest."""

    def __len__(self) -> int:
        """Return how many wait."""

    def full(self) -> bool:
        """Whether writers should wait before they go on."""


class DroppingQueue:
    """Gives up the oldest changes: what arrives last matters most."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Change] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, change: Change) -> int:
        """Add a change; drop the oldest when there are too many."""
        self._waiting.append(change)
        if len(self._waiting) <= self._limit:
            return 0
        self._waiting.popleft()
        return 1

    def take(self, count: int) -> list[Change]:
        """Remove and return up to ``count`` of the oldest."""
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(count, len(waiting)))]

    def full(self) -> bool:
        """Never: writers do not wait."""
        return False


class ConflatingQueue:
    """When full, keeps only the newest change of each key: every key's latest state arrives.

    Should more keys than the limit be waiting, the oldest are given up all the same. Once the
    subscriber has caught up, every change is kept again.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._all: deque[Change] = deque()
        self._newest: OrderedDict[str, Change] = OrderedDict()

    def __len__(self) -> int:
        return len(self._all) or len(self._newest)

    def put(self, change: Change) -> int:
        """Add a change; from the limit on, it replaces an older one of the same key."""
        if not self._newest:
            self._all.append(change)
            if len(self._all) <= self._limit:
                return 0
            before = len(self._all)
            for waiting in self._all:
                self._keep(waiting)
            self._all.clear()
            return before - len(self._newest) + self._drop()
        before = len(self._newest) + 1
        self._keep(change)
        return before - len(self._newest) + self._drop()

    def take(self, count: int) -> list[Change]:
        """Remove and return up to ``count`` of the oldest."""
        if self._newest:
            number = min(count, len(self._newest))
            return [self._newest.popitem(last=False)[1] for _ in range(number)]
        return [self._all.popleft() for _ in range(min(count, len(self._all)))]

    def full(self) -> bool:
        """Never: writers do not wait."""
        return False

    def _keep(self, change: Change) -> None:
        self._newest[change.key] = change
        self._newest.move_to_end(change.key)

    def _drop(self) -> int:
        if len(self._newest) <= self._limit:
            return 0
        self._newest.popitem(last=False)
        return 1


class BlockingQueue(DroppingQueue):
    """Gives up nothing: who writes waits until there is room again."""

    def put(self, change: Change) -> int:
        """Add a change; one transaction may exceed the limit, its writer waits afterward."""
        self._waiting.append(change)
        return 0

    def full(self) -> bool:
        """Whether more wait than the limit allows."""
        return len(self._waiting) > self._limit


_QUEUES: dict[str, type[DroppingQueue | ConflatingQueue]] = {
    CONFLATE: ConflatingQueue,
    DROP_OLDEST: DroppingQueue,
    BLOCK: BlockingQueue,
}


def make_queue(overflow: str, limit: int) -> Queue:
    """Return the queue for an overflow policy; raises ContextError for an unknown one."""
    kind = _QUEUES.get(overflow)
    if kind is None:
        raise ContextError(f"overflow is one of {', '.join(sorted(_QUEUES))}, not {overflow!r}")
    if limit < 1:
        raise ContextError(f"a subscription holds at least one change, not {limit}")
    return kind(limit)
