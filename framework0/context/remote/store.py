"""A context's store that lives on a server; see :class:`RemoteStore`."""

from __future__ import annotations

from os import getpid, urandom
from socket import gethostname
from time import monotonic

from framework0.context.change import Entry
from framework0.context.remote.address import read_address
from framework0.context.remote.calls import Call, Calls
from framework0.context.remote.limits import (
    CALL_SECONDS,
    CLOSE_SECONDS,
    LOAD_BYTES,
    LOAD_CHANGES,
    PAGE,
)
from framework0.context.remote.link import Link
from framework0.context.remote.replica import Replica
from framework0.context.remote.status import RemoteStatus
from framework0.context.remote.waiting import Waiting
from framework0.context.remote.writing import write_fields
from framework0.context.values import weigh
from framework0.context.wire.codec import Malformed
from framework0.context.wire.frames import full_change, read_full_change
from framework0.errors import ContextError, RefusedError, StoreUnavailable, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from framework0.context.change import Author, Change, Request, Undo, Write

    Listener = Callable[[Sequence[Change]], None]

WAIT, REFUSE, KEEP = "wait", "refuse", "keep"
WHILE_AWAY = (WAIT, REFUSE, KEEP)
_WRITES = frozenset({"set", "delete", "transaction", "load"})


class RemoteStore:
    """A :class:`~framework0.context.change.Store` on a context server.

    It connects in the background and again after each cut, and goes on where it was. What is now is
    read from a replica here, which always has what this store wrote; :meth:`fresh` asks the
    server, and so does everything about the past. A write returns when the server has made it durable.

    ``url`` is ``ws://host:8765`` or ``wss://…``; ``ca`` a file with the authorities to believe in
    place of the system's. Without ``token``, that of the environment variable
    FRAMEWORK0_CONTEXT_TOKEN counts, else that of a server of this user on this machine.

    While there is no connection, a write waits up to ``timeout`` seconds and then raises
    StoreUnavailable (``while_away="wait"``), raises at once (``"refuse"``), or is kept and sent
    later, in order and up to a bound (``"keep"``: its version is 0 until then; what expects a version
    is never kept). Before the server was reached for the first time, ``"wait"`` keeps too, so that a
    program may start before its server.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        namespace: str | None = None,
        name: str | None = None,
        while_away: str = WAIT,
        timeout: float = CALL_SECONDS,
        ca: str | None = None,
    ) -> None:
        if while_away not in WHILE_AWAY:
            raise UsageError(f"while_away is one of {', '.join(WHILE_AWAY)}, not {while_away!r}")
        self._while_away = while_away
        self._timeout = timeout
        self._replica = Replica()
        self._calls = Calls()
        self._waiting = Waiting()
        self._closed = False
        self._link = Link(
            read_address(url, namespace),
            self._replica,
            self._calls,
            token,
            name or f"{gethostname()[:150]}/{getpid()}",
            ca,
        )
        self._link.start()

    def __repr__(self) -> str:
        return f"RemoteStore({str(self._link.address)!r}, {self.status().state})"

    def __del__(self) -> None:
        # A forgotten store ends its thread.
        if not getattr(self, "_closed", True):
            self.close()

    def status(self) -> RemoteStatus:
        """Return how the connection is; asks nobody."""
        link = self._link
        return RemoteStatus(
            link.connected,
            str(link.address),
            link.address.namespace,
            link.role,
            link.who,
            self._replica.version,
            max(0, link.server_version - self._replica.version),
            max(0, link.welcomes - 1),
            link.pictures,
            link.why,
            link.silent_seconds,
            len(self._calls),
            len(self._waiting),
            self._waiting.refused,
            link.trouble,
        )

    def wait_connected(self, timeout: float | None = None) -> bool:
        """Wait until the server has told what there is; False if time ran out.

        Raises RefusedError when it does not let this client in.
        """
        end = monotonic() + (self._timeout if timeout is None else timeout)
        while not self._replica.wait_known(min(0.1, max(0.0, end - monotonic()))):
            if self._link.refusal is not None:
                raise self._link.refusal
            if self._closed or monotonic() >= end:
                return False
        return True

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until the server has the writes that were kept for it; False if time ran out."""
        return self._waiting.wait_empty(self._timeout if timeout is None else timeout)

    # What is now.

    def version(self) -> int:
        """Return the version of the latest change known here."""
        self._need()
        return self._replica.version

    def get(self, key: str, /) -> Entry | None:
        """Return the latest entry of ``key`` known here, or None."""
        if not self._replica.known and not len(self._waiting):
            self._need()
        return self._waiting.get(key, self._replica.get(key))

    def fresh(self, key: str) -> Entry | None:
        """Return the entry of ``key`` as the server has it now, or None."""
        reply = self._ask("get", key=key, fresh=True)
        return _entry(reply)

    def keys(self) -> list[str]:
        """Return the present keys."""
        return list(self.entries())

    def entries(self) -> dict[str, Entry]:
        """Return all present entries as one consistent picture."""
        self._need()
        return self._waiting.over(self._replica.entries())

    def watch(self, listener: Listener, since: int | None = None) -> Undo:
        """Call ``listener`` with the changes to come, those after ``since`` first.

        After a gap that the server could not fill, what differs comes as changes by ``resync``.
        """
        if since is not None:
            self._need()
        missed: list[Change] = []
        while True:
            known_since = self._replica.watch(listener, missed, since)
            if known_since is None:
                return self._replica.unwatcher(listener)
            for change in self.changes(missed[-1].version if missed else since):
                missed.append(change)
                if change.version >= known_since:
                    break

    # Writing.

    def apply(
        self,
        writes: Sequence[Write],
        author: Author,
        at: float,
        expected: Mapping[str, int] | None = None,
        expected_version: int | None = None,
        operation: str | None = None,
    ) -> tuple[Change, ...]:
        """Make all ``writes`` on the server, in order, or none."""
        call = self._call(writes, author, at, expected, expected_version, operation)
        if not self._link.connected:
            # A server that is there needs some milliseconds; only then is it known to be away.
            self._link.tried.wait(self._timeout)
        if not self._link.connected:
            if self._keeps() and not expected and expected_version is None:
                changes = self._waiting.keep(call, writes, author, at)
                self._link.send(call)
                return changes
            if self._while_away == REFUSE:
                raise StoreUnavailable(
                    f"there is no connection to {self._link.address}: {self._trouble()}",
                    happened=False,
                )
        self._link.send(call)
        return self._made(call, monotonic() + self._timeout)

    def apply_all(self, requests: Sequence[Request]) -> list[tuple[Change, ...] | ContextError]:
        """Do what each request asks, in order, each wholly or not at all."""
        end = monotonic() + self._timeout
        sent: list[Call | ContextError] = []
        for request in requests:
            try:
                call = self._call(*request)
                self._link.send(call)
                sent.append(call)
            except ContextError as error:
                sent.append(error)
        answers: list[tuple[Change, ...] | ContextError] = []
        for each in sent:
            try:
                answers.append(each if isinstance(each, ContextError) else self._made(each, end))
            except ContextError as error:
                answers.append(error)
        return answers

    def load(self, changes: Iterable[Change]) -> None:
        """Have the server take over changes that happened elsewhere; needs the role ``admin``."""
        part: list[dict[str, Any]] = []
        size = 0
        for change in changes:
            part.append(full_change(change))
            size += weigh(change.value) + weigh(change.old)
            if len(part) >= LOAD_CHANGES or size >= LOAD_BYTES:
                self._ask("load", changes=part)
                part, size = [], 0
        if part:
            self._ask("load", changes=part)

    # The past, which the server knows.

    def kept_since(self) -> int:
        """Return the version from which on the server keeps every change."""
        kept: int = self._ask("history", since=self.version(), limit=1)["kept_since"]
        return kept

    def at(self, version: int) -> dict[str, Any]:
        """Return the values as they were at ``version``."""
        self._need()
        latest, entries = self._replica.picture()
        if version == latest:
            return {key: entry.value for key, entry in entries.items()}
        values: dict[str, Any] = {}
        after = None
        while True:
            reply = self._ask("at", moment=version, after=after, limit=PAGE)
            values.update(reply["values"])
            if not reply["more"]:
                return values
            after = reply["values"][-1][0]

    def get_at(self, key: str, version: int) -> Entry | None:
        """Return the entry of ``key`` as it was at ``version``, or None."""
        return _entry(self._ask("at", moment=version, key=key))

    def version_at(self, time: float) -> int:
        """Return the version of the last change made at or before ``time`` (epoch seconds)."""
        version: int = self._ask("version_at", time=time)["version"]
        return version

    def changes(self, since: int | None = None, key: str | None = None) -> Iterator[Change]:
        """Iterate over the changes that the server keeps, oldest first, page by page."""
        first = self._ask("history", since=since, key=key, limit=PAGE)

        def pages() -> Iterator[Change]:
            reply = first
            while True:
                page = [read_full_change(change) for change in reply["changes"]]
                yield from page
                if not reply["more"]:
                    return
                reply = self._ask("history", since=page[-1].version, key=key, limit=PAGE)

        return pages()

    def tag(self, name: str, version: int, *, move: bool = False) -> None:
        """Name ``version``; its picture is then always kept."""
        self._ask("tag", name=name, version=version, move=move)

    def untag(self, name: str) -> bool:
        """Forget the name; False when there is none such. Needs the role ``admin``."""
        return bool(self._ask("untag", name=name)["existed"])

    def tags(self) -> dict[str, int]:
        """Return the names and the versions they stand for, sorted by name."""
        tags: dict[str, int] = self._ask("tags")["tags"]
        return tags

    def epoch(self) -> str:
        """Return the random name of the server's history."""
        self._need()
        return self._replica.epoch or ""

    def close(self) -> None:
        """End the connection and its thread, within a second; reading what is known goes on."""
        if self._closed:
            return
        if len(self._waiting):
            self._waiting.wait_empty(CLOSE_SECONDS / 2)
        self._closed = True
        self._link.close()
        self._replica.close()

    def _keeps(self) -> bool:
        """Whether a write is kept now: where that was asked for, or before the first contact."""
        return self._while_away == KEEP or (
            self._while_away == WAIT and not self._link.welcomes and self._link.refusal is None
        )

    def _need(self) -> None:
        """Wait until there is something to read here."""
        if not self._replica.known and not self.wait_connected():
            raise StoreUnavailable(
                f"{self._link.address} could not be reached within {self._timeout:g} seconds: "
                f"{self._trouble()}",
                happened=False,
            )

    def _call(
        self,
        writes: Sequence[Write],
        author: Author,
        at: float,
        expected: Mapping[str, int] | None = None,
        expected_version: int | None = None,
        operation: str | None = None,
    ) -> Call:
        if self._closed:
            raise ContextError("the context is closed: write before close()")
        # Without a name of its own, a write that is sent again after a cut could count twice.
        name = urandom(12).hex() if operation is None else operation
        call = Call(*write_fields(writes, author, at, expected, expected_version, name))
        call.version = -1
        return call

    def _made(self, call: Call, end: float) -> tuple[Change, ...]:
        """Wait for the answer to a write, and return what it did."""
        reply = self._wait(call, end)
        if not reply.get("count"):
            return ()
        if "changes" in reply:
            return tuple(map(read_full_change, reply["changes"]))
        made = self._replica.made(reply["version"], reply["count"])
        if made is not None:
            return tuple(made)
        # A picture came in between: the server still knows what the call of that name did.
        again = Call(call.kind, {**call.fields, "full": True})
        self._link.send(again)
        return tuple(map(read_full_change, self._wait(again, end)["changes"]))

    def _ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        call = Call(kind, fields)
        if kind == "load":
            call.version = -1
        self._link.send(call)
        return self._wait(call, monotonic() + self._timeout)

    def _wait(self, call: Call, end: float) -> dict[str, Any]:
        if not call.wait(end):
            self._link.give_up(call)
            wrote = call.kind in _WRITES and call.sent
            raise StoreUnavailable(
                f"{self._link.address} did not answer within {self._timeout:g} seconds"
                f"{'; whether the write happened is not known' if wrote else ''}: {self._trouble()}",
                happened=None if wrote else False,
            )
        try:
            return call.outcome()
        except RefusedError as refused:
            # Made anew: one error may be many callers' answer.
            raise RefusedError(str(refused)) from None

    def _trouble(self) -> str:
        return self._link.trouble or "it is there, and busy"


def _entry(reply: dict[str, Any]) -> Entry | None:
    """Return the entry that the answer to a ``get`` holds; raises Malformed when it holds none."""
    version = reply.get("version")
    if type(version) is not int:
        raise Malformed("malformed", "the server's answer has no version")
    return Entry(reply.get("value"), version, reply.get("expires")) if version else None
