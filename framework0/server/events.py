"""Changes as they happen, as Server-Sent Events: for browsers, curl, and whoever has no WebSocket.

An event's id is the version, so that a client that comes back says where it was (``Last-Event-ID``)
and gets exactly what it missed. What can no longer be given is said by a ``resync`` event.
"""

from __future__ import annotations

import asyncio

from framework0.context import matcher
from framework0.errors import HistoryTrimmed
from framework0.server.keys import LARGEST, number, pattern_of, space_of
from framework0.server.looking import some_changes
from framework0.server.requests import Refused, Streamed
from framework0.server.values import change_object, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import Final

    from framework0.context import Change
    from framework0.server.app import App
    from framework0.server.namespaces import Namespace
    from framework0.server.requests import Request

    Send = Callable[[bytes], Awaitable[None]]

AT_A_TIME: Final = 1000
"""Changes read from the log for one stream, at most."""

QUIET_SECONDS: Final = 15.0
"""A comment is sent so often, so that proxies and clients know the stream is alive."""


async def watch(app: App, request: Request) -> Streamed:
    """Write the changes after a version, and then each as it happens."""
    namespace = await space_of(app, request)
    matches = matcher(pattern_of(request))
    since = await _since(namespace, request)

    async def run(send: Send) -> None:
        me = object()
        namespace.present[me] = app.presence(request.caller, "events")
        try:
            await _write_changes(app, namespace, matches, since, send)
        finally:
            del namespace.present[me]

    headers = (("Cache-Control", "no-cache, no-transform"), ("X-Accel-Buffering", "no"))
    return Streamed(run, "text/event-stream", headers)


async def _since(namespace: Namespace, request: Request) -> int:
    last = request.header("last-event-id")
    if last is not None and "since" not in request.parameters:
        request.parameters["since"] = last
    since = number(request, "since", namespace.feed.version, 0, LARGEST)
    await namespace.reach(since)
    if since > namespace.feed.version and (namespace.freshness is None or namespace.lacks(since)):
        raise Refused(422, "since", f"version {since} has not happened yet")
    return since


async def _write_changes(
    app: App, namespace: Namespace, matches: Callable[[str], bool], since: int, send: Send
) -> None:
    await send(b"retry: 1000\n: watching\n\n")
    position = since
    while not app.draining:
        until = namespace.feed.version
        if position >= until:
            if not await _news(namespace):
                await send(b": alive\n\n")
            continue
        try:
            missed = await namespace.read(some_changes, namespace.store, position, None, AT_A_TIME)
        except HistoryTrimmed as trimmed:
            position = namespace.feed.version
            await send(_resync(trimmed, position))
            continue
        wanted = [change for change in missed if matches(change.key)]
        if wanted:
            namespace.feed.delivered += len(wanted)
            await send(b"".join(_events(wanted)))
        position = missed[-1].version if missed else until
    await send(b"event: goodbye\ndata: {}\n\n")


async def _news(namespace: Namespace) -> bool:
    """Wait for something to happen; False when for a while nothing did."""
    try:
        async with asyncio.timeout(QUIET_SECONDS):
            await namespace.feed.news()
    except TimeoutError:
        return False
    return True


def _events(changes: list[Change]) -> Iterator[bytes]:
    for change in changes:
        # JSON of ours has no line breaks outside of texts, where they are escaped.
        yield b"id: %d\nevent: change\ndata: %b\n\n" % (
            change.version,
            encode(change_object(change)),
        )


def _resync(trimmed: HistoryTrimmed, version: int) -> bytes:
    said = {"why": "trimmed", "kept_since": trimmed.kept_since, "version": version}
    return b"id: %d\nevent: resync\ndata: %b\n\n" % (version, encode(said))
