"""The shared context: a map of keys to JSON values with one total order of changes."""

from __future__ import annotations

from threading import Lock
from time import time

from framework0.context.change import Author
from framework0.context.limits import PENDING_CHANGES, VALUE_LIMITS
from framework0.context.memory import MemoryStore
from framework0.context.view import ContextView
from framework0.context.writing import Writing
from framework0.errors import ContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from framework0.context.change import Change, Store, Write
    from framework0.context.dispatcher import Dispatcher
    from framework0.context.limits import ValueLimits
    from framework0.context.reading import Moment
    from framework0.context.remote.store import RemoteStore
    from framework0.context.snapshot import Snapshot
    from framework0.context.subscriptions import Subscription
    from framework0.context.values import Hold

# How long close() waits for subscribers to be told about what was written before it.
CLOSE_SECONDS = 5.0
# How long a call waits for a server's answer.
ANSWER_SECONDS = 10.0
# Two threads that subscribe first must not start two dispatchers.
_first_subscription = Lock()


class Context(Writing):
    """A map of keys to JSON values in which nothing is forgotten that can still be told.

        context = Context()
        context.set("report.rows", 120)
        context.get("report.rows")

    Every change has a version, an author and what it replaced. All calls may come from any thread.
    ``store`` is where the changes live (memory when left out), ``who`` signs what is written here;
    steps write through :meth:`view`.
    """

    __slots__ = ("__weakref__", "_dispatcher", "origin")

    def __init__(
        self,
        store: Store | None = None,
        *,
        who: str = "user",
        limits: ValueLimits = VALUE_LIMITS,
    ) -> None:
        store = MemoryStore() if store is None else store
        super().__init__(store, limits)
        self._author = Author(who)
        if type(store) is MemoryStore:
            self._put = store.put
        self._dispatcher: Dispatcher | None = None
        # Of a fork: what it began with.
        self.origin: Snapshot | None = None

    @classmethod
    def private(cls) -> Self:
        """Return the context of one run: its values end with the run, and none by itself before."""
        return cls(MemoryStore(ttl=False))

    def connect_to_server(
        self,
        url: str,
        *,
        token: str | None = None,
        namespace: str | None = None,
        while_away: str = "wait",
        timeout: float = ANSWER_SECONDS,
        ca: str | None = None,
    ) -> RemoteStore:
        """Let this context be the one of a server from now on, for instance ``ws://localhost:8765``.

        It connects in the background; the arguments, and how it is when the server is away, are those
        of :class:`~framework0.context.remote.store.RemoteStore`, which is returned. Raises
        ContextError when something was written or subscribed to here before.
        """
        from framework0.context.remote.store import RemoteStore

        if self._dispatcher is not None or self._store.version():
            raise ContextError(
                "this context has changes or subscriptions of its own: connect a new one, then "
                "write and subscribe"
            )
        store = RemoteStore(
            url, token=token, namespace=namespace, while_away=while_away, timeout=timeout, ca=ca
        )
        before, self._store = self._store, store
        self._entry, self._put = store.get, None
        before.close()
        return store

    def __repr__(self) -> str:
        return f"Context({len(self)} keys, version={self.version})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # An unfinished constructor leaves no dispatcher; a forgotten context ends its thread.
        dispatcher = getattr(self, "_dispatcher", None)
        if dispatcher is not None:
            dispatcher.stop()

    def view(
        self, author: Author, on_change: Callable[[Change], object] | None = None
    ) -> ContextView:
        """Return this context as one step's attempt sees it: its writes signed by ``author``.

        ``on_change`` is called with each of its changes, in the writing thread, right after it
        happened; it must be quick and must not change the values.
        """
        return ContextView(self, self._store, self._limits, author, on_change, self._hold)

    def keep_with(self, hold: Hold) -> None:
        """Have what is not JSON kept by ``hold``, which returns a reference or None, from now on.

        Only in a context of this process: what others share must not refer to files of one run.
        """
        if isinstance(self._store, MemoryStore):
            self._hold = hold

    def subscribe(
        self,
        pattern: str,
        callback: Callable[[Change], object],
        *,
        since: int | None = None,
        overflow: str = "conflate",
        limit: int = PENDING_CHANGES,
    ) -> Subscription:
        """Call ``callback`` with every :class:`Change` whose key matches ``pattern``, in order.

        Calls come from one thread of this context, after the change has happened; what they raise
        is logged. The value returned ends the subscription when it is called.

        With ``since``, the kept changes after that version come first: a watch is taken up again
        without a gap, or HistoryTrimmed is raised. When more than ``limit`` changes wait for a slow
        callback, ``overflow`` decides: ``"conflate"`` keeps the newest of each key,
        ``"drop_oldest"`` the newest of all, ``"block"`` makes writers wait.
        """
        if self._dispatcher is None:
            from framework0.context.dispatcher import Dispatcher

            with _first_subscription:
                if self._dispatcher is None:
                    self._dispatcher = Dispatcher(self._store)
                    self._put = None
        return self._dispatcher.subscribe(pattern, callback, overflow, limit, since)

    def tag(self, name: str, moment: Moment | None = None, *, move: bool = False) -> int:
        """Name the version of ``moment`` (see :meth:`at`; left out: the latest) and return it.

        What the context held then is kept for as long as the tag is. A name that stands for another
        version is refused unless ``move`` says that it shall stand for this one.
        """
        version = self._store.version() if moment is None else self._version_of(moment)
        self._store.tag(name, version, move=move)
        return version

    def untag(self, name: str) -> bool:
        """Forget a tag; False when there is none of that name."""
        return self._store.untag(name)

    def fork(
        self, moment: Moment | None = None, store: Store | None = None, *, who: str | None = None
    ) -> Context:
        """Return a new context that begins as this one was at ``moment`` (left out: as it is).

        It has the changes that are kept until then, with their versions and authors, and lives in
        ``store``, which must be empty (memory when left out); from there on both go their own ways.
        :meth:`merge` brings what it changed back.
        """
        from framework0.context.forking import forked

        version = self._store.version() if moment is None else self._version_of(moment)
        return forked(self._store, version, store, who or self._author.who, self._limits)

    def load(self, changes: Iterable[Change]) -> None:
        """Take over changes that happened elsewhere (a run's journal), oldest first.

        Their versions must follow this context's. ``old`` and ``previous`` become what is true
        here: a change that was never acknowledged is missing from a journal.
        """
        self._store.load(changes)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until subscribers were told everything written before this call.

        Returns False when ``timeout`` seconds were not enough.
        """
        return self._dispatcher is None or self._dispatcher.flush(timeout)

    def close(self, timeout: float | None = CLOSE_SECONDS) -> None:
        """Tell subscribers what is left, end every subscription and release the store.

        Waits up to ``timeout`` seconds for callbacks that are going on. Reading goes on to work;
        writing raises ContextError. Closing again is harmless.
        """
        self._store.close()
        if self._dispatcher is not None:
            self._dispatcher.stop(timeout)
            self._dispatcher.drop_all()

    def write_as(
        self,
        author: Author,
        writes: Sequence[Write],
        expected: Mapping[str, int] | None = None,
        expected_version: int | None = None,
    ) -> tuple[Change, ...]:
        """Make ``writes`` (values frozen) in ``author``'s name; views are built on this."""
        changes = self._store.apply(writes, author, time(), expected, expected_version)
        if self._dispatcher is not None:
            self._dispatcher.hold_back()
        return changes

    def _write(
        self,
        writes: Sequence[Write],
        expected: Mapping[str, int] | None = None,
        expected_version: int | None = None,
    ) -> tuple[Change, ...]:
        # The same as write_as(), without the call: it is what every write of a program passes through.
        changes = self._store.apply(writes, self._author, time(), expected, expected_version)
        if self._dispatcher is not None:
            self._dispatcher.hold_back()
        return changes
