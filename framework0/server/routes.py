"""Every route of the HTTP interface, once: who may use it, what it takes and what it answers.

The router, the guard and the OpenAPI document all read this table, so that none can know a route that
another does not; a route cannot be written down without the role it needs.
"""

from __future__ import annotations

from framework0.server import about, events, keys, pages, past, tagging, transactions
from framework0.server.entrances import ENTER_PATH, ONCE
from framework0.server.guard import OPEN_PATH
from framework0.server.requests import Refused, place_of
from framework0.server.tokens import ADMIN, READ, WRITE
from framework0.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, Final

    from framework0.server.app import App
    from framework0.server.requests import Answer, Head, Request, Streamed

    Handler = Callable[[App, Request], Awaitable[Answer | Streamed]]


class Parameter(NamedTuple):
    """A parameter of a query or a header: its name, its JSON Schema, and what it is for."""

    name: str
    schema: dict[str, Any]
    text: str
    where: str = "query"
    required: bool = False


class Route(NamedTuple):
    """One method on one path. ``role`` None is for everybody; ``answers`` maps statuses to schemas."""

    method: str
    path: str
    role: str | None
    handler: Handler
    summary: str
    answers: dict[int, str]
    parameters: tuple[Parameter, ...] = ()
    body: str | None = None
    content_type: str = "application/json"

    @property
    def takes_body(self) -> bool:
        """Whether a request must have a body."""
        return self.body is not None


_VERSION: Final = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
_TEXT: Final = {"type": "string", "minLength": 1}
_LIMIT: Final = Parameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": 10_000},
    "how many at most; 1,000 if left out",
)
_PATTERN: Final = Parameter("pattern", _TEXT, "which keys: `*` stands for any characters")
_SINCE: Final = Parameter("since", _VERSION, "only what happened after this version")
_MOMENT: Final = (
    Parameter("version", _VERSION, "as it was at this version"),
    Parameter("time", {"type": "number"}, "as it was at this time, in epoch seconds"),
    Parameter("moment", _TEXT, "as it was after this step: `run:step`"),
)
_FRESH: Final = Parameter(
    "fresh",
    {"type": "boolean"},
    "at a server of a cluster: ask the majority first; a server alone always has everything",
)
_OPERATION: Final = Parameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 200},
    "a name of this call: repeated with the same one, it counts once",
    "header",
)
_EXPECT: Final = (
    Parameter("expect_version", _VERSION, "the version the key must have, 0: absent; else 409"),
    Parameter("If-Match", _TEXT, "the ETag the key must have; else 412", "header"),
    Parameter("If-None-Match", _TEXT, "`*`: the key must be absent; else 412", "header"),
    _OPERATION,
)
_TTL: Final = Parameter(
    "ttl",
    {"type": "number", "exclusiveMinimum": 0, "maximum": 3153600000},
    "seconds until the value goes by itself",
)

_PAGE: Final = tuple(
    (path, "the page of the contexts, for browsers" if path == "/" else "a file of that page")
    for path in pages.FILES
)
_IN: Final = "/v1/contexts/{namespace}"
_KEY: Final = f"{_IN}/keys/{{key}}"

ROUTES: Final[tuple[Route, ...]] = (
    *(
        Route("GET", path, READ, pages.file, summary, {200: "Text"}, content_type=pages.FILES[path][1])
        for path, summary in _PAGE
    ),
    Route(
        "GET", ENTER_PATH, READ, pages.enter, "let a browser in, once", {200: "Text"},
        (Parameter(ONCE, _TEXT, "what only the one knows who was given this address", required=True),),
        content_type=pages.HTML,
    ),
    Route(
        "POST", "/v1/entrances", READ, pages.offer, "make an address that lets a browser in, once",
        {201: "Entrance"},
    ),
    Route("GET", OPEN_PATH, None, about.healthz, "whether the server lives", {200: "Health"}),
    Route("GET", "/readyz", READ, about.readyz, "whether it takes requests", {200: "Health"}),
    Route(
        "GET", "/metrics", READ, about.metrics, "figures for Prometheus", {200: "Text"},
        content_type="text/plain",
    ),
    Route("GET", "/openapi.json", READ, about.openapi, "this document", {200: "Any"}),
    Route("GET", "/v1/status", READ, about.status, "what this server is and holds", {200: "Status"}),
    Route("GET", "/v1/contexts", READ, about.contexts, "the contexts there are", {200: "Contexts"}),
    Route(
        "GET", _IN, READ, about.context, "one context in figures", {200: "Context"}, (_FRESH,)
    ),
    Route(
        "GET", f"{_IN}/keys", READ, keys.list_keys, "the keys, page by page",
        {200: "Keys"},
        (
            _PATTERN,
            Parameter("after", _TEXT, "begin after this key: the `next` of the page before"),
            _LIMIT,
            Parameter("values", {"type": "boolean"}, "with the values"),
            Parameter("authors", {"type": "boolean"}, "with who set each value, and when"),
            _FRESH,
        ),
    ),
    Route(
        "GET", _KEY, READ, keys.get_key, "a value", {200: "Value", 304: "Nothing"},
        (
            *_MOMENT,
            _FRESH,
            Parameter("If-None-Match", _TEXT, "answer 304 if the ETag is still this", "header"),
        ),
    ),
    Route(
        "PUT", _KEY, WRITE, keys.put_key, "set a value", {200: "Written", 201: "Written"},
        (*_EXPECT, _TTL), "Value",
    ),
    Route("DELETE", _KEY, WRITE, keys.delete_key, "remove a key", {200: "Removed"}, _EXPECT),
    Route(
        "POST", f"{_IN}/transactions", WRITE, transactions.post, "several writes, all or none",
        {200: "Transacted"}, (_OPERATION,), "Transaction",
    ),
    Route(
        "GET", f"{_IN}/history", READ, past.history, "what happened, oldest first as a rule",
        {200: "History"},
        (
            Parameter("key", _TEXT, "only of this key"), _SINCE, _LIMIT, _FRESH,
            Parameter("newest", {"type": "boolean"}, "of a key: the latest ones, newest first"),
        ),
    ),
    Route(
        "GET", f"{_IN}/at", READ, past.at, "all values as they were at a moment",
        {200: "Picture"}, (*_MOMENT, _PATTERN, _FRESH),
    ),
    Route(
        "GET", f"{_IN}/blame/{{key}}", READ, past.blame, "who set the value of a key",
        {200: "Change"}, (_FRESH,),
    ),
    Route(
        "GET", f"{_IN}/tags", READ, tagging.list_tags, "the named versions", {200: "Tags"}, (_FRESH,)
    ),
    Route(
        "PUT", f"{_IN}/tags/{{tag}}", WRITE, tagging.put_tag, "name a version", {200: "Tag"},
        (Parameter("move", {"type": "boolean"}, "also when the name stands for another version"),),
        "TagBody",
    ),
    Route(
        "DELETE", f"{_IN}/tags/{{tag}}", ADMIN, tagging.delete_tag, "forget a name", {200: "Tag"}
    ),
    Route(
        "GET", f"{_IN}/export", READ, past.export, "everything there is, as JSON lines",
        {200: "Text"}, (_PATTERN, _FRESH), content_type="application/jsonl",
    ),
    Route(
        "GET", f"{_IN}/presence", READ, about.presence, "who is connected", {200: "Presence"}
    ),
    Route(
        "GET", f"{_IN}/events", READ, events.watch, "changes as they happen (Server-Sent Events)",
        {200: "Text"},
        (
            _PATTERN,
            _SINCE,
            Parameter("Last-Event-ID", _TEXT, "as `since`: a browser sends it by itself", "header"),
        ),
        content_type="text/event-stream",
    ),
)  # fmt: skip


class Routes:
    """Finds the route of a request."""

    def __init__(self, routes: tuple[Route, ...] = ROUTES) -> None:
        # By the number of segments, so that few are compared.
        self._by_length: dict[int, list[tuple[list[str], dict[str, Route]]]] = {}
        shapes: dict[str, dict[str, Route]] = {}
        for route in routes:
            shapes.setdefault(route.path, {})[route.method] = route
        for path, methods in shapes.items():
            shape = path.split("/")
            self._by_length.setdefault(len(shape), []).append((shape, methods))

    def find(self, head: Head) -> tuple[Route, dict[str, str]]:
        """Return the route and the texts in the places of its path; refuse with 404 or 405."""
        segments = head.path.split("/")
        for shape, methods in self._by_length.get(len(segments), ()):
            if not all(
                one == other or one.startswith("{")
                for one, other in zip(shape, segments, strict=True)
            ):
                continue
            method = "GET" if head.method == "HEAD" else head.method
            route = methods.get(method)
            if route is None:
                allowed = sorted({*methods, *(["HEAD"] if "GET" in methods else [])})
                raise Refused(
                    405, "method", f"{head.method} is not for this path",
                    headers=(("Allow", ", ".join(allowed)),),
                )  # fmt: skip
            places = {
                one[1:-1]: place_of(other)
                for one, other in zip(shape, segments, strict=True)
                if one.startswith("{")
            }
            return route, places
        raise Refused(404, "path", "there is nothing at this path: see /openapi.json")
