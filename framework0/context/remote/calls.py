"""Requests on their way, and the threads that wait for their answers.

A request stays here until it is answered or given up. After a cut, all that are still here are sent
again, in their order: reads because they change nothing, writes because each has a name by which
the server knows that it has done it already.
"""

from __future__ import annotations

from threading import Lock
from time import monotonic

from framework0.errors import ContextError, StoreUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Call:
    """One request: what it asks for, and its answer when there is one."""

    __slots__ = (
        "_done", "at_end", "error", "fields", "finished", "kept", "kind", "reply", "sent", "version",
    )  # fmt: skip

    def __init__(self, kind: str, fields: dict[str, Any]) -> None:
        self.kind = kind
        self.fields = fields
        self.reply: dict[str, Any] | None = None
        self.error: Exception | None = None
        self.sent = False
        self.finished = False
        # Whether nobody waits for it, and what is called at its end then.
        self.kept = False
        self.at_end: Callable[[Call], None] | None = None
        # What must be known here before the caller goes on; -1: what the answer says, 0: nothing.
        self.version = 0
        # Held until there is an answer; an event would cost three times as much.
        self._done = Lock()
        self._done.acquire()

    def wait(self, end: float) -> bool:
        """Wait for the answer until the monotonic clock shows ``end``."""
        return self._done.acquire(timeout=max(0.0, end - monotonic()))

    def finish(self) -> None:
        """Let the caller go on."""
        if self.finished:
            return
        self.finished = True
        self._done.release()
        if self.at_end is not None:
            self.at_end(self)

    def outcome(self) -> dict[str, Any]:
        """Return the fields of the answer, or raise what it was refused with."""
        if self.error is not None:
            raise self.error
        assert self.reply is not None
        return self.reply


class Calls:
    """All requests that have no answer yet, by id, in the order in which they were made."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: dict[int, Call] = {}
        # Answered, but what they did is not known here yet.
        self._behind: list[Call] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, identity: int, call: Call) -> None:
        """Take note of a request that was sent under ``identity``."""
        with self._lock:
            self._waiting[identity] = call

    def give_up(self, call: Call) -> None:
        """Forget a request whose caller waits no longer."""
        with self._lock:
            for identity, other in self._waiting.items():
                if other is call:
                    del self._waiting[identity]
                    break
            if call in self._behind:
                self._behind.remove(call)

    def take(self, identity: int) -> Call | None:
        """Return a request and forget it."""
        with self._lock:
            return self._waiting.pop(identity, None)

    def take_all(self) -> list[Call]:
        """Return all requests without an answer, oldest first, and begin anew: the line was cut."""
        with self._lock:
            calls = list(self._waiting.values())
            self._waiting.clear()
            return calls

    def answered(self, identity: int, reply: dict[str, Any], known: int) -> None:
        """Hand an answer to who waits; one that names a version later than ``known`` waits for it."""
        with self._lock:
            call = self._waiting.pop(identity, None)
            if call is None:
                return
            call.reply = reply
            version = reply.get("version")
            if call.version < 0 and type(version) is int and version > known:
                call.version = version
                self._behind.append(call)
                return
        call.finish()

    def refused(self, identity: int, refuse: Callable[[Call], Exception]) -> None:
        """Hand a refusal to who waits."""
        call = self.take(identity)
        if call is not None:
            call.error = refuse(call)
            call.finish()

    def known(self, version: int) -> None:
        """Let go on who waited for something up to ``version`` to be known here."""
        if not self._behind:
            return
        with self._lock:
            ready = [call for call in self._behind if call.version <= version]
            self._behind = [call for call in self._behind if call.version > version]
        for call in ready:
            call.finish()

    def end(self, reason: str) -> None:
        """Refuse everything that waits: the store was closed, or will never be let in."""
        with self._lock:
            calls = [*self._waiting.values(), *self._behind]
            self._waiting.clear()
            self._behind = []
        for call in calls:
            call.error = (
                StoreUnavailable(reason, happened=None) if call.sent else ContextError(reason)
            )
            call.finish()
