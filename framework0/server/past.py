"""Looking back over HTTP: what happened, how it was, who did it, and everything there is."""

from __future__ import annotations

from framework0.context import matcher
from framework0.server.keys import (
    LARGEST,
    key_of,
    moment_of,
    number,
    pattern_of,
    space_of,
    yes_or_no,
)
from framework0.server.limits import PAGE_ITEMS, PAGE_ITEMS_MOST
from framework0.server.looking import newest_changes, picture, some_changes
from framework0.server.requests import Answer, Refused, Streamed
from framework0.server.values import change_object, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, Final

    from framework0.context import Change, Store
    from framework0.server.app import App
    from framework0.server.namespaces import Namespace
    from framework0.server.requests import Request

WRITTEN_AT_A_TIME: Final = 64 * 1024
"""Bytes of one piece of an export: no more than that waits for a reader that is slow."""


async def history(app: App, request: Request) -> Answer:
    """List changes, oldest first, a page at a time."""
    namespace = await space_of(app, request)
    limit = number(request, "limit", PAGE_ITEMS, 1, PAGE_ITEMS_MOST)
    since = number(request, "since", -1, 0, LARGEST)
    key = request.parameters.get("key")
    if yes_or_no(request, "newest"):
        return await _newest(namespace, key, since, limit)
    changes, more = await namespace.read(
        _changes, namespace.store, None if since < 0 else since, key, limit
    )
    shown = [change_object(change) for change in changes]
    said = {"changes": shown, "next": shown[-1]["version"] if more else None}
    return Answer(200, encode(said))


async def _newest(namespace: Namespace, key: str | None, since: int, limit: int) -> Answer:
    if key is None or since >= 0:
        raise Refused(422, "newest", "the newest changes are those of one key: give key, not since")
    found = await namespace.read(newest_changes, namespace.store, key, limit)
    return Answer(200, encode({"changes": list(map(change_object, found)), "next": None}))


def _changes(
    store: Store, since: int | None, key: str | None, most: int
) -> tuple[list[Change], bool]:
    if since is not None and since > store.version():
        raise Refused(422, "since", f"version {since} has not happened yet")
    found = some_changes(store, since, key, most)
    more = bool(found) and next(store.changes(found[-1].version, key), None) is not None
    return found, more


async def at(app: App, request: Request) -> Answer:
    """Answer with all values as they were at a moment."""
    namespace = await space_of(app, request)
    version = await moment_of(namespace, request)
    if version is None:
        raise Refused(422, "moment", "say which moment: version, time or moment (run:step)")
    matches = matcher(pattern_of(request))
    picture = await namespace.read(namespace.store.at, version)
    values = {key: picture[key] for key in sorted(picture) if matches(key)}
    return Answer(200, encode({"version": version, "values": values}))


async def blame(app: App, request: Request) -> Answer:
    """Answer with the change that gave a key its value."""
    namespace = await space_of(app, request)
    key = key_of(request)
    change = await namespace.read(_last_change, namespace.store, key)
    if change is None:
        raise Refused(
            404, "key", f"there is no key {key!r:.200}, or nobody knows any more who set it"
        )
    return Answer(200, encode(change_object(change)))


def _last_change(store: Store, key: str) -> Change | None:
    entry = store.get(key)
    if entry is None:
        return None
    last = None
    for change in store.changes(None, key):
        last = change
    return last


async def export(app: App, request: Request) -> Streamed:
    """Write everything there is as JSON lines: first what it is of, then a line for each key."""
    namespace = await space_of(app, request)
    matches = matcher(pattern_of(request))
    store = namespace.store
    version, entries = await namespace.read(picture, store)
    head = {"epoch": store.epoch(), "version": version, "namespace": namespace.name}
    keys = sorted(key for key in entries if matches(key))

    async def run(write: Callable[[bytes], Awaitable[None]]) -> None:
        await write(encode({**head, "keys": len(keys)}) + b"\n")
        lines: list[bytes] = []
        size = 0
        for key in keys:
            lines.append(line := _line(key, entries[key]))
            size += len(line)
            if size >= WRITTEN_AT_A_TIME:
                await write(b"".join(lines))
                lines, size = [], 0
        if lines:
            await write(b"".join(lines))

    return Streamed(run, "application/jsonl")


def _line(key: str, entry: Any) -> bytes:
    found = {"key": key, "value": entry.value, "version": entry.version}
    if entry.expires is not None:
        found["expires"] = entry.expires
    return encode(found) + b"\n"
