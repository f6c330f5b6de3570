"""Telling subscribers about changes, off the writer's thread.

The store offers each change to each subscription in version order, under its lock; that only puts
the change into the subscription's queue. One daemon thread per context, started with its first
subscription, takes from the queues and calls the callbacks. So a subscriber sees its changes in
version order, a slow callback delays other callbacks but never a writer (unless it asked for
``block``), and a failing one is logged and hurts nobody.
"""

from __future__ import annotations

import atexit
from collections import deque
from functools import partial
from threading import Condition, Lock, Thread, current_thread

from framework0.context.queues import BLOCK
from framework0.context.subscriptions import Subscription
from framework0.errors import ContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from framework0.context.change import Change, Store

# Changes handed to one callback before the next subscription gets its turn.
_TURN = 100
# At the interpreter's end, what still waits gets this many seconds to be delivered.
_EXIT_SECONDS = 1.0


class Dispatcher:
    """The subscriptions of one context and the thread that serves them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        # Two reasons to wait on one lock: the thread for work, others for its progress.
        self._work = Condition(self._lock)
        self._progress = Condition(self._lock)
        self._ready: deque[Subscription] = deque()
        self._subscriptions: list[Subscription] = []
        self._blocking = 0
        self._thread: Thread | None = None
        self._stopped = False

    def subscribe(
        self,
        pattern: str,
        callback: Callable[[Change], object],
        overflow: str,
        limit: int,
        since: int | None,
    ) -> Subscription:
        """Begin to tell ``callback`` about changes; see :meth:`Context.subscribe`."""
        subscription = Subscription(pattern, callback, overflow, limit)
        with self._lock:
            if self._stopped:
                raise ContextError("the context is closed: subscribe before close()")
            self._subscriptions.append(subscription)
            self._blocking += overflow == BLOCK
        subscription.at_end(partial(self._remove, subscription, overflow))
        try:
            unwatch = self._store.watch(partial(self._offer, subscription), since)
        except ContextError:
            subscription()
            raise
        subscription.at_end(unwatch)
        self._start()
        return subscription

    def flush(self, timeout: float | None) -> bool:
        """Wait until what was offered before this call is delivered; False if time ran out."""
        if current_thread() is self._thread:
            raise ContextError("a subscriber cannot wait for its own delivery: flush elsewhere")
        with self._lock:
            targets = [(each, each.offered) for each in self._subscriptions]
            return self._progress.wait_for(
                lambda: all(each.done >= target or not each.active for each, target in targets),
                timeout,
            )

    def hold_back(self) -> None:
        """Wait while a subscriber that asked for ``block`` has too much waiting."""
        # A callback that writes must not wait for itself.
        if not self._blocking or current_thread() is self._thread:
            return
        with self._lock:
            self._progress.wait_for(
                lambda: self._stopped or not any(each.full() for each in self._subscriptions)
            )

    def stop(self, timeout: float | None = 0.0) -> None:
        """Deliver what waits, for up to ``timeout`` seconds, then end. Harmless when repeated."""
        atexit.unregister(self.stop)
        with self._lock:
            self._stopped = True
            self._work.notify_all()
            self._progress.notify_all()
            thread = self._thread
        if thread is not None and thread is not current_thread():
            thread.join(timeout)

    def drop_all(self) -> None:
        """End every subscription."""
        with self._lock:
            subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            subscription()

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            # Daemon: a subscription alone must not keep the process alive.
            self._thread = Thread(target=self._run, name="framework0-context", daemon=True)
            self._thread.start()
        atexit.register(self.stop, _EXIT_SECONDS)

    def _offer(self, subscription: Subscription, changes: Sequence[Change]) -> None:
        matching = subscription.matching(changes)
        if not matching:
            return
        with self._lock:
            subscription.put(matching)
            if not subscription.queued:
                subscription.queued = True
                self._ready.append(subscription)
                self._work.notify()

    def _remove(self, subscription: Subscription, overflow: str) -> None:
        with self._lock:
            self._subscriptions.remove(subscription)
            self._blocking -= overflow == BLOCK
            self._progress.notify_all()

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._ready:
                    if self._stopped:
                        return
                    self._work.wait()
                subscription = self._ready.popleft()
                batch = subscription.take(_TURN)
            subscription.deliver(batch)
            with self._lock:
                subscription.done = batch[-1].version
                if subscription.waiting():
                    self._ready.append(subscription)
                else:
                    subscription.queued = False
                self._progress.notify_all()
