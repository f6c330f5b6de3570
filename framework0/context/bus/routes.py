"""Who is told about a topic: patterns matched once per topic, the answer remembered.

A publisher looks its topic up in a dictionary and finds tuples that nobody ever changes; it takes no
lock. Who comes or goes takes the lock, and throws away the answers that are no longer true.
"""

from __future__ import annotations

from threading import Lock
from typing import Generic, TypeVar

from framework0.context.patterns import check_key, matcher
from framework0.errors import BusClosed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

Target = TypeVar("Target")
Route = TypeVar("Route")

REMEMBERED_TOPICS: Final = 10_000
"""Topics whose routes are remembered: some MB. A program that makes topics up without end has all
of them matched anew now and then, instead of having all memory."""


class Routes(Generic[Target, Route]):
    """Targets by pattern. ``known`` maps topics to routes; a missing one is found by :meth:`find`.

    ``shape`` makes a route of the targets of a topic, which come in the order of their arrival.
    """

    def __init__(self, shape: Callable[[list[Target]], Route]) -> None:
        self.known: dict[str, Route] = {}
        self._shape = shape
        self._lock = Lock()
        self._exact: dict[str, dict[int, Target]] = {}
        self._patterns: dict[int, tuple[Callable[[str], bool], Target]] = {}
        self._arrived = 0
        self._closed = False

    def add(self, pattern: str, target: Target) -> Callable[[], None]:
        """Have ``target`` told about topics that match; return what undoes it.

        Raises ContextError for what is no pattern, BusClosed after :meth:`close`.
        """
        matches = matcher(pattern)
        if "*" not in pattern:
            check_key(pattern)
        with self._lock:
            if self._closed:
                raise BusClosed("the bus is closed: nothing is told any more")
            self._arrived += 1
            number = self._arrived
            if "*" in pattern:
                self._patterns[number] = (matches, target)
                self.known = {}
            else:
                self._exact.setdefault(pattern, {})[number] = target
                self.known.pop(pattern, None)

        def undo() -> None:
            self._remove(pattern, number)

        return undo

    def find(self, topic: str) -> Route:
        """Return the route of a topic and remember it.

        Raises ContextError when it is no topic, BusClosed after :meth:`close`.
        """
        topic = check_key(topic)
        with self._lock:
            if self._closed:
                raise BusClosed(f"the bus is closed: nobody is told about {topic!r} any more")
            found = dict(self._exact.get(topic, ()))
            for number, (matches, target) in self._patterns.items():
                if matches(topic):
                    found[number] = target
            route = self._shape([found[number] for number in sorted(found)])
            if len(self.known) >= REMEMBERED_TOPICS:
                self.known = {}
            self.known[topic] = route
            return route

    def everybody(self) -> tuple[Target, ...]:
        """Return all targets, as they are now."""
        with self._lock:
            exact = [target for targets in self._exact.values() for target in targets.values()]
            return (*exact, *(target for _, target in self._patterns.values()))

    def close(self) -> None:
        """Forget everybody; nothing is found from now on."""
        with self._lock:
            self._closed = True
            self._exact.clear()
            self._patterns.clear()
            self.known = {}

    def _remove(self, pattern: str, number: int) -> None:
        with self._lock:
            if self._patterns.pop(number, None) is not None:
                self.known = {}
                return
            targets = self._exact.get(pattern, {})
            if targets.pop(number, None) is not None and not targets:
                del self._exact[pattern]
            self.known.pop(pattern, None)
