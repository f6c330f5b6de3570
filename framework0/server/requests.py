"""What a client asks over HTTP and what it is answered, as plain data; and what it is refused with."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, unquote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from typing import Any, Final

    from framework0.server.tokens import Token

JSON_TYPE: Final = "application/json"
PROBLEM_TYPE: Final = "application/problem+json"
TEXT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# Two of these in one request are a way of having two readers understand two things.
_ONCE: Final = frozenset(
    {"host", "origin", "authorization", "content-type", "if-match", "if-none-match"}
    | {"idempotency-key", "last-event-id", "sec-websocket-key", "sec-websocket-version"}
)
_PARAMETERS_MOST: Final = 50


class Refused(Exception):
    """A request is not carried out: ``status`` and ``code`` say why, ``extra`` joins the answer's body."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers
        self.extra = extra or {}


class Head:
    """The request line and the headers, names in lower case; the path is as it was sent."""

    __slots__ = ("headers", "method", "path", "query")

    def __init__(self, method: str, target: str, headers: Iterable[tuple[str, str]]) -> None:
        self.method = method
        self.path, _, self.query = target.partition("?")
        self.headers: dict[str, str] = {}
        for name, value in headers:
            if name in self.headers and name in _ONCE:
                raise Refused(400, "header", f"the header {name} may stand only once")
            self.headers[name] = value

    def parameters(self) -> dict[str, str]:
        """Return the parameters of the query, each at most once."""
        try:
            pairs = parse_qsl(
                self.query,
                keep_blank_values=True,
                strict_parsing=bool(self.query),
                errors="strict",
                max_num_fields=_PARAMETERS_MOST,
            )
        except ValueError as error:
            raise Refused(400, "query", f"the query cannot be read: {error}") from None
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Refused(400, "query", "a parameter of the query stands twice")
        return found


class Request:
    """One request that the guard has let in: who asks, for which route, with what."""

    __slots__ = ("as_of", "body", "head", "parameters", "places", "request_id", "token")

    def __init__(self, head: Head, token: Token | None, places: dict[str, str], rid: str) -> None:
        self.head = head
        self.token = token
        self.places = places
        self.parameters: dict[str, str] = {}
        self.body = b""
        self.request_id = rid
        # When what is read was last known to be everything, by the monotonic clock; None: now.
        self.as_of: float | None = None

    @property
    def caller(self) -> Token:
        """Who asks; only routes that need no token have nobody."""
        assert self.token is not None
        return self.token

    def header(self, name: str) -> str | None:
        """Return a header's value, None when it was not sent."""
        return self.head.headers.get(name)


class Answer:
    """One whole answer."""

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        content_type: str = JSON_TYPE,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers


class Streamed:
    """An answer that is written piece by piece: ``run`` gets the function that writes and waits."""

    __slots__ = ("content_type", "headers", "run")

    def __init__(
        self,
        run: Callable[[Callable[[bytes], Awaitable[None]]], Awaitable[None]],
        content_type: str,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.run = run
        self.content_type = content_type
        self.headers = headers


def json_answer(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return the answer that says ``value``."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Answer(status, text.encode(), JSON_TYPE, headers)


def problem_answer(refused: Refused, request_id: str) -> Answer:
    """Return the problem document (RFC 9457) of a refusal."""
    from http import HTTPStatus

    document = {
        "type": "about:blank",
        "title": HTTPStatus(refused.status).phrase,
        "status": refused.status,
        "code": refused.code,
        "detail": refused.detail,
        "request_id": request_id,
        **refused.extra,
    }
    text = json.dumps(document, separators=(",", ":"))
    return Answer(refused.status, text.encode(), PROBLEM_TYPE, refused.headers)


def place_of(segment: str) -> str:
    """Return the text of one segment of a path; refuse what could mean another path than it shows."""
    try:
        text = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise Refused(
            400, "path", "the path is not UTF-8 after its percent signs are read"
        ) from None
    if ".." in text.replace("\\", "/").split("/") or text == ".":
        raise Refused(400, "path", "a name in the path may not lead elsewhere (`..`)")
    return text
