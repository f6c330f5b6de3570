"""What waits for one subscriber: three bounded queues, one per answer to "what if it is full?".

The context's subscriptions keep changes in them, the inboxes of a bus messages.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from operator import attrgetter

from framework0.errors import ContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any, Final, Protocol

    KeyOf = Callable[[Any], Hashable]
else:
    Protocol = object

CONFLATE = "conflate"
DROP_OLDEST = "drop_oldest"
BLOCK = "block"


class Queue(Protocol):
    """Items in the order they came. Its user holds a lock around every call."""

    def put(self, item: Any) -> int:
        """Add an item and return how many older ones were given up for it."""

    def take(self, count: int) -> list[Any]:
        """Remove and return up to ``count`` of the oldest."""

    def pop(self) -> Any:
        """Remove and return the oldest; raises IndexError when there is none."""

    def __len__(self) -> int:
        """Return how many wait."""

    def full(self) -> bool:
        """Whether writers should wait before they go on."""


class DroppingQueue:
    """Gives up the oldest items: what arrives last matters most."""

    def __init__(self, limit: int, key_of: KeyOf) -> None:
        # Only conflation asks what an item is about.
        del key_of
        self._limit = limit
        self._waiting: deque[Any] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, item: Any) -> int:
        """Add an item; drop the oldest when there are too many."""
        self._waiting.append(item)
        if len(self._waiting) <= self._limit:
            return 0
        self._waiting.popleft()
        return 1

    def take(self, count: int) -> list[Any]:
        """Remove and return up to ``count`` of the oldest."""
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(count, len(waiting)))]

    def pop(self) -> Any:
        """Remove and return the oldest; raises IndexError when there is none."""
        return self._waiting.popleft()

    def full(self) -> bool:
        """Never: writers do not wait."""
        return False


class ConflatingQueue:
    """When full, keeps only the newest item of each key: every key's latest state arrives.

    Should more keys than the limit be waiting, the oldest are given up all the same. Once the
    subscriber has caught up, every item is kept again.
    """

    def __init__(self, limit: int, key_of: KeyOf) -> None:
        self._limit = limit
        self._key_of = key_of
        self._all: deque[Any] = deque()
        self._newest: OrderedDict[Hashable, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._all) or len(self._newest)

    def put(self, item: Any) -> int:
        """Add an item; from the limit on, it replaces an older one of the same key."""
        if not self._newest:
            self._all.append(item)
            if len(self._all) <= self._limit:
                return 0
            before = len(self._all)
            for waiting in self._all:
                self._keep(waiting)
            self._all.clear()
            return before - len(self._newest) + self._drop()
        before = len(self._newest) + 1
        self._keep(item)
        return before - len(self._newest) + self._drop()

    def take(self, count: int) -> list[Any]:
        """Remove and return up to ``count`` of the oldest."""
        if self._newest:
            number = min(count, len(self._newest))
            return [self._newest.popitem(last=False)[1] for _ in range(number)]
        return [self._all.popleft() for _ in range(min(count, len(self._all)))]

    def pop(self) -> Any:
        """Remove and return the oldest; raises IndexError when there is none."""
        if self._newest:
            return self._newest.popitem(last=False)[1]
        return self._all.popleft()

    def full(self) -> bool:
        """Never: writers do not wait."""
        return False

    def _keep(self, item: Any) -> None:
        key = self._key_of(item)
        self._newest[key] = item
        self._newest.move_to_end(key)

    def _drop(self) -> int:
        if len(self._newest) <= self._limit:
            return 0
        self._newest.popitem(last=False)
        return 1


class BlockingQueue(DroppingQueue):
    """Gives up nothing: who writes waits until there is room again."""

    def put(self, item: Any) -> int:
        """Add an item; one transaction may exceed the limit, its writer waits afterward."""
        self._waiting.append(item)
        return 0

    def full(self) -> bool:
        """Whether more wait than the limit allows."""
        return len(self._waiting) > self._limit


_KEY_OF_CHANGE: Final = attrgetter("key")
_QUEUES: dict[str, type[DroppingQueue | ConflatingQueue]] = {
    CONFLATE: ConflatingQueue,
    DROP_OLDEST: DroppingQueue,
    BLOCK: BlockingQueue,
}


def make_queue(overflow: str, limit: int, key_of: KeyOf = _KEY_OF_CHANGE) -> Queue:
    """Return the queue for an overflow policy; raises ContextError for an unknown one."""
    kind = _QUEUES.get(overflow)
    if kind is None:
        raise ContextError(f"overflow is one of {', '.join(sorted(_QUEUES))}, not {overflow!r}")
    if limit < 1:
        raise ContextError(f"a subscriber's queue holds at least one, not {limit}")
    return kind(limit, key_of)
