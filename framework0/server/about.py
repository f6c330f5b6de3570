"""What the server says about itself and its contexts."""

from __future__ import annotations

from asyncio import timeout

from framework0.errors import StoreUnavailable
from framework0.server import metrics as figures
from framework0.server.keys import space_of
from framework0.server.limits import READY_SECONDS
from framework0.server.namespaces import DEFAULT
from framework0.server.requests import TEXT_TYPE, Answer, Refused, json_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from framework0.server.app import App
    from framework0.server.namespaces import Namespace
    from framework0.server.requests import Request


async def healthz(_app: App, _request: Request) -> Answer:
    """Say that the loop turns."""
    return json_answer({"status": "ok"})


async def readyz(app: App, _request: Request) -> Answer:
    """Say whether requests are taken: not while the server drains, or no majority can be asked."""
    if app.draining:
        raise Refused(503, "draining", "the server is about to stop")
    context = app.namespaces.opened(DEFAULT)
    if context is not None and context.freshness is not None:
        try:
            async with timeout(READY_SECONDS):
                await context.freshness.asked()
        except (TimeoutError, StoreUnavailable):
            raise Refused(
                503, "unavailable", "the cluster's majority cannot be asked; plain reads go on"
            ) from None
    return json_answer({"status": "ok"})


async def metrics(app: App, _request: Request) -> Answer:
    """Answer with the page for Prometheus."""
    return Answer(200, figures.page(app).encode(), TEXT_TYPE)


async def openapi(app: App, _request: Request) -> Answer:
    """Answer with the OpenAPI document."""
    return Answer(200, app.document)


async def status(app: App, _request: Request) -> Answer:
    """Say what this server is and what it holds."""
    from framework0 import __version__

    return json_answer(
        {
            "version": __version__,
            "store": app.store_text,
            "uptime": app.monotonic() - app.counts.started,
            "connections": {"http": len(app.connections), "socket": len(app.sockets)},
            "contexts": [_figures(space) for space in app.namespaces],
        }
    )


async def contexts(app: App, _request: Request) -> Answer:
    """List the contexts."""
    return json_answer({"contexts": sorted(space.name for space in app.namespaces)})


async def context(app: App, request: Request) -> Answer:
    """Say where one context is."""
    space = await space_of(app, request)
    keys = await space.read(lambda: len(space.store.keys()))
    kept = await space.read(space.store.kept_since)
    return json_answer(
        {**_figures(space), "epoch": space.store.epoch(), "kept_since": kept, "keys": keys}
    )


async def presence(app: App, request: Request) -> Answer:
    """List who is connected to a context."""
    space = await space_of(app, request)
    return json_answer({"clients": list(space.present.values())})


def _figures(space: Namespace) -> dict[str, Any]:
    return {
        "name": space.name,
        "version": space.feed.version,
        "clients": len(space.present),
        "commits": space.commits.groups,
        "writes": space.commits.requests,
    }
