"""Pools in memory: slots that runs of one process share, with the same turns as the real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class FakePools:
    """Implements :class:`framework0.runner.Pools`; ``sizes`` is how many slots each pool has.

    :meth:`another` is what a second run of the same workspace would have. ``most`` is how many slots
    of each pool were ever held at once.
    """

    def __init__(self, sizes: Mapping[str, int], run_id: str = "one") -> None:
        self.sizes = dict(sizes)
        self.run_id = run_id
        self.used: dict[str, list[str]] = {pool: [] for pool in sizes}
        self.most: dict[str, int] = dict.fromkeys(sizes, 0)
        self.queues: dict[str, list[FakePools]] = {pool: [] for pool in sizes}
        self._held: dict[int, tuple[str, int]] = {}

    def another(self, run_id: str) -> FakePools:
        """Return the pools as another run sees them."""
        other = FakePools(self.sizes, run_id)
        other.used, other.most, other.queues = self.used, self.most, self.queues
        return other

    # Who asks is of no interest here.
    def take(self, node: int, pool: str, slots: int, step: str) -> bool:  # noqa: ARG002
        """Hold ``slots`` slots for ``node`` unless others came before or too few are free."""
        queue, used = self.queues[pool], self.used[pool]
        is_first = not queue or queue[0] is self
        if not is_first or len(used) + slots > self.sizes[pool]:
            if self not in queue:
                queue.append(self)
            return False
        used += [self.run_id] * slots
        self.most[pool] = max(self.most[pool], len(used))
        self._held[node] = (pool, slots)
        self.leave(pool)
        return True

    def give_back(self, node: int) -> None:
        """Free what ``node`` holds, if it holds anything."""
        pool, slots = self._held.pop(node, ("", 0))
        for _ in range(slots):
            self.used[pool].remove(self.run_id)

    def leave(self, pool: str) -> None:
        """Give up the place in the queue of ``pool``, if there is one."""
        if self in self.queues[pool]:
            self.queues[pool].remove(self)

    def told(self, pool: str) -> str:
        """Return how many slots are in use, and by whom."""
        used = self.used[pool]
        return f"pool {pool} ({len(used)} of {self.sizes[pool]} in use by {', '.join(used)})"

    def close(self) -> None:
        """Free everything."""
        for node in list(self._held):
            self.give_back(node)
        for pool in self.sizes:
            self.leave(pool)
