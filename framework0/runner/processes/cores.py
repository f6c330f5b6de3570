"""Which processor cores a step may use: those that the fewest limited steps of this run use."""

from __future__ import annotations

import os
from threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Cores:
    """Hands out cores of ``available``. Thread-safe.

    Other runs hand out theirs without knowing of ours, so each begins at another core, by its
    process id. A step that wants more cores than there are gets all of them.
    """

    def __init__(self, available: Iterable[int] | None = None, first: int | None = None) -> None:
        cores = sorted(os.sched_getaffinity(0) if available is None else available)
        start = (os.getpid() if first is None else first) % len(cores)
        self._users = dict.fromkeys(cores[start:] + cores[:start], 0)
        self._lock = Lock()

    def take(self, count: int) -> list[int]:
        """Return ``count`` cores, the least used first."""
        with self._lock:
            taken = sorted(self._users, key=self._users.__getitem__)[:count]
            for core in taken:
                self._users[core] += 1
        return taken

    def give_back(self, cores: Iterable[int]) -> None:
        """Count ``cores`` as used by one step less."""
        with self._lock:
            for core in cores:
                self._users[core] -= 1
