"""Waiting until a context holds what somebody waits for."""

from __future__ import annotations

from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any

from framework0.context.patterns import check_key, matcher
from framework0.errors import ContextError, WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from framework0.context.change import Change, Store
    from framework0.context.reading import Reading


class Waiter:
    """Listens for changes that matter to a question, and for the end of the store."""

    def __init__(self, what: str, matches: Callable[[str], bool] | None) -> None:
        self.what = what
        self.changed = Event()
        self.closed = False
        self._matches = matches

    def listen(self, changes: Sequence[Change]) -> None:
        """Take note of what a store tells; an empty sequence is its end."""
        if not changes:
            self.closed = True
        elif self._matches is not None and not any(map(self._matches, (c.key for c in changes))):
            return
        self.changed.set()

    def wait(self, seconds: float | None) -> bool:
        """Wait for the next change; False when ``seconds`` were not enough."""
        if self.closed:
            raise ContextError(f"the context was closed while waiting for {self.what}")
        return self.changed.wait(seconds)


def wait_for(
    reading: Reading,
    store: Store,
    what: str | Callable[[Reading], Any],
    timeout: float | None,
) -> Any:
    """Wait for a key, a pattern or a condition; see :meth:`Reading.wait_for`."""
    if callable(what):
        waiter = Waiter("the condition", None)
        return _waited(waiter, store, lambda: what(reading), timeout)
    if "*" in what:
        waiter = Waiter(f"a context key like {what!r}", matcher(what))
        return _waited(waiter, store, lambda: dict(reading.items(what)), timeout)
    waiter = Waiter(f"the context key {what!r}", check_key(what).__eq__)
    # In a tuple of one: a value of None, 0 or [] is present too.
    return _waited(waiter, store, lambda: _present(reading, what), timeout)[0]


def _present(reading: Reading, key: str) -> tuple[Any] | None:
    try:
        return (reading[key],)
    except KeyError:
        return None


def _waited(waiter: Waiter, store: Store, answer: Callable[[], Any], timeout: float | None) -> Any:
    """Ask ``answer`` again after each change until it is true."""
    end = None if timeout is None else monotonic() + timeout
    unwatch = store.watch(waiter.listen)
    try:
        while True:
            waiter.changed.clear()
            if found := answer():
                return found
            if not waiter.wait(None if end is None else max(0.0, end - monotonic())):
                raise WaitTimeout(f"{waiter.what} did not come within {timeout:g} seconds")
    finally:
        unwatch()
