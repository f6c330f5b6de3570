"""The contexts of one server: each namespace is a store of its own, made by its first write."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from framework0.context import MemoryStore
from framework0.errors import Framework0Error, UsageError
from framework0.server.commits import Commits
from framework0.server.feed import Feed
from framework0.server.freshness import Freshness
from framework0.server.limits import ASKERS, OLD_SECONDS, READERS
from framework0.server.requests import Refused
from framework0.workspace import is_id

TYPE_CHECKING = False
if TYPE_CHECKING:
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
        *,
        alone: Callable[[], bool],
        store: Store | None = None,
        clustered: bool = False,
    ) -> None:
        """Begin with ``store``, or what ``opened`` returns; ``clustered`` if other servers share it."""
        self.name = name
        self._opened = opened
        self.store: Any = opened() if store is None else store
        self._loop = loop
        self._readers = readers
        in_memory = isinstance(self.store, MemoryStore)
        # What is in memory answers at once, this server's copy of a cluster's context too: a
        # thread would only be slower. Naming a version there waits for a majority.
        self._reads_in_threads = not in_memory and not clustered
        self._asks_in_threads = not in_memory
        self.freshness = Freshness(self._refresh, loop) if clustered else None
        self.feed = Feed(self.store, loop)
        self.commits = Commits(
            lambda: self.store,
            self._renew,
            loop,
            self.feed,
            alone=alone,
            threaded=not in_memory,
            name=f"namespace {name}",
        )
        # Who is connected by a socket or a stream: their descriptions, by identity.
        self.present: dict[object, dict[str, Any]] = {}

    def _refresh(self) -> None:
        self.store.refresh()

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
        if not self._reads_in_threads:
            return function(*arguments)
        return await self._loop.run_in_executor(self._readers, function, *arguments)

    async def ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Do as :meth:`read` with what changes something and so may wait for a cluster."""
        if not self._asks_in_threads:
            return function(*arguments)
        return await self._loop.run_in_executor(self._readers, function, *arguments)

    def read_then(
        self, function: Callable[[], Any], done: Callable[[Any], None], *, asks: bool = False
    ) -> None:
        """Call ``function``, which does not raise, as :meth:`read` or :meth:`ask` do, then ``done``."""
        if not (self._asks_in_threads if asks else self._reads_in_threads):
            done(function())
            return
        future = self._loop.run_in_executor(self._readers, function)
        future.add_done_callback(lambda done_future: done(done_future.result()))

    def as_of(self) -> float | None:
        """Return when, by the monotonic clock, what is read here was last known to be everything.

        None for a store that has always everything. When that is long ago, the cluster is asked.
        """
        if self.freshness is None:
            return None
        behind: float = self.store.behind()
        if behind > OLD_SECONDS:
            self.freshness.ask_soon()
        return time.monotonic() - behind

    def lacks(self, version: int | None) -> bool:
        """Whether this server has not heard of ``version`` yet, which another one may have told."""
        if version is None or self.freshness is None:
            return False
        return bool(self.store.version() < version)

    async def reach(self, version: int | None) -> None:
        """Ask the cluster if this server has not heard of ``version``: nobody goes back in time."""
        if self.lacks(version) and self.freshness is not None:
            await self.freshness.asked()

    def close(self) -> None:
        """End it; what was committed is kept."""
        self.commits.close()
        self.feed.close()
        self.store.close()
        if self.freshness is not None:
            self.freshness.close()


class Namespaces:
    """All namespaces; at most ``most`` of them."""

    def __init__(
        self,
        stores: Stores,
        loop: asyncio.AbstractEventLoop,
        most: int,
        alone: Callable[[], bool] = lambda: False,
    ) -> None:
        """Open what is there; ``alone`` tells whether the server has but one client."""
        self._stores = stores
        self._alone = alone
        self._loop = loop
        self._most = most
        # Opening a context on a cluster must not wait for those who name versions there.
        self._askers = ThreadPoolExecutor(ASKERS, "cluster")
        self._readers = ThreadPoolExecutor(READERS, "context readers")
        self._open: dict[str, Namespace] = {}
        self._opening: dict[str, asyncio.Task[Namespace]] = {}
        for name in (DEFAULT, *stores.names()):
            if name not in self._open:
                self._add(name)

    def __iter__(self) -> Iterator[Namespace]:
        return iter(list(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, name: str) -> Namespace | None:
        """Return the namespace of that name if it is open here."""
        return self._open.get(name)

    async def find(self, name: str) -> Namespace:
        """Return the namespace of that name; refuse (404) when nothing was written to it yet."""
        found = self._open.get(name)
        if found is not None:
            return found
        self._check_name(name)
        if self._stores.clustered and await self._loop.run_in_executor(
            self._askers, self._stores.exists, name
        ):
            return await self._open_on_cluster(name)
        raise Refused(404, "namespace", f"there is no context {name!r}: its first write makes it")

    async def find_or_make(self, name: str) -> Namespace:
        """Return the namespace of that name, made now if it is new; refuse one too many."""
        found = self._open.get(name)
        if found is not None:
            return found
        self._check_name(name)
        if self._stores.clustered:
            return await self._open_on_cluster(name)
        self._check_room()
        return self._add(name)

    async def drained(self) -> None:
        """Wait until every write that was taken is durable."""
        for namespace in self:
            await namespace.commits.drained()

    def close(self) -> None:
        """Close every store."""
        for opening in self._opening.values():
            opening.cancel()
        for namespace in self:
            namespace.close()
        self._open.clear()
        self._readers.shutdown()
        self._askers.shutdown(wait=False, cancel_futures=True)

    def _add(self, name: str, store: Store | None = None) -> Namespace:
        made = Namespace(
            name,
            partial(self._stores.open, name),
            self._loop,
            self._readers,
            # A cluster may keep a write waiting for seconds: nobody is alone with it.
            alone=lambda: self._alone() and not self._stores.clustered,
            store=store,
            clustered=self._stores.clustered,
        )
        self._open[name] = made
        return made

    async def _open_on_cluster(self, name: str) -> Namespace:
        """Open a namespace in a thread; whoever asks for it meanwhile gets the same one."""
        opening = self._opening.get(name)
        if opening is None:
            self._check_room()
            opening = self._loop.create_task(self._opened_in_thread(name))
            self._opening[name] = opening
            # Should everybody who waits for it be gone, its trouble is nobody's.
            opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(opening)

    async def _opened_in_thread(self, name: str) -> Namespace:
        try:
            store = await self._loop.run_in_executor(self._askers, self._stores.open, name)
            return self._add(name, store)
        finally:
            self._opening.pop(name, None)

    def _check_room(self) -> None:
        if len(self._open) + len(self._opening) >= self._most:
            raise Refused(
                409,
                "namespaces",
                f"there are {self._most} contexts already: this server holds no more",
            )

    def _check_name(self, name: str) -> None:
        if not is_id(name):
            raise Refused(
                400,
                "namespace",
                "a context's name has letters, digits, `.`, `_` and `-` (at most 100)",
            )
        try:
            self._stores.check_name(name)
        except UsageError as error:
            raise Refused(400, "namespace", str(error)) from None
