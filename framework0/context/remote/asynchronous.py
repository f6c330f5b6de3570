"""A context server's client for programs that run on asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from os import getpid, urandom
from random import uniform
from socket import gethostname

from framework0.context.change import Author, Write
from framework0.context.history import thawed
from framework0.context.remote.address import find_token, read_address
from framework0.context.remote.fitting import Room
from framework0.context.remote.limits import (
    BACKOFF_FIRST,
    BACKOFF_LONGEST,
    CALL_SECONDS,
    CONNECT_SECONDS,
    PAGE,
)
from framework0.context.remote.line import NEEDED
from framework0.context.remote.refusals import AGAIN, refusal
from framework0.context.remote.watching import Watched
from framework0.context.remote.writing import write_fields
from framework0.context.values import freeze
from framework0.context.wire.client import (
    MESSAGE_BYTES,
    Answer,
    Broken,
    ClientSession,
    Failed,
    Happened,
    Part,
    Welcome,
)
from framework0.context.wire.frames import read_full_change
from framework0.errors import ContextError, Framework0Error, StoreUnavailable, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from types import TracebackType
    from typing import Any, Self

    from websockets.asyncio.client import ClientConnection

    from framework0.context.change import Change
    from framework0.context.wire.client import Event


class _Cut(Exception):
    """The connection went before the answer came."""


class AsyncContextClient:
    """A context on a server, for one event loop.

        async with AsyncContextClient("ws://localhost:8765") as client:
            await client.set("a", 1)
            async for change in client.watch("a.**"):
                ...

    Every read asks the server. It connects again after a cut, sends again what had no answer (a write
    counts once), and a watch goes on where it was. The arguments are those of
    :class:`~framework0.context.remote.store.RemoteStore`; calls raise what that raises.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        namespace: str | None = None,
        name: str | None = None,
        who: str = "user",
        timeout: float = CALL_SECONDS,
        ca: str | None = None,
    ) -> None:
        self._address = read_address(url, namespace)
        self._token = token
        self._name = name or f"{gethostname()[:150]}/{getpid()}"
        self._author = Author(who)
        self._timeout = timeout
        self._ca = ca
        self._session = ClientSession()
        self._room = Room()
        self._line: ClientConnection | None = None
        self._ready = asyncio.Event()
        self._refusal: Framework0Error | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._watches: dict[Watched, asyncio.Event] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.role = self._epoch = ""
        self.reconnects = -1

    async def __aenter__(self) -> Self:
        """Begin to connect; calls wait until it is done."""
        try:
            import websockets.asyncio.client  # noqa: F401
        except ImportError as missing:
            raise UsageError(NEEDED) from missing
        self._task = asyncio.create_task(self._keep_connected())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        await self.close()

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._ready.is_set()

    async def get(self, key: str, default: Any = None, *, fresh: bool = False) -> Any:
        """Return the value of ``key``, or ``default``; ``fresh`` asks the leader of a cluster."""
        reply = await self._ask("get", key=key, fresh=fresh or None)
        return reply.get("value") if reply.get("version") else default

    async def set(
        self, key: str, value: Any, *, ttl: float | None = None, expect: int | None = None
    ) -> int:
        """Set ``key`` and return the version; ``expect`` is the version it must have (0: absent)."""
        write = Write(key, freeze(value, key=key), False, ttl)
        reply = await self._write((write,), None if expect is None else {key: expect})
        version: int = reply["version"]
        return version

    async def delete(self, key: str) -> bool:
        """Remove ``key``; False when it was not there."""
        return bool((await self._write((Write(key, None, True),), None))["count"])

    async def transaction(
        self, writes: Sequence[Write], expected: Mapping[str, int] | None = None
    ) -> int | None:
        """Make all writes or none; return the version of the last change, None when none was made."""
        frozen = [write._replace(value=freeze(write.value, key=write.key)) for write in writes]
        version: int | None = (await self._write(frozen, expected)).get("version")
        return version

    async def keys(self, pattern: str = "**") -> list[str]:
        """Return the keys that match, sorted."""
        return [key async for key in self._pages("keys", "keys", pattern=pattern)]

    async def items(self, pattern: str = "**") -> list[tuple[str, Any]]:
        """Return the keys that match with their values, sorted; page by page, not at one moment."""
        return [
            (entry[0], entry[1])
            async for entry in self._pages("entries", "entries", pattern=pattern)
        ]

    async def history(self, key: str | None = None, since: int | None = None) -> list[Change]:
        """Return the kept changes, of ``key`` and after ``since`` if given, oldest first."""
        changes: list[Change] = []
        while True:
            reply = await self._ask("history", key=key, since=since, limit=PAGE)
            changes += map(read_full_change, reply["changes"])
            if not reply["more"]:
                return changes
            since = changes[-1].version

    async def at(self, moment: float | str) -> dict[str, Any]:
        """Return all values as they were at a version, a time (float), a tag or ``run:step``."""
        asked = {"time": moment} if isinstance(moment, float) else moment
        return {key: value async for key, value in self._pages("at", "values", moment=asked)}

    async def tags(self) -> dict[str, int]:
        """Return the tags and the versions they stand for."""
        tags: dict[str, int] = (await self._ask("tags"))["tags"]
        return tags

    async def epoch(self) -> str:
        """Return the random name of the server's history; the versions of another mean nothing here."""
        await self.ping()
        return self._epoch

    async def presence(self) -> list[dict[str, Any]]:
        """Return who is connected to this context."""
        clients: list[dict[str, Any]] = (await self._ask("presence"))["clients"]
        return clients

    async def ping(self) -> None:
        """Wait for a sign of life."""
        await self._ask("ping")

    async def watch(
        self, pattern: str = "**", *, since: int | None = None, epoch: str | None = None
    ) -> AsyncIterator[Change]:
        """Yield the changes of the keys that match, from now on, or after ``since`` of ``epoch``.

        Each comes once and in order, through any cut. Where the server cannot tell what was missed,
        what differs comes as changes by ``resync``.
        """
        watched = Watched(pattern, since, epoch)
        news = self._watches[watched] = asyncio.Event()
        try:
            if self._ready.is_set():
                await self._subscribe(watched)
            while not self._closed:
                while watched.waiting:
                    yield thawed(watched.waiting.popleft())
                news.clear()
                if watched.lagging and self._ready.is_set():
                    await self._again(watched)
                elif not watched.waiting:
                    await news.wait()
        finally:
            del self._watches[watched]
            await self._unsubscribe(watched)

    async def close(self) -> None:
        """Close the connection; what waits is refused, watches end."""
        self._closed = True
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._fail(ContextError("the client was closed before the server answered"))
        for news in self._watches.values():
            news.set()

    async def _write(
        self, writes: Sequence[Write], expected: Mapping[str, int] | None
    ) -> dict[str, Any]:
        now = asyncio.get_running_loop().time()
        kind, fields = write_fields(writes, self._author, now, expected, None, urandom(12).hex())
        # The server's clock says when.
        del fields["at"]
        return await self._ask(kind, **fields)

    async def _pages(self, kind: str, part: str, **fields: Any) -> AsyncIterator[Any]:
        after: str | None = None
        while True:
            reply = await self._ask(kind, after=after, limit=PAGE, **fields)
            for item in reply[part]:
                yield item
            if not reply["more"]:
                return
            last = reply[part][-1]
            after = last if isinstance(last, str) else last[0]

    async def _ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Return the answer to a request, sent again after a cut, or raise what it was refused with."""
        if self._closed or self._task is None:
            raise ContextError(
                "the client is closed, or was not entered: async with AsyncContextClient(…)"
            )
        again = False
        try:
            async with asyncio.timeout(self._timeout):
                while True:
                    await self._ready.wait()
                    if self._refusal is not None:
                        raise self._refusal
                    with contextlib.suppress(_Cut):
                        return await self._once(kind, fields, again=again)
                    again = True
        except TimeoutError:
            raise StoreUnavailable(
                f"{self._address} did not answer within {self._timeout:g} seconds",
                happened=None if "operation" in fields else False,
            ) from None

    async def _once(self, kind: str, fields: dict[str, Any], *, again: bool) -> dict[str, Any]:
        from websockets.exceptions import ConnectionClosed

        line = self._line
        if line is None:
            raise _Cut
        identity, data = self._session.request(kind, **fields)
        refused = self._room.refusal(fields, data)
        if refused is not None:
            raise refused
        answer = asyncio.get_running_loop().create_future()
        self._answers[identity] = answer
        try:
            await line.send(data.decode())
            reply: dict[str, Any] = await answer
        except ConnectionClosed:
            raise _Cut from None
        finally:
            self._answers.pop(identity, None)
        if reply.get("type") == "error":
            if reply["code"] in AGAIN:
                await asyncio.sleep(min(float(reply.get("retry_after", BACKOFF_FIRST)), 1.0))
                raise _Cut
            raise refusal(reply, fields.get("operation"), again=again)
        return reply

    async def _keep_connected(self) -> None:
        """Connect, listen, and after a cut begin again."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        trust = ssl.create_default_context(cafile=self._ca) if self._address.secure else None
        tries = 0
        while True:
            try:
                async with connect(
                    str(self._address),
                    ssl=trust,
                    max_size=MESSAGE_BYTES,
                    compression=None,
                    open_timeout=CONNECT_SECONDS,
                    close_timeout=BACKOFF_FIRST,
                ) as line:
                    await self._converse(line)
            except (OSError, TimeoutError, WebSocketException):
                tries += 1
            else:
                tries = 0
            finally:
                self._hang_up()
            longest = min(BACKOFF_LONGEST, BACKOFF_FIRST * 2 ** min(tries, 16))
            await asyncio.sleep(uniform(longest / 2, longest))  # noqa: S311

    async def _converse(self, line: ClientConnection) -> None:
        self._session = ClientSession(first=self._session.next_id)
        hello = self._session.hello(
            token=find_token(self._address, self._token),
            namespace=self._address.namespace,
            client=self._name,
        )
        await line.send(hello.decode())
        async for message in line:
            for event in self._session.receive(message):
                if isinstance(event, Broken):
                    return
                await self._take(event, line)

    async def _take(self, event: Event, line: ClientConnection) -> None:
        match event:
            case Welcome():
                self.role, self._epoch = event.role, event.epoch
                self._room = Room(event.limits)
                self.reconnects += 1
                self._line, self._refusal = line, None
                self._ready.set()
                for watched in self._watches:
                    await self._send_subscribe(watched)
            case Happened():
                for watched, news in self._watches.items():
                    watched.happened(event)
                    news.set()
            case Part():
                for watched, news in self._watches.items():
                    watched.pictured(event)
                    news.set()
            case Answer(identity, fields):
                for watched in self._watches:
                    if watched.id == identity:
                        watched.begin(event)
                self._answer(identity, fields)
            case Failed():
                await self._refused(event, line)

    async def _refused(self, failed: Failed, line: ClientConnection) -> None:
        if failed.id is not None:
            if any(watched.id == failed.id for watched in self._watches):
                # Another server, or this one in a moment, can tell what was missed.
                await line.close()
            self._answer(failed.id, failed.fields)
        # What keeps the context cannot be asked now: the next attempt may do.
        elif not self._ready.is_set() and failed.code != "unavailable":
            self._refusal = refusal(failed.fields)
            self._ready.set()

    def _answer(self, identity: int, fields: dict[str, Any]) -> None:
        answer = self._answers.get(identity)
        if answer is not None and not answer.done():
            answer.set_result(fields)

    async def _subscribe(self, watched: Watched) -> None:
        if self._line is not None and watched.id is None:
            await self._send_subscribe(watched)

    async def _send_subscribe(self, watched: Watched) -> None:
        line = self._line
        if line is None:
            return
        watched.id, data = self._session.request("subscribe", **watched.fields())
        await self._send_if_there(line, data)

    async def _again(self, watched: Watched) -> None:
        """Have the server tell the rest of what a slow reader has not taken."""
        await self._unsubscribe(watched)
        watched.lagging = False
        await self._send_subscribe(watched)

    async def _unsubscribe(self, watched: Watched) -> None:
        line, subscription = self._line, watched.id
        watched.cut()
        if line is not None and subscription is not None:
            _, data = self._session.request("unsubscribe", subscription=subscription)
            await self._send_if_there(line, data)

    async def _send_if_there(self, line: ClientConnection, data: bytes) -> None:
        from websockets.exceptions import ConnectionClosed

        # After a cut, everything is asked for anew.
        with contextlib.suppress(ConnectionClosed):
            await line.send(data.decode())

    def _hang_up(self) -> None:
        self._line = None
        if self._refusal is None:
            self._ready.clear()
        for watched in self._watches:
            watched.cut()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(_Cut())

    def _fail(self, error: Exception) -> None:
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(error)
