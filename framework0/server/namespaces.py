"""The contexts of one server: each namespace is a store of its own, made by its first write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from framework0.context import MemoryStore
from framework0.errors import Framework0Error
from framework0.server.commits import Commits
from framework0.server.feed import Feed
from framework0.server.limits import READERS
from framework0.server.requests import Refused
from framework0.workspace import is_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from typing import Any, Final

    from framework0.context import Store
    from framework0.server.stores import Stores

DEFAULT: Final = "default"


class Namespace:
    """One context of the server: its store, its writes, its subscribers and who is connected."""

    def __init__(
        self,
        name: str,
        opened: Callable[[], Store],
        loop: asyncio.AbstractEventLoop,
        readers: ThreadPoolExecutor,
    ) -> None:
        self.name = name
        self._opened = opened
        self.store = store = opened()
        self._loop = loop
        self._readers = readers
        # A store in memory answers at once: a thread would only be slower.
        self.threaded = not isinstance(store, MemoryStore)
        self.feed = Feed(store, loop)
        self.commits = Commits(
            lambda: self.store,
            self._renew,
            loop,
            self.feed,
            threaded=self.threaded,
            name=f"namespace {name}",
        )
        # Who is connected by a socket or a stream: their descriptions, by identity.
        self.present: dict[object, dict[str, Any]] = {}

    def _renew(self) -> None:
        """Open the store anew, in the thread of its commits; whoever follows it goes on."""
        fresh = self._opened()
        old, self.store = self.store, fresh
        self.feed.follow(fresh)
        # What is wrong with it has been told by the commit that failed.
        with suppress(Framework0Error):
            old.close()

    async def read(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call ``function`` where a slow disk holds up nobody, and return what it returns."""
        if not self.threaded:
            return function(*arguments)
        return await self._loop.run_in_executor(self._readers, function, *arguments)

    def read_then(self, function: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Call ``function``, which does not raise, as :meth:`read` does, and ``done`` in the loop."""
        if not self.threaded:
            done(function())
            return
        future = self._loop.run_in_executor(self._readers, function)
        future.add_done_callback(lambda done_future: done(done_future.result()))

    def close(self) -> None:
        """End it; what was committed is kept."""
        self.commits.close()
        self.feed.close()
        self.store.close()


class Namespaces:
    """All namespaces; at most ``most`` of them."""

    def __init__(self, stores: Stores, loop: asyncio.AbstractEventLoop, most: int) -> None:
        self._stores = stores
        self._loop = loop
        self._most = most
        self._readers = ThreadPoolExecutor(READERS, "context readers")
        self._open: dict[str, Namespace] = {}
        for name in (DEFAULT, *stores.names()):
            if name not in self._open:
                self._add(name)

    def __iter__(self) -> Iterator[Namespace]:
        return iter(list(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)

    def find(self, name: str) -> Namespace:
        """Return the namespace of that name; refuse (404) when nothing was written to it yet."""
        found = self._open.get(name)
        if found is None:
            self._check_name(name)
            raise Refused(
                404, "namespace", f"there is no context {name!r}: its first write makes it"
            )
        return found

    def find_or_make(self, name: str) -> Namespace:
        """Return the namespace of that name, made now if it is new; refuse one too many."""
        found = self._open.get(name)
        if found is not None:
            return found
        self._check_name(name)
        if len(self._open) >= self._most:
            raise Refused(
                409,
                "namespaces",
                f"there are {self._most} contexts already: this server holds no more",
            )
        return self._add(name)

    async def drained(self) -> None:
        """Wait until every write that was taken is durable."""
        for namespace in self:
            await namespace.commits.drained()

    def close(self) -> None:
        """Close every store."""
        for namespace in self:
            namespace.close()
        self._open.clear()
        self._readers.shutdown()

    def _add(self, name: str) -> Namespace:
        made = Namespace(name, partial(self._stores.open, name), self._loop, self._readers)
        self._open[name] = made
        return made

    @staticmethod
    def _check_name(name: str) -> None:
        if not is_id(name):
            raise Refused(
                400,
                "namespace",
                "a context's name has letters, digits, `.`, `_` and `-` (at most 100)",
            )
